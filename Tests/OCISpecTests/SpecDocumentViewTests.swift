// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// Typed views (J-07, J-09, J-10).
struct SpecDocumentViewTests {
    @Test("the views of a document with everything")
    func views() throws {
        let document = try SpecDocument(parsing: try TestData.bytes("full-features.json"))
        #expect(try document.ociVersion == "1.3.0")
        #expect(try document.environment == ["PATH=/bin", "NAME=\u{E9}\u{2028}", "QUOTE=\"x\""])
        let annotations = try document.annotations
        #expect(annotations.map(\.key) == ["io.example/Key", "io.example/key", "big"])
        #expect(annotations.map(\.value) == ["a", "b", "1e400"])
        #expect(
            try document.mounts == [
                SpecMount(destination: "/proc", source: "proc", type: "proc"),
                SpecMount(destination: "/data", source: "/srv/data", options: ["rbind", "ridmap"]),
            ])
        #expect(try document.rootPath == "rootfs")
        #expect(try document.user == SpecUser(uid: 1000, gid: 1000, additionalGIDs: [10, 20]))
        #expect(try document.boundingCapabilities == ["CAP_KILL", "CAP_CHOWN"])
        #expect(
            try document.devices == [
                SpecDevice(path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0)
            ])
        #expect(
            try document.deviceRules == [
                SpecDeviceRule(allow: false, type: "", major: nil, minor: nil, access: "rwm"),
                SpecDeviceRule(allow: true, type: "c", major: 10, minor: 229, access: "rwm"),
            ])
        let hook = SpecHook(path: "/usr/bin/net", arguments: ["net", "up"], environment: [], timeout: 5)
        #expect(try document.hooks(.createRuntime) == [hook])
        #expect(try document.hooks(.prestart) == [])
    }

    @Test("the views of what engines wrote")
    func realSpecs() throws {
        for name in try TestData.realSpecs {
            let document = try SpecDocument(parsing: try TestData.bytes(name))
            #expect(try document.environment.contains { $0.hasPrefix("PATH=") }, "\(name)")
            #expect(try document.mounts.contains { $0.destination == "/proc" && $0.type == "proc" }, "\(name)")
            #expect(try document.boundingCapabilities.count == 14, "\(name)")
            #expect(try document.deviceRules.first?.allow == false, "\(name)")
            #expect(try document.rootPath?.isEmpty == false, "\(name)")
        }
        let cdi = try SpecDocument(
            parsing: try TestData.bytes("real/containerd-2.3-cri-container-native-cdi-applied.json"))
        #expect(try cdi.devices.count == 5)
        #expect(try cdi.mounts.count == 53)
        #expect(try !cdi.hooks(.createContainer).isEmpty)
        let docker = try SpecDocument(parsing: try TestData.bytes("real/docker-20.10.json"))
        #expect(try docker.hooks(.prestart).count == 1)
    }

    @Test(
        "J-10: what is missing, null or empty is empty",
        arguments: [
            "{}", "{\"process\":null,\"root\":null,\"linux\":null,\"mounts\":null,\"hooks\":null,\"annotations\":null}",
            "{\"process\":{},\"root\":{},\"linux\":{},\"mounts\":[],\"hooks\":{},\"annotations\":{}}",
            """
            {"process":{"env":null,"user":null,"capabilities":null},"root":{"path":null,"readonly":null},
             "linux":{"devices":null,"resources":null,"namespaces":null,"uidMappings":null},"hooks":{"prestart":null}}
            """,
            "{\"process\":{\"user\":{\"uid\":null},\"capabilities\":{\"bounding\":null}},\"linux\":{\"resources\":{}}}",
        ])
    func missing(_ text: String) throws {
        let document = try SpecDocument(parsing: Array(text.utf8))
        #expect(try document.ociVersion == nil)
        #expect(try document.environment == [])
        #expect(try document.annotations.isEmpty)
        #expect(try document.mounts == [])
        #expect(try document.rootPath == nil)
        #expect(try document.user == SpecUser(uid: 0, gid: 0, additionalGIDs: []))
        #expect(try document.boundingCapabilities == [])
        #expect(try document.devices == [])
        #expect(try document.deviceRules == [])
        #expect(try document.hooks(.prestart) == [])
    }

    /// A view, by name, that throws on a document.
    struct Refusal: CustomTestStringConvertible, Sendable {
        let text: String
        let message: String
        let view: @Sendable (borrowing SpecDocument) throws -> Void
        var testDescription: String { text }

        init(_ text: String, _ message: String, _ view: @escaping @Sendable (borrowing SpecDocument) throws -> Void) {
            self.text = text
            self.message = message
            self.view = view
        }
    }

    @Test(
        "J-10: another type than the specification's throws and names the member",
        arguments: [
            Refusal("{\"process\":{\"env\":\"A=b\"}}", "process.env: must be an array, is a string") {
                _ = try $0.environment
            },
            Refusal("{\"process\":[]}", "process: must be an object, is an array") { _ = try $0.environment },
            Refusal("{\"process\":{\"env\":[\"A=b\",1]}}", "process.env[1]: must be a string, is a number") {
                _ = try $0.environment
            },
            Refusal("{\"process\":{\"env\":[null]}}", "process.env[0]: must be a string, is null") {
                _ = try $0.environment
            },
            Refusal("{\"process\":{\"env\":{}}}", "process.env: must be an array, is an object") {
                _ = try $0.environment
            },
            Refusal("{\"mounts\":{}}", "mounts: must be an array, is an object") { _ = try $0.mounts },
            Refusal("{\"mounts\":[1]}", "mounts[0]: must be an object, is a number") { _ = try $0.mounts },
            Refusal("{\"mounts\":[{},{\"options\":\"ro\"}]}", "mounts[1].options: must be an array, is a string") {
                _ = try $0.mounts
            },
            Refusal(
                "{\"process\":{\"capabilities\":[\"CAP_KILL\"]}}",
                "process.capabilities: must be an object, is an array"
            ) {
                _ = try $0.boundingCapabilities
            },
            Refusal("{\"root\":\"rootfs\"}", "root: must be an object, is a string") { _ = try $0.rootPath },
            Refusal("{\"annotations\":{\"a\":1}}", "annotations.a: must be a string, is a number") {
                _ = try $0.annotations
            },
            Refusal("{\"annotations\":[]}", "annotations: must be an object, is an array") { _ = try $0.annotations },
            Refusal("{\"hooks\":[]}", "hooks: must be an object, is an array") { _ = try $0.hooks(.prestart) },
            Refusal("{\"hooks\":{\"prestart\":{}}}", "hooks.prestart: must be an array, is an object") {
                _ = try $0.hooks(.prestart)
            },
            Refusal("{\"ociVersion\":1}", "ociVersion: must be a string, is a number") { _ = try $0.ociVersion },
            Refusal("{\"linux\":true}", "linux: must be an object, is a boolean") { _ = try $0.devices },
        ])
    func wrongType(_ refusal: Refusal) throws {
        let document = try SpecDocument(parsing: Array(refusal.text.utf8))
        let error = #expect(throws: SpecError.self) { try refusal.view(document) }
        #expect(error?.code == .wrongType)
        #expect(error?.description == "config.json: " + refusal.message)
    }

    @Test(
        "J-09: numbers are read exactly or not at all",
        arguments: [
            ("0", 0), ("4294967295", 4_294_967_295), ("4294967296", nil), ("-1", nil), ("-0", nil), ("1.0", nil),
            ("1e2", nil), ("9223372036854775808", nil), ("18446744073709551615", nil), ("18446744073709551616", nil),
            ("-9223372036854775809", nil), ("1e400", nil), ("123456789012345678901234567890", nil), ("\"1\"", nil),
            ("true", nil), ("[1]", nil), ("{}", nil),
        ] as [(String, UInt32?)])
    func unsigned(_ number: String, _ expected: UInt32?) throws {
        let document = try SpecDocument(parsing: Array("{\"process\":{\"user\":{\"uid\":\(number)}}}".utf8))
        if let expected {
            #expect(try document.user.uid == expected)
        } else {
            #expect(throws: SpecError.self) { try document.user }
        }
    }

    @Test(
        "J-09: 64-bit numbers",
        arguments: [
            ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min), ("-1", -1), ("-0", 0),
            ("9223372036854775808", nil), ("-9223372036854775809", nil), ("18446744073709551616", nil), ("1.5", nil),
        ] as [(String, Int64?)])
    func signed(_ number: String, _ expected: Int64?) throws {
        let document = try SpecDocument(parsing: Array("{\"linux\":{\"devices\":[{\"major\":\(number)}]}}".utf8))
        if let expected {
            #expect(try document.devices.first?.major == expected)
        } else {
            let error = #expect(throws: SpecError.self) { try document.devices }
            #expect(error?.reason.hasPrefix("linux.devices[0].major: ") == true)
        }
    }

    @Test("J-07: half a surrogate pair throws where the string is read, and nowhere else")
    func loneSurrogate() throws {
        let text = "{\"hostname\":\"\\ud800\",\"process\":{\"env\":[\"A=\\udc00\"]},\"annotations\":{\"a\":\"b\"}}"
        var document = try SpecDocument(parsing: Array(text.utf8))
        #expect(throws: SpecError.self) { try document.environment }
        #expect(try document.annotations.count == 1)
        try document.addAdditionalGID(7)
        let rendered = String(decoding: try document.rendered(), as: UTF8.self)
        #expect(rendered.contains("\\ud800") && rendered.contains("A=\\udc00"))
    }

    @Test("strings are decoded, and are bytes")
    func strings() throws {
        let text =
            "{\"process\":{\"env\":[\"A=\\/\\\"\\\\\\n\\u00e9\\ud83d\\ude00\",\"B=\u{E9}e\u{301}\u{FFFE}\",\"\"]}}"
        let document = try SpecDocument(parsing: Array(text.utf8))
        #expect(
            try document.environment == [
                ByteString("A=/\"\\\n\u{E9}\u{1F600}"), ByteString("B=\u{E9}e\u{301}\u{FFFE}"), "",
            ])
    }
}
