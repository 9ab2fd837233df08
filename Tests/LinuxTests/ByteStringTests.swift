// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Linux

@Suite struct ByteStringTests {
    // G-01: what stands in a log line can't end it, move a cursor or turn the text around.
    @Test(arguments: [
        ("plain /path-1.so", "plain /path-1.so"), ("a\nb\r\tc", "a\\nb\\r\\tc"), ("\u{1B}[2J", "\\x1b[2J"),
        ("\u{202E}x", "\\xe2\\x80\\xaex"), ("back\\slash", "back\\\\slash"), ("\u{7F}", "\\x7f"), ("\0", "\\x00"),
    ])
    func descriptionEscapes(text: String, want: String) {
        #expect(ByteString(text).description == want)
    }

    // A combining accent after a slash makes one Character of the two; the kernel still sees a separator.
    @Test func pathsAreBytes() {
        let path = ByteString("/dev/\u{301}nvidia0")
        #expect(path.pathComponents == ["dev", ByteString("\u{301}nvidia0")])
        #expect(path.lastPathComponent == ByteString("\u{301}nvidia0"))
        #expect(ByteString("caf\u{E9}") != ByteString("cafe\u{301}"))
    }

    @Test(
        arguments: [
            ("0", 0), ("195", 195), ("255", 255), ("256", nil), ("007", 7), ("", nil), ("-1", nil), ("+1", nil),
            (" 1", nil), ("1e1", nil), ("99999999999999999999", nil),
        ] as [(String, UInt8?)])
    func decimal(text: String, want: UInt8?) {
        #expect(ByteString(text).decimal(as: UInt8.self) == want)
    }

    @Test(arguments: [
        ("/usr/lib/libcuda.so", "/usr/lib", "libcuda.so"), ("/etc", "/", "etc"), ("name", ".", "name"),
        ("/", "/", ""), ("a/", "a", ""),
    ])
    func pathParts(path: String, parent: String, last: String) {
        #expect(ByteString(path).parentPath == ByteString(parent))
        #expect(ByteString(path).lastPathComponent == ByteString(last))
    }

    @Test(arguments: [
        ("/usr", "lib", "/usr/lib"), ("/usr/", "/lib", "/usr/lib"), ("/", "dev", "/dev"), ("", "dev", "/dev"),
    ])
    func appendingComponent(base: String, component: String, want: String) {
        #expect(ByteString(base).appending(component: ByteString(component)) == ByteString(want))
    }

    @Test func linesTakeEveryEnding() {
        #expect(ByteString("a\nb\r\n\nlast").lines == ["a", "b", "", "last"])
        #expect(ByteString("a\n").lines == ["a"])
        #expect(ByteString("").lines.isEmpty)
    }

    @Test(
        arguments: [
            ("libnvidia-ml.so.1", "nvidia", 3..<9), ("aaab", "ab", 2..<4), ("abc", "abcd", nil), ("abc", "", nil),
            ("", "a", nil), ("abab", "bc", nil), ("abc", "c", 2..<3), ("abc", "abc", 0..<3),
        ] as [(String, String, Range<Int>?)])
    func rangeOf(text: String, pattern: String, want: Range<Int>?) {
        #expect(ByteString(text).range(of: ByteString(pattern)) == want)
    }

    /// Against the same questions asked of arrays, for short strings of few bytes, so that many are alike.
    @Test func comparisonsAreThoseOfTheBytes() {
        var strings = [ByteString(), ByteString("a"), ByteString(Array(repeating: UInt8(0xFF), count: 300))]
        for first: UInt8 in [0, 0x7F, 0x80, 0xFF] {
            for second: UInt8 in [0, 0x80] { strings += [ByteString([first]), ByteString([first, second])] }
        }
        for left in strings {
            for right in strings {
                #expect((left == right) == (left.bytes == right.bytes))
                #expect((left < right) == left.bytes.lexicographicallyPrecedes(right.bytes))
                #expect(left.hasPrefix(right) == left.bytes.starts(with: right.bytes))
                #expect(left.hasSuffix(right) == left.bytes.reversed().starts(with: right.bytes.reversed()))
                if left == right { #expect(left.hashValue == right.hashValue) }
            }
        }
    }

    @Test(arguments: [
        ("/", true), ("/usr", true), ("/usr/lib/x.so", true), ("", false), ("usr", false), ("/usr/", false),
        ("//usr", false), ("/usr//lib", false), ("/usr/./lib", false), ("/usr/../lib", false), ("/..", false),
        ("//", false), ("/usr/..lib", false),
    ])
    func plainAbsolutePaths(path: String, want: Bool) {
        #expect(ByteString(path).isPlainAbsolutePath == want)
    }

    @Test(arguments: [1, 1023, 1024, 5000]) func cStringsOfEveryLength(count: Int) {
        let string = ByteString(Array(repeating: UInt8(ascii: "x"), count: count))
        #expect(string.withCString { ByteString(cString: $0) } == string)
    }

    @Test func trimmedKeepsInnerBlanks() {
        #expect(ByteString(" \t a b \t").trimmed == "a b")
        #expect(ByteString(" ").trimmed.isEmpty)
    }
}
