// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// Edits of `linux.netDevices` and `linux.intelRdt`.
struct LinuxEditTests {
    private static let everything = SpecIntelRDT(
        closID: "guaranteed", schemata: ["L3:0=f", "MB:0=20"], l3CacheSchema: "L3:0=ff", memBwSchema: "MB:0=50",
        enableMonitoring: true, enableCMT: true, enableMBM: true)
    private static let everythingText =
        #"{"closID":"guaranteed","schemata":["L3:0=f","MB:0=20"],"l3CacheSchema":"L3:0=ff","memBwSchema":"MB:0=50","#
        + #""enableMonitoring":true,"enableCMT":true,"enableMBM":true}"#

    private static let cases: [EditCase] = [
        EditCase(
            "network interfaces are made", "{}",
            #"{"linux":{"netDevices":{"eth0":{"name":"net0"},"eth1":{"name":"eth1"}}}}"#
        ) {
            try $0.setNetDevice(hostName: "eth0", name: "net0")
            try $0.setNetDevice(hostName: "eth1", name: "eth1")
            try $0.setNetDevice(hostName: "eth0", name: "net0")
        },
        EditCase(
            "and put behind what is there", #"{"linux":{"netDevices":{ "eth0" : { "name":"a" } } ,"x":1}}"#,
            #"{"linux":{"netDevices":{ "eth0" : { "name":"a" },"eth1":{"name":"b"} } ,"x":1}}"#
        ) { try $0.setNetDevice(hostName: "eth1", name: "b") },
        EditCase(
            "into an empty object or null", #"{"linux":{"netDevices":null,"x":1}}"#,
            #"{"linux":{"netDevices":{"eth1":{"name":"b"}},"x":1}}"#
        ) { try $0.setNetDevice(hostName: "eth1", name: "b") },
        EditCase(
            "into an empty object", #"{"linux":{"netDevices":{ }}}"#,
            #"{"linux":{"netDevices":{"eth1":{"name":"b"} }}}"#
        ) { try $0.setNetDevice(hostName: "eth1", name: "b") },
        EditCase(
            "what is there is not repeated, however it is written",
            #"{"linux":{"netDevices":{"eth\u0030":{"x":1,"name":"\u0061"},"b":{},"c":null,"d":{"name":""}}}}"#,
            #"{"linux":{"netDevices":{"eth\u0030":{"x":1,"name":"\u0061"},"b":{},"c":null,"d":{"name":""}}}}"#
        ) {
            try $0.setNetDevice(hostName: "eth0", name: "a")
            for name in ["b", "c", "d"] as [ByteString] { try $0.setNetDevice(hostName: name, name: name) }
        },
        EditCase(
            "case counts in a map", #"{"linux":{"netDevices":{"ETH0":{"name":"a"}}}}"#,
            #"{"linux":{"netDevices":{"ETH0":{"name":"a"},"eth0":{"name":"A"}}}}"#
        ) { try $0.setNetDevice(hostName: "eth0", name: "A") },
        EditCase(
            "a name that needs escapes", "{}", #"{"linux":{"netDevices":{"e\"\\h":{"name":"\"n"}}}}"#
        ) { try $0.setNetDevice(hostName: "e\"\\h", name: "\"n") },
        EditCase("Intel RDT is made", "{}", #"{"linux":{"intelRdt":\#(everythingText)}}"#) {
            try $0.setIntelRDT(everything)
        },
        EditCase("empty", #"{"linux":{"x":1}}"#, #"{"linux":{"x":1,"intelRdt":{}}}"#) {
            try $0.setIntelRDT(SpecIntelRDT())
        },
        EditCase(
            "null is as good as missing", #"{"linux":{"intelRdt":null}}"#, #"{"linux":{"intelRdt":\#(everythingText)}}"#
        ) {
            try $0.setIntelRDT(everything)
        },
        EditCase(
            "the object is replaced, unknown members too",
            #"{"linux":{"intelRdt": {"closID":"x","l3CacheSchema":"L3:0=1","new":1} }}"#,
            #"{"linux":{"intelRdt": {"closID":"guaranteed"} }}"#
        ) { try $0.setIntelRDT(SpecIntelRDT(closID: "guaranteed")) },
        EditCase(
            "a member more is another object", #"{"linux":{"intelRdt":{"closID":"guaranteed","new":1}}}"#,
            #"{"linux":{"intelRdt":{"closID":"guaranteed"}}}"#
        ) { try $0.setIntelRDT(SpecIntelRDT(closID: "guaranteed")) },
        EditCase(
            "what is there stays as it is written",
            #"{"linux":{"intelRdt":{ "enableMonitoring":true , "closID":"\u0061" }}}"#,
            #"{"linux":{"intelRdt":{ "enableMonitoring":true , "closID":"\u0061" }}}"#
        ) {
            try $0.setIntelRDT(SpecIntelRDT(closID: "b"))
            try $0.setIntelRDT(SpecIntelRDT(closID: "a", enableMonitoring: true))
        },
        EditCase("the last one counts", "{}", #"{"linux":{"intelRdt":{"closID":"b"}}}"#) {
            try $0.setIntelRDT(everything)
            try $0.setIntelRDT(SpecIntelRDT(closID: "b"))
        },
        EditCase(
            "all at once, at the end of linux", #"{"linux":{"devices":[],"netDevices":{},"intelRdt":{}}}"#,
            #"{"linux":{"devices":[\#(Sample.deviceText)],"netDevices":{"a":{"name":"a"}},"intelRdt":\#(everythingText),"#
                + #""resources":{"devices":[\#(Sample.ruleText)]}}}"#
        ) {
            try $0.setIntelRDT(everything)
            try $0.setNetDevice(hostName: "a", name: "a")
            try $0.addDevice(Sample.device)
            try $0.allowDevice(Sample.rule)
        },
    ]

