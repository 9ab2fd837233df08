// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import CDI

struct NameTests {
    @Test(arguments: [
        ("nvidia.com/gpu=0", "nvidia.com/gpu", "0"), ("a/b=c", "a/b", "c"),
        ("V-_.9/c-_.9=n:_-.9", "V-_.9/c-_.9", "n:_-.9"),
        ("management.nvidia.com/gpu=GPU-e7", "management.nvidia.com/gpu", "GPU-e7"),
    ])
    func accepted(text: String, kind: String, name: String) throws {
        let parsed = try #require(CDIQualifiedName(ByteString(text)))
        #expect(parsed.kind.text == ByteString(kind))
        #expect(parsed.name == ByteString(name))
        #expect(parsed.text == ByteString(text))
        #expect(parsed.description == text)
    }

    /// C-03, and the vendor and class of C-02.
    @Test(
        "C-03: what is no qualified name",
        arguments: [
            "", "0", "all", "=", "=x", "/", "/=x", "/gpu=0", "nvidia.com/gpu", "nvidia.com/gpu=", "nvidia.com=0",
            "nvidia.com/=0", "a=b=c", "nvidia.com/gpu=a=b", "nvidia.com/gpu=-0", "nvidia.com/gpu=0-",
            "nvidia.com/gpu=:0", "nvidia.com/gpu=0/1", "nvidia.com/gpu=MIG-GPU-x/3/0", "nvidia.com/gpu=a b",
            "nvidia.com/gpu=a,b", "nvidia.com/gpu=\u{e9}", "nvidia.com/gpu=0\0", "nvidia.com/gpu=0\n",
            "9vidia.com/gpu=0", "nvidia.com/9pu=0", "-a/b=c", "a./b=c", "a/b.=c",
            "nvidia.com/../gpu=0", "nvidia.com//gpu=0", "nvidia.com/g/pu=0", "nvi dia/gpu=0", "nvidi\u{e4}/gpu=0",
            "nvidia.com/\u{212a}=0", " nvidia.com/gpu=0", "nvidia.com/gpu =0",
        ])
    func refused(text: String) { #expect(CDIQualifiedName(ByteString(text)) == nil) }

    @Test("C-02, C-03: lengths")
    func lengths() {
        func text(_ vendor: Int, _ class: Int, _ name: Int) -> ByteString {
            func letters(_ count: Int) -> ByteString { ByteString([UInt8](repeating: UInt8(ascii: "a"), count: count)) }
            return letters(vendor) + "/" + letters(`class`) + "=" + letters(name)
        }
        #expect(CDIQualifiedName(text(253, 63, 255)) != nil)
        #expect(CDIQualifiedName(text(254, 63, 255)) == nil)
        #expect(CDIQualifiedName(text(253, 64, 255)) == nil)
        #expect(CDIQualifiedName(text(253, 63, 256)) == nil)
        #expect(CDIQualifiedName(text(300, 3, 3)) == nil)
        #expect(CDIQualifiedName(text(3, 3, 1 << 20)) == nil)
        #expect(CDIQualifiedName(text(1 << 20, 3, 3)) == nil)
    }

    /// Against the grammar as a regular expression.
    @Test("random texts are names if and only if the grammar says so")
    func grammar() throws {
        let part = "[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
        let grammar = try Regex("\(part)/\(part)=[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")
        var generator = FixedGenerator(seed: 1)
        let alphabet = Array("aZ9/=-_.: ".utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0..<9, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            if Bool.random(using: &generator) { bytes = Array("a/b=".utf8) + bytes }
            let text = String(decoding: bytes, as: UTF8.self)
            let isName = text.wholeMatch(of: grammar) != nil
            #expect((CDIQualifiedName(ByteString(bytes)) != nil) == isName, "\(text)")
            if isName { accepted += 1 }
        }
        #expect(accepted > 500)
    }

    @Test func nearest() {
        let names: [ByteString] = ["0", "1", "all", "GPU-12345678", "GPU-12345679", "MIG-1"]
        #expect(NearestNames.of("GPU-1234567", in: names) == ["GPU-12345678", "GPU-12345679", "MIG-1"])
        #expect(NearestNames.of("al", in: names) == ["all", "0", "1"])
        #expect(NearestNames.of("x", in: ["y"]) == ["y"])
        #expect(NearestNames.of("x", in: []) == [])
        let long = ByteString([UInt8](repeating: 0x61, count: 100_000))
        #expect(NearestNames.of(long, in: [long, ""]) == [long, ""])
    }
}
