// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A bundle's config.json (runtime-spec), with typed views of it and edits to it.
///
/// The text stays as it was read, and edits are spliced into it: whatever is not edited, unknown members, number text,
/// escapes, order and white space included, is written back byte for byte. A restriction of the container that we know
/// nothing of can't get lost.
package struct SpecDocument: ~Copyable {
    /// The text as it was read.
    let json: JSONDocument

    // What edits have touched; nil until then.
    var environmentEdits: EditedList<ByteString>?
    var additionalGIDEdits: EditedList<UInt32>?
    var mountEdits: EditedList<SpecMount>?
    var deviceEdits: EditedList<SpecDevice>?
    var deviceRuleEdits: EditedList<SpecDeviceRule>?
    var netDeviceEdits: NetDeviceEdits?
    var intelRDTEdit: SpecIntelRDT?
    var hookEdits = HookEdits()

    /// Reads the text of a config.json, all of it. `file` names it in errors.
    ///
    /// Throws where it isn't strict JSON, where runc and crun would read it differently, and where it is over `limits`.
    /// Types are checked when a view or an edit needs a member, not here.
    package init(
        parsing text: [UInt8], file: ByteString = "config.json", limits: JSONLimits = .spec
    ) throws(SpecError) {
        let json = try JSONDocument(parsing: text, file: file, limits: limits)
        try json.require(.object, at: json.root)
        if !json.index.twins.isEmpty { try json.requireOneCase(except: Self.maps(in: json)) }
        self.json = json
    }

    /// The objects that are `map[string]…` in runc's Go types: any name may be a key, and case counts.
    private static func maps(in json: borrowing JSONDocument) throws(SpecError) -> [JSONNode] {
        let paths: [[StaticString]] = [
            ["annotations"], ["linux", "sysctl"], ["linux", "netDevices"], ["linux", "resources", "unified"],
            ["linux", "resources", "rdma"],
        ]
        var maps: [JSONNode] = []
        for path in paths {
            if let node = try json.node(at: path) { maps.append(node) }
        }
        return maps
    }
}
