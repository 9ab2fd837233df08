// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// `SpecDocument.mayMention`.
struct MentionTests {
    private static let patterns: [StaticString] = ["NVIDIA_VISIBLE_DEVICES", "nvidia.com/"]

    @Test(
        arguments: [
            ("", false), ("N", false), ("{}", false), ("NVIDIA_VISIBLE_DEVICES", true),
            ("xNVIDIA_VISIBLE_DEVICESx", true),
            ("NVIDIA_VISIBLE_DEVICE", false), ("NNVIDIA_VISIBLE_DEVICES", true),
            ("NVIDIA_VISIBLE_NVIDIA_VISIBLE_DEVICES", true),
            ("nvidia.com/gpu", true), ("nvidia.com", false), ("nnnnnnvidia.com/", true), ("Nvidia.com/", false),
            // Escapes that can hide a byte of a pattern.
            ("\\u004eVIDIA_VISIBLE_DEVICES", true), ("\\u004E", true), ("x\\u005f", true),
            ("nvidia\\u002ecom/gpu", true),
            ("nvidia.com\\/gpu", true), ("\\\\\\u0076", true),
            // Escapes that can't.
            ("\\u003c\\u003e\\u0026 \\n\\t\\\"", false), ("\\u00e9\\u4e56", false), ("\\\\u004e", false), ("\\", false),
            ("\\u", false), ("\\u00", false), ("\\u004", false), ("\\\\/", false),
        ])
    func mention(_ text: String, _ expected: Bool) {
        #expect(SpecDocument.mayMention(Self.patterns, in: Array(text.utf8)) == expected)
    }

    @Test(
        "patterns that are known at run time only",
        arguments: [
            (["DOCKER_RESOURCE_GPU"], "{\"x\":\"DOCKER_RESOURCE_GPU=1\"}", true),
            (["DOCKER_RESOURCE_GPU"], "{\"x\":\"DOCKER_RESOURCE\"}", false),
            (["A", "DOCKER_RESOURCE_GPU"], "xDOCKER_RESOURCE_GPU", true),
            (["x.io/"], "\\u0078", true), (["x.io/"], "\\u0079", false),
            // An empty prefix is one of everything.
            ([""], "", true), ([""], "{}", true),
            // Not ASCII: any escape beyond ASCII may be a part of it.
            (["\u{E9}.io/"], "\u{E9}.io/x", true), (["\u{E9}.io/"], "\\u00e9", true), (["\u{E9}.io/"], "\\u4e56", true),
            (["\u{E9}.io/"], "\\u003c\\n", false),
            // Bytes that JSON escapes.
            (["a\"b"], "a\\\"b", true), (["a\\b"], "a\\\\b", true), (["a\nb"], "a\\nb", true),
            (["a\tb"], "a\\nb", false),
        ] as [([ByteString], String, Bool)])
    func configured(_ patterns: [ByteString], _ text: String, _ expected: Bool) {
        #expect(SpecDocument.mayMention(Self.patterns, patterns, in: Array(text.utf8)) == expected)
        #expect(SpecDocument.mayMention([], patterns, in: Array(text.utf8)) == expected)
    }

    @Test("both kinds are looked for")
    func both() {
        let text = Array("{\"x\":\"NVIDIA_VISIBLE_DEVICES\"}".utf8)
        #expect(SpecDocument.mayMention(Self.patterns, ["absent"], in: text))
        #expect(!SpecDocument.mayMention(["absent"], ["gone"], in: text))
        #expect(!SpecDocument.mayMention([], in: text))
    }

    @Test("a file is looked through for both")
    func file() throws {
        let bundle = try TemporaryBundle("{\"x\":\"DOCKER_RESOURCE_GPU=1\"}")
        let path = ByteString(bundle.config)
        #expect(SpecFile.mayMention(Self.patterns, ["DOCKER_RESOURCE_GPU"], at: path))
        #expect(!SpecFile.mayMention(Self.patterns, ["SWARM"], at: path))
        #expect(!SpecFile.mayMention(Self.patterns, at: path))
    }

    @Test("never false where a string or a name of the parsed document has the pattern, however it is escaped")
    func neverMissed() throws {
        var generator = FixedGenerator(seed: 7)
        let alphabet: [Character] = [
            "a", "B", "/", ".", "=", "\"", "\\", "\n", "\u{8}", "\u{E9}", "\u{4E56}", "\u{1F600}",
        ]
        func word(_ counts: ClosedRange<Int>) -> String {
            String(
                (0..<Int.random(in: counts, using: &generator)).map { _ in
                    alphabet.randomElement(using: &generator) ?? "a"
                })
        }
        var (mentioned, missing) = (0, 0)
        for _ in 0..<3000 {
            let pattern = ByteString(word(1...3))
            let (name, value) = (word(0...5), word(0...5))
            let text = Array("{\"annotations\":{\(escaped(name, &generator)):\(escaped(value, &generator))}}".utf8)
            let document = try SpecDocument(parsing: text)
            let annotation = try #require(try document.annotations.first)
            #expect(annotation.key == ByteString(name) && annotation.value == ByteString(value))
            let isThere = annotation.key.range(of: pattern) != nil || annotation.value.range(of: pattern) != nil
            let answer = SpecDocument.mayMention(["#"], [pattern], in: text)
            if isThere { #expect(answer, "\(pattern) in \(ByteString(text))") }
            if isThere { mentioned += 1 } else if !answer { missing += 1 }
        }
        #expect(mentioned > 200 && missing > 200)
    }

    /// A JSON string of `string`, each character in one of the ways to write it.
    private func escaped(_ string: String, _ generator: inout FixedGenerator) -> String {
        let letters: [Character: String] = ["\"": "\"", "\\": "\\", "/": "/", "\n": "n", "\u{8}": "b"]
        var text = "\""
        for character in string {
            let units = character.utf16.map { "\\u" + String(String(UInt32($0) + 0x10000, radix: 16).dropFirst()) }
                .joined()
            var ways = [units, units.uppercased().replacing("\\U", with: "\\u")]
            if let letter = letters[character] { ways.append("\\" + letter) }
            if !["\"", "\\", "\n", "\u{8}"].contains(character) { ways += [String(character), String(character)] }
            text += ways.randomElement(using: &generator) ?? units
        }
        return text + "\""
    }

    @Test("what engines wrote: no escape of theirs makes us parse for nothing")
    func realSpecs() throws {
        for name in try TestData.realSpecs {
            let text = try TestData.bytes(name)
            let string = String(decoding: text, as: UTF8.self)
            let mentions = string.contains("NVIDIA_VISIBLE_DEVICES") || string.contains("nvidia.com/")
            #expect(SpecDocument.mayMention(Self.patterns, in: text) == mentions, "\(name)")
        }
        let sandbox = try TestData.bytes("real/containerd-2.3-cri-sandbox.json")
        #expect(!SpecDocument.mayMention(Self.patterns, in: sandbox))
    }
}
