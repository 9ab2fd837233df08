// SPDX-License-Identifier: Apache-2.0

package import Linux

/// `linux.intelRdt`: the container's share of caches and memory bandwidth (runtime-spec, config-linux.md, "IntelRdt").
package struct SpecIntelRDT: Hashable, Sendable {
    /// `closID`: the class of service, a directory in resctrl; empty for one of the container's own.
    package var closID: ByteString
    /// `schemata`: lines for the schemata file. Since runtime-spec 1.3; they go before the two below.
    package var schemata: [ByteString]
    /// `l3CacheSchema`: the line for the L3 cache, such as `L3:0=ffff0;1=ff`; empty where there is none.
    package var l3CacheSchema: ByteString
    /// `memBwSchema`: the line for memory bandwidth, such as `MB:0=20;1=70`; empty where there is none.
    package var memBwSchema: ByteString
    /// `enableMonitoring`: a monitoring group for the container. Since runtime-spec 1.3.
    package var enableMonitoring: Bool
    /// `enableCMT`: monitoring of the last-level cache. Gone since runtime-spec 1.3 and CDI 1.1.
    package var enableCMT: Bool
    /// `enableMBM`: monitoring of memory bandwidth. Gone since runtime-spec 1.3 and CDI 1.1.
    package var enableMBM: Bool

    /// All that is not given says nothing.
    package init(
        closID: ByteString = ByteString(), schemata: [ByteString] = [], l3CacheSchema: ByteString = ByteString(),
        memBwSchema: ByteString = ByteString(), enableMonitoring: Bool = false, enableCMT: Bool = false,
        enableMBM: Bool = false
    ) {
        self.closID = closID
        self.schemata = schemata
        self.l3CacheSchema = l3CacheSchema
        self.memBwSchema = memBwSchema
        self.enableMonitoring = enableMonitoring
        self.enableCMT = enableCMT
        self.enableMBM = enableMBM
    }
}

extension SpecIntelRDT: SpecElement {
    typealias Key = SpecIntelRDT

    init(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) {
        closID = try document.string(of: node, "closID") ?? ByteString()
        schemata = try document.strings(of: node, "schemata")
        l3CacheSchema = try document.string(of: node, "l3CacheSchema") ?? ByteString()
        memBwSchema = try document.string(of: node, "memBwSchema") ?? ByteString()
        enableMonitoring = try document.boolean(of: node, "enableMonitoring")
        enableCMT = try document.boolean(of: node, "enableCMT")
        enableMBM = try document.boolean(of: node, "enableMBM")
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("closID", ifPresent: closID)
            json.member("schemata", ifPresent: schemata)
            json.member("l3CacheSchema", ifPresent: l3CacheSchema)
            json.member("memBwSchema", ifPresent: memBwSchema)
            if enableMonitoring { json.member("enableMonitoring", true) }
            if enableCMT { json.member("enableCMT", true) }
            if enableMBM { json.member("enableMBM", true) }
        }
    }
}
