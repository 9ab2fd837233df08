// SPDX-License-Identifier: Apache-2.0

import Linux
import OCISpec
import Testing

@testable import CDI

/// go-yaml v2's resolve.go.
struct PlainScalarTests {
    private func meaning(_ text: String) -> PlainScalar {
        Array(text.utf8).withUnsafeBufferPointer { PlainScalar($0) }
    }

    @Test(arguments: [
        ("0", 0), ("7", 7), ("-7", -7), ("+7", 7), ("-0", 0), ("195", 195), ("0660", 432), ("0o660", 432),
        ("0x1B0", 432), ("0XfF", 255), ("0b101", 5), ("-0b101", -5), ("1_000", 1000), ("0_7", 7), ("00", 0),
        ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
    ])
    func integers(text: String, value: Int64) {
        #expect(meaning(text) == .integer(isNegative: value < 0, magnitude: value.magnitude))
    }

    @Test func unsigned() {
        #expect(meaning("18446744073709551615") == .integer(isNegative: false, magnitude: UInt64.max))
    }

    @Test(arguments: [
        "1.5", "-1.5", ".5", "1.", "1e3", "1E-3", "+.inf", "-.INF", ".nan", ".NaN", "08", "09", "18446744073709551616",
        "-9223372036854775809", "99999999999999999999999", "1_000.5",
    ])
    func otherNumbers(text: String) { #expect(meaning(text) == .otherNumber) }

    @Test func words() {
        for text in ["", "~", "null", "Null", "NULL"] { #expect(meaning(text) == .null) }
        for text in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            #expect(meaning(text) == .boolean(true))
        }
        for text in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
            #expect(meaning(text) == .boolean(false))
        }
    }

    @Test(arguments: [
        "all", "GPU-1", "-", "--link", "+", ".", "..", "../x", "./x", "0.5.0", "535.161.03", "0000:07:00.0", "12:30",
        "0x", "0b",
        "0b2", "0xg", "1a", "1e", "-x", "_1", "yEs", "nULL", "~/x", "tru", "falsey", "2020-01-01", "1 2", "0o8", "--1",
        "\u{661}",
    ])
    func strings(text: String) { #expect(meaning(text) == .string) }

    /// A device's name and an argument that YAML takes for something else are what the engines make of them.
    @Test func becomesText() throws {
        let text = """
            cdiVersion: 1.1.0
            kind: vendor.example/device
            devices:
            - {name: 0x10, containerEdits: {env: [A=1]}}
            - {name: yes, containerEdits: {env: [A=1]}}
            - {name: 017, containerEdits: {hooks: [{hookName: prestart, path: /h, args: [h, -0, off, 1_0, 'on', "08"]}]}}
            """
        let file = try CDISpecification(parsing: Array(text.utf8), format: .yaml, file: "x")
        #expect(file.deviceNames == ["16", "true", "15"])
        #expect(
            try file.containerEdits(ofDevice: "15")?.hooks.first?.arguments == ["h", "0", "false", "10", "on", "08"])
        let json = small(name: "0").replacing("\"0\"", with: "17")
        #expect(try CDISpecification(parsing: Array(json.utf8), format: .json, file: "x").deviceNames == ["17"])
    }

    @Test func converts() throws {
        let limits = JSONLimits(bytes: 1 << 20)
        func json(_ text: String) throws -> String {
            String(
                decoding: try YAMLConverter.json(from: Array(text.utf8), file: "x", limits: limits), as: UTF8.self)
        }
        #expect(try json("a: b") == #"{"a":"b"}"#)
        #expect(
            try json("---\na:\n- b\n\n- c: 1\n  d:\ne: []\n...\n")
                == "\n{\"a\":\n[\"b\",\n\n{\"c\":1,\n\"d\":null}],\n\"e\":[]}")
        #expect(try json("- \"\\e\\\"\\\\\\x01\u{e9}\"") == #"["\u001b\"\\\u0001"# + "\u{e9}\"]")
        #expect(try json("\u{feff}a: 'b: c'") == #"{"a":"b: c"}"#)
        #expect(try json("1: x\nyes: z") == "{\"1\":\"x\",\n\"yes\":\"z\"}")
        #expect(try json("x") == "\"x\"")
    }
}