    @Test(arguments: cases)
    func edit(_ test: EditCase) throws { try test.check() }

    @Test(
        "two edits that fight, and names that are none",
        arguments: [
            ("eth0", "b", #"linux.netDevices["eth0"]: is "a" in the container, can't be "b" too"#),
            ("eth1", "a", #"linux.netDevices["eth1"]: "a" in the container is "eth0" of the host already"#),
            ("", "b", #"linux.netDevices[""]: a network interface must have a name"#),
            ("eth1", "", #"linux.netDevices["eth1"]: a network interface must have a name"#),
        ] as [(ByteString, ByteString, String)])
    func refusedNetDevice(hostName: ByteString, name: ByteString, reason: String) throws {
        for text in [#"{"linux":{"netDevices":{"eth0":{"name":"a"}}}}"#, "{}"] {
            var document = try SpecDocument(parsing: Array(text.utf8))
            try document.setNetDevice(hostName: "eth0", name: "a")
            do throws(SpecError) {
                try document.setNetDevice(hostName: hostName, name: name)
                Issue.record("not refused")
            } catch {
                #expect(error.code == .invalid)
                #expect(error.reason == reason)
            }
        }
    }

    @Test(
        "other types than the specification's",
        arguments: [
            #"{"linux":{"netDevices":[]}}"#, #"{"linux":{"netDevices":{"a":1}}}"#,
            #"{"linux":{"netDevices":{"a":{"name":1}}}}"#,
            #"{"linux":{"intelRdt":[]}}"#, #"{"linux":{"intelRdt":{"schemata":"x"}}}"#,
            #"{"linux":{"intelRdt":{"enableCMT":1}}}"#, #"{"linux":1}"#,
        ])
    func wrongType(_ text: String) throws {
        var document = try SpecDocument(parsing: Array(text.utf8))
        let found = code { () throws(SpecError) in
            try document.setNetDevice(hostName: "x", name: "y")
            try document.setIntelRDT(SpecIntelRDT(closID: "x"))
        }
        #expect(found == .wrongType)
    }

    @Test("a name that JSON can't carry is refused when it is written")
    func notText() throws {
        var document = try SpecDocument(parsing: Array("{}".utf8))
        try document.setNetDevice(hostName: ByteString([0xFF]), name: "y")
        let found = code { () throws(SpecError) in _ = try document.rendered() }
        #expect(found == .outOfRange)
    }
}
