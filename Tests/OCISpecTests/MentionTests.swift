// SPDX-License-Identifier: Apache-2.0

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
