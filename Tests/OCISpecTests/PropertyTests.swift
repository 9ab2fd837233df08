// SPDX-License-Identifier: Apache-2.0

import CJSONC
import Linux
import Testing

@testable import OCISpec

/// Random input: never a trap, and never a document that json-c reads in another way than we do.
struct PropertyTests {
    @Test("what the scanner takes, json-c takes too, and the edited text as well")
    func mutations() throws {
        var generator = FixedGenerator(seed: 1)
        var accepted = 0
        for name in ["real/containerd-1.6-ctr.json", "real/containerd-1.6-cri-sandbox.json"] {
            let original = try TestData.bytes(name)
            for _ in 0..<400 {
                let text = mutated(original, &generator)
                guard let document = try? SpecDocument(parsing: text) else { continue }
                accepted += 1
                #expect(jsonCAccepts(text))
                #expect(try document.rendered() == text)
                guard let result = try? edited(text, inject) else { continue }
                #expect(jsonCAccepts(result))
                #expect(try edited(result, inject) == result)
            }
        }
        // Most mutations hit the inside of a string.
        #expect(accepted > 100)
    }

    @Test("random documents: structure, escapes and numbers")
    func generated() throws {
        var generator = FixedGenerator(seed: 2)
        for _ in 0..<300 {
            var text = Array("{\"x\":".utf8)
            append(to: &text, depth: 0, &generator)
            text.append(UInt8(ascii: "}"))
            let index = try JSONScanner.scan(text, file: "x", limits: .spec)
            #expect(jsonCAccepts(text))
            // Each node lies in its parent, behind the nodes before it, and what it spans is JSON.
            for (number, node) in index.nodes.enumerated() {
                let children = index.children(of: JSONNode(number: number)).map { index[$0] }
                #expect(children.allSatisfy { node.start < $0.start && $0.end < node.end })
                #expect(zip(children, children.dropFirst()).allSatisfy { $0.end < $1.start })
                #expect(throws: Never.self) {
                    try JSONScanner.scan(Array(text[node.range]), file: "x", limits: .spec)
                }
            }
        }
    }

    @Test("random tokens")
    func tokens() {
        var generator = FixedGenerator(seed: 3)
        let tokens: [String] = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\"a\"", "\"process\"", "\"env\"", "\"mounts\"", "0", "-",
            "1e",
            "true", "null", " ", "\n", "\u{0}", "\\ud800", "\u{E9}", "\"linux\":{", "\"devices\":[",
            "{\"path\":\"/dev/x\"}",
        ]
        for _ in 0..<5000 {
            let count = Int.random(in: 0..<24, using: &generator)
            let text = Array((0..<count).map { _ in tokens.randomElement(using: &generator) ?? "" }.joined().utf8)
            _ = SpecDocument.mayMention(["\u{E9}", "process"], in: text)
            _ = try? ContainerState(parsing: text)
            if (try? SpecDocument(parsing: text)) != nil { #expect(jsonCAccepts(text)) }
        }
    }

    private func mutated(_ original: [UInt8], _ generator: inout FixedGenerator) -> [UInt8] {
        var text = original
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let position = Int.random(in: 0..<text.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: text[position] = UInt8.random(in: .min ... .max, using: &generator)
            case 1: text[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: text.remove(at: position)
            default: text.insert(text[Int.random(in: 0..<text.count, using: &generator)], at: position)
            }
        }
        return text
    }

    private func append(to text: inout [UInt8], depth: Int, _ generator: inout FixedGenerator) {
        let scalars = [
            "0", "-1", "2.5", "1e400", "-0", "18446744073709551616", "true", "false", "null", "\"\"", "\"a\\n\"",
            "\"\\u00e9\u{E9}\"", "\"\\ud83d\\ude00\"",
        ]
        switch Int.random(in: 0..<(depth < 6 ? 4 : 2), using: &generator) {
        case 0, 1: text += scalars[Int.random(in: 0..<scalars.count, using: &generator)].utf8
        case 2:
            text += Array("[ ".utf8)
            for element in 0..<Int.random(in: 0..<5, using: &generator) {
                if element > 0 { text += Array(" ,".utf8) }
                append(to: &text, depth: depth + 1, &generator)
            }
            text += Array(" ]".utf8)
        default:
            text += Array("{".utf8)
            for member in 0..<Int.random(in: 0..<5, using: &generator) {
                if member > 0 { text += Array(",\n".utf8) }
                text += Array("\"k\\u0065y\(member)\" : ".utf8)
                append(to: &text, depth: depth + 1, &generator)
            }
            text += Array("}".utf8)
        }
    }

    private func jsonCAccepts(_ text: [UInt8]) -> Bool {
        guard let tokener = json_tokener_new_ex(128) else { return false }
        defer { json_tokener_free(tokener) }
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8)
        let object = text.withUnsafeBytes { json_tokener_parse_ex(tokener, $0.baseAddress, CInt($0.count)) }
        json_object_put(object)
        return object != nil && json_tokener_get_error(tokener) == json_tokener_success
    }
}
