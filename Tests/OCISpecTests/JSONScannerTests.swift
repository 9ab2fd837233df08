// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// What is taken for JSON and what is not (J-01 to J-08). RFC 8259 is the measure.
struct JSONScannerTests {
    @Test("J-01: every truncation of a spec is refused")
    func truncation() throws {
        let text = try TestData.bytes("real/containerd-1.6-ctr.json")
        let end = try #require(text.lastIndex(of: UInt8(ascii: "}")))
        for length in 0...end {
            #expect(refusal(text[..<length]) == .malformed, "\(length) bytes")
        }
        #expect(refusal(text) == nil)
    }

    @Test(
        "J-02: what is not JSON is refused",
        arguments: [
            "", " ", "{", "}", "[", "\"", "{}{}", "{} x", "{},", "{}\u{0}", "{}]", "\u{FEFF}{}", "// c\n{}", "/**/{}",
            "{'a':1}", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,\"a\":1}", "{\"a\":1 \"b\":2}", "{\"a\" 1}",
            "{\"a\"::1}", "{\"a\":[1,]}", "{\"a\":[,1]}", "{\"a\":[1 2]}", "{\"a\":[}", "{\"a\":[1}", "{\"a\":{]}",
            "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":-Infinity}", "{\"a\":TRUE}", "{\"a\":True}", "{\"a\":tru}",
            "{\"a\":nul", "{\"a\":NULL}", "{\"a\":truex}", "{\"a\":01}", "{\"a\":-01}", "{\"a\":00}", "{\"a\":1.}",
            "{\"a\":.5}", "{\"a\":-}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":1.e1}", "{\"a\":0x10}",
            "{\"a\":1_0}", "{\"a\":--1}", "{\"a\":\"\t\"}", "{\"a\":\"\n\"}", "{\"a\":\"\u{1}\"}", "{\"a\":\"\u{0}\"}",
            "{\"a\u{1F}\":1}", "{\"a\":\"\\x41\"}", "{\"a\":\"\\'\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12G4\"}",
            "{\"a\":\"\\U0041\"}", "{\"a\":\"\\", "{\"a\":\"\\\"}", "{\"\\ud800\":1}", "{\"\\udc00\\ud800\":1}",
            "{\"a\":1\u{B}}", "{\"a\":1\u{C}}", "{\u{A0}}", "{\"a\":1\u{2028}}", "{1:1}", "{null:1}", "{\"a\":1}}",
        ])
    func malformed(_ text: String) {
        #expect(refusal(text) == .malformed)
    }

