// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// The state on a hook's standard input (J-22).
struct ContainerStateTests {
    private func state(_ text: String, limits: JSONLimits = .state) throws(SpecError) -> ContainerState {
        try ContainerState(parsing: Array(text.utf8), limits: limits)
    }

    @Test("what runc and crun write")
    func states() throws {
        let runc = try state(
            """
            {"ociVersion":"1.0.2-dev","id":"c1","status":"creating","pid":4711,"bundle":"/run/b",
             "annotations":{"A":"1","a":"2"}}
            """)
        #expect(runc.ociVersion == "1.0.2-dev")
        #expect(runc.id == "c1")
        #expect(runc.pid == 4711)
        #expect(runc.bundle == "/run/b")
        #expect(runc.root == nil)
        let crun = try state(
            #"{ "ociVersion":"1.0", "id":"c", "pid":1, "root":"/r/merged", "bundle":"\/b", "status":"created"}"#
        )
        #expect(crun.root == "/r/merged")
        #expect(crun.bundle == "/b")
        // As crun 1.8.1 writes it to a createContainer hook.
        let early = try state(
            #"{"ociVersion":"1.0","id":"c1","pid":0,"root":"rootfs","bundle":"/tmp/b","status":"created"}"#)
        #expect(early.pid == nil)
        #expect(early.root == "rootfs")
        #expect(try state("{\"id\":\"c\",\"bundle\":\"/b\"}").pid == nil)
        #expect(try state("{\"id\":\"c\",\"bundle\":\"/b\",\"pid\":2147483647}").pid == .max)
    }

    @Test(
        "J-22: what is refused",
        arguments: [
            ("", .malformed), ("{", .malformed), ("[]", .wrongType), ("{}", .invalid), ("{\"id\":\"c\"}", .invalid),
            ("{\"bundle\":\"/b\"}", .invalid), ("{\"id\":\"\",\"bundle\":\"/b\"}", .invalid),
            ("{\"id\":\"c\",\"bundle\":\"b\"}", .invalid), ("{\"id\":\"c\",\"bundle\":\"\"}", .invalid),
            ("{\"id\":\"c\",\"bundle\":\"/a/../b\"}", .invalid), ("{\"id\":\"c\",\"bundle\":\"/..\"}", .invalid),
            ("{\"id\":\"c\",\"bundle\":null}", .invalid), ("{\"id\":\"c\",\"bundle\":1}", .wrongType),
            ("{\"id\":1,\"bundle\":\"/b\"}", .wrongType), ("{\"id\":\"c\",\"bundle\":\"/b\",\"root\":\"\"}", .invalid),
            ("{\"id\":\"c\",\"bundle\":\"/b\",\"root\":\"/r/..\"}", .invalid),
            ("{\"id\":\"c\",\"bundle\":\"/b\",\"pid\":-1}", .invalid),
            ("{\"id\":\"c\",\"bundle\":\"/b\",\"pid\":4294967296}", .outOfRange),
            ("{\"id\":\"c\",\"bundle\":\"/b\",\"pid\":2147483648}", .outOfRange),
            ("{\"id\":\"c\",\"bundle\":\"/b\",\"pid\":\"1\"}", .wrongType),
            ("{\"id\":\"c\",\"bundle\":\"/b\",\"pid\":1.0}", .wrongType),
            ("{\"id\":\"c\",\"bundle\":\"/b\\u0000\"}", .ambiguous),
            ("{\"id\":\"c\",\"bundle\":\"/b\\ud800\"}", .outOfRange),
            ("{\"id\":\"c\",\"bundle\":\"/b\",\"Bundle\":\"/x\"}", .ambiguous),
            ("{\"id\":\"c\",\"Bundle\":\"/b\"}", .ambiguous),
            ("{\"id\":\"c\",\"bundle\":\"/b\",\"bundle\":\"/x\"}", .ambiguous),
        ] as [(String, SpecError.Code)])
    func refused(_ text: String, _ expected: SpecError.Code) {
        #expect(code { () throws(SpecError) in _ = try state(text) } == expected)
    }

    @Test("J-22: invalid UTF-8 and too much text")
    func limits() {
        let bytes = Array("{\"id\":\"c\",\"bundle\":\"/".utf8) + [0xFF] + Array("\"}".utf8)
        #expect(code { () throws(SpecError) in _ = try ContainerState(parsing: bytes) } == .malformed)
        let padded = "{\"id\":\"c\",\"bundle\":\"/b\"}" + String(repeating: " ", count: 1 << 20)
        #expect(code { () throws(SpecError) in _ = try state(padded) } == .tooLarge)
    }
}