    @Test("a document that is no object is refused", arguments: ["[]", "\"a\"", "1", "-0.5e-7", "true", "null", " 1 "])
    func otherDocuments(_ text: String) throws {
        #expect(refusal(text) == .wrongType)
        #expect(throws: Never.self) {
            try JSONScanner.scan(Array(text.utf8), file: "x", limits: .spec)
        }
    }

    @Test(
        "all of JSON is taken",
        arguments: [
            "{}", " \t\r\n{ \t\r\n} \t\r\n", "{\"\":[]}",
            "{\"a\":[{},[],\"\",0,-0,0.5,1e5,1E+5,1e-5,-1.25,true,false,null]}",
            "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\"}",
            "{\"a\":\"\u{7F}\u{E9}\u{2028}\u{FFFE}\u{10FFFF}\"}",
            "{\"a\":\"\\ud800\",\"b\":\"\\udc00x\",\"c\":\"\\ud800\\u0041\"}",
            "{\"a\":1e400,\"b\":123456789012345678901234567890}",
            "{\"\u{E9}\":1,\"e\u{301}\":2}", "{\"A\u{30A}\":1,\"\u{C5}\":2}",
        ])
    func wellFormed(_ text: String) {
        #expect(refusal(text) == nil)
    }

    @Test(
        "J-03: two names for one member are refused",
        arguments: [
            "{\"process\":{},\"process\":{}}", "{\"process\":{\"env\":[],\"env\":[]}}",
            "{\"Process\":{},\"process\":{}}",
            "{\"root\":{},\"ROOT\":{}}", "{\"process\":1,\"\\u0070rocess\":2}", "{\"\\u0050rocess\":1,\"process\":2}",
            "{\"a\":[{\"b\":1},{\"c\":1,\"c\":2}]}", "{\"hook\u{17F}\":1,\"hooks\":2}",
            "{\"hoo\u{212A}s\":1,\"hooks\":2}",
            "{\"hoo\\u212as\":1,\"HOOKS\":2}", "{\"hook\\u017F\":1,\"Hooks\":2}", "{\"a/b\":1,\"a\\/b\":2}",
            "{\"\":1,\"\":2}", "{\"\u{1F600}\":1,\"\\ud83d\\ude00\":2}",
            "{\"annotations\":{\"a\":\"1\",\"a\":\"2\"}}", "{\"annotations\":{\"x\":{\"a\":1,\"A\":2}}}",
            "{\"linux\":{\"resources\":{\"Devices\":[],\"devices\":[]}}}",
        ])
    func ambiguousNames(_ text: String) {
        #expect(refusal(text) == .ambiguous)
    }

    @Test("J-03: the same among many members", arguments: [24, 25, 1000])
    func ambiguousNamesAmongMany(_ count: Int) {
        let members = (0..<count).map { "\"member\($0)\":0" }.joined(separator: ",")
        #expect(refusal("{\(members)}") == nil)
        #expect(refusal("{\(members),\"member7\":0}") == .ambiguous)
        #expect(refusal("{\(members),\"Member7\":0}") == .ambiguous)
        #expect(refusal("{\(members),\"\\u006dember7\":0}") == .ambiguous)
        // Between two that are equal, one that differs in case: all of them in a map, where only the equal ones count.
        #expect(refusal("{\"annotations\":{\(members),\"X\":0,\"x\":0}}") == nil)
        #expect(refusal("{\"annotations\":{\(members),\"X\":0,\"x\":0,\"X\":0}}") == .ambiguous)
    }

    @Test("names that differ only in case are fine in maps")
    func maps() {
        let twins = "{\"Key\":\"1\",\"key\":\"2\"}"
        #expect(refusal("{\"annotations\":\(twins)}") == nil)
        #expect(refusal("{\"linux\":{\"sysctl\":\(twins)}}") == nil)
        #expect(refusal("{\"linux\":{\"resources\":{\"unified\":\(twins)}}}") == nil)
        #expect(refusal("{\"linux\":{\"resources\":\(twins)}}") == .ambiguous)
        #expect(refusal("{\"annotations\":\(twins),\"process\":\(twins)}") == .ambiguous)
    }

    @Test("J-03: a member in other letter case is not taken for missing")
    func otherCase() throws {
        for name in ["Process", "PROCESS", "proce\u{17F}s", "proce\\u017fs", "pr\\u004fcess"] {
            let document = try SpecDocument(parsing: Array("{\"\(name)\":{\"env\":[\"A=b\"]}}".utf8))
            #expect(throws: SpecError.self, "\(name)") { try document.environment }
        }
        let document = try SpecDocument(parsing: Array("{\"\\u0070rocess\":{\"env\":[\"A=b\"]}}".utf8))
        #expect(try document.environment == ["A=b"])
    }

    @Test(
        "J-04: nesting",
        arguments: [(62, nil), (63, nil), (64, .tooLarge), (10_000, .tooLarge), (1_000_000, .tooLarge)]
            as [(Int, SpecError.Code?)])
    func depth(_ arrays: Int, _ expected: SpecError.Code?) {
        // The object is one level more.
        let nested = String(repeating: "[", count: arrays) + String(repeating: "]", count: arrays)
        #expect(refusal("{\"a\":\(nested)}") == expected)
        #expect(refusal("{\"a\":\(String(repeating: "[", count: arrays))") == expected ?? .malformed)
        let objects = String(repeating: "{\"a\":", count: arrays) + "0" + String(repeating: "}", count: arrays)
        #expect(refusal("{\"a\":\(objects)}") == expected)
    }

    @Test("J-05: size and number of values")
    func size() {
        let limits = JSONLimits(bytes: 1000, values: 100)
        func padded(_ count: Int) -> String { "{\"a\":0}" + String(repeating: " ", count: count - 7) }
        #expect(refusal(padded(1000), limits: limits) == nil)
        #expect(refusal(padded(1001), limits: limits) == .tooLarge)
        func numbers(_ count: Int) -> String {
            "{\"a\":[\(Array(repeating: "1", count: count).joined(separator: ","))]}"
        }
        #expect(refusal(numbers(98), limits: limits) == nil)
        #expect(refusal(numbers(99), limits: limits) == .tooLarge)
        #expect(MemoryLayout<JSONIndex.Node>.stride <= 24)
        // 4 MiB at most, of which each value takes at least two bytes: the number of values is what bounds memory.
        #expect(JSONLimits.spec.values * MemoryLayout<JSONIndex.Node>.stride < 16 << 20)
    }

    @Test("J-06: 100,000 members", .timeLimit(.minutes(1)))
    func manyMembers() {
        let names = (0..<100_000).map { "\"\(String($0, radix: 36))\":0" }.joined(separator: ",")
        #expect(refusal("{\(names)}") == nil)
        #expect(refusal("{\(names),\"A\":0}") == .ambiguous)
    }

    @Test(
        "J-07: invalid UTF-8 is refused wherever it is",
        arguments: [
            [0xFF], [0x80], [0xC3], [0xC3, 0x28], [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0xAF], [0xE0, 0x9F, 0xBF],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0xAF], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xE2, 0x82],
            [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func invalidUTF8(_ bytes: [UInt8]) {
        #expect(refusal(Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8)) == .malformed)
        #expect(refusal(Array("{\"".utf8) + bytes + Array("\":1}".utf8)) == .malformed)
        #expect(refusal(Array("{\"a\":".utf8) + bytes + Array("}".utf8)) == .malformed)
        #expect(!JSONText.canCarry(bytes))
    }

    @Test(
        "J-08: NUL is refused in names and values",
        arguments: [
            "{\"a\\u0000b\":1}", "{\"mounts\":[{\"destination\":\"/dev/nvidia0\\u0000/x\"}]}", "{\"a\":\"\\u0000\"}",
            "{\"mounts\\u0000x\":[]}", "{\"process\":{\"env\":[\"NVIDIA_VISIBLE_DEVICES\\u0000=all\"]}}",
        ])
    func nul(_ text: String) {
        #expect(refusal(text) == .ambiguous)
    }

    @Test("an error says where and what, in one line without the document's control characters")
    func messages() throws {
        func message(_ text: String) -> String {
            do {
                _ = try SpecDocument(parsing: Array(text.utf8), file: "/b/config.json")
                return ""
            } catch { return error.description }
        }
        #expect(message("{\n  \"a\": 01}") == "/b/config.json: line 2, column 9: a number with a leading zero")
        #expect(message("{\"a\":1,\n\"a\":2}") == "/b/config.json: line 2, column 1: duplicate member \"a\"")
        #expect(message("{\"a\":\u{1B}}") == "/b/config.json: line 1, column 6: '\\x1b' where a value must be")
        #expect(message("{\"a\":\"\u{1B}\"}").contains("control character '\\x1b'"))
        #expect(
            message("{\"Root\":1,\"root\":2}")
                == "/b/config.json: root: another member has this name in other letter case")
        #expect(message("{\"a") == "/b/config.json: line 1, column 2: the string that starts here has no end")
    }
}
