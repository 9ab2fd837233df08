// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Testing

@testable import LibContainer

struct WildcardTests {
    @Test(arguments: [
        ("/etc/ld.so.conf.d/*.conf", true), ("/etc/ld.so.conf.d/*", true), ("/etc//ld.so.conf.d/00-*.conf", true),
        ("/etc/*/*", true), ("/etc/ld.so.conf.d/0?-nvidia-runtime.conf", true), ("/etc/l*d/*nv*-*conf*", true),
        ("/etc/ld.so.conf.d/00-nvidia-runtime.conf", true), ("/etc/ld.so.conf.d/[0-9]*", true),
        ("/etc/*", false), ("/etc/ld.so.conf.d/*.con", false), ("/etc/ld.so.conf.d/?.conf", false),
        ("/usr/ld.so.conf.d/*.conf", false), ("/etc/ld.so.conf.d/[a-z]*", false), ("", false), ("/*", false),
    ]) func matches(pattern: String, matches: Bool) {
        #expect(Wildcard.path("/etc/ld.so.conf.d/00-nvidia-runtime.conf", matches: ByteString(pattern)) == matches)
    }

    /// Go's filepath.Match and glob(7).
    @Test(arguments: [
        ("*", ".hidden", true), ("?", "a", true), ("?", "", false), ("a?c", "abc", true), ("[abc]", "b", true),
        ("[^abc]", "b", false), ("[!abc]", "d", true), ("[a-c]x", "bx", true), ("[a-c]x", "dx", false),
        ("[c-a]", "b", false), ("nvidia[0-9]", "nvidia1", true), ("nvidia[0-9]", "nvidiactl", false),
        ("\\*", "*", true), ("\\*", "a", false), ("a\\[b", "a[b", true), ("[\\]]", "]", true), ("[]]", "]", true),
        ("[]a]", "a", true), ("[a-]", "-", true), ("[*]", "*", true), ("[*]", "a", false), ("[", "[", false),
        ("[a", "a", false), ("[^", "^", false), ("\\", "\\", false), ("a\\", "a", false), ("[a-", "a", false),
        ("card*", "card12", true), ("renderD*", "card0", false), ("igpu*", "igpu-0000:01:00.0", true),
        ("**", "ab", true), ("*a*b*c*", "xaxbxc", true), ("", "", true), ("*", "", true),
    ]) func names(pattern: String, name: String, matches: Bool) {
        #expect(Wildcard(ByteString(pattern)).matches(ByteString(name)) == matches)
    }

    /// The C library's fnmatch(3) agrees, on all patterns that it does not take for something else.
    @Test func agreesWithTheCLibrary() {
        var generator = FixedGenerator(state: 5)
        let pieces = ["a", "b", "c", ".", "-", "*", "*", "?", "[ab]", "[a-c]", "[!b]", "[^b-c]", "[]a]", "\\*", "\\a"]
        let letters: [Character] = ["a", "b", "c", ".", "-", "*", "]"]
        var matched = 0
        for _ in 0..<20_000 {
            let pattern = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }.joined()
            let name = String(
                (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                    letters.randomElement(using: &generator) ?? "a"
                })
            let expected = fnmatch(pattern, name, 0) == 0
            if expected { matched += 1 }
            #expect(Wildcard(ByteString(pattern)).matches(ByteString(name)) == expected, "\(pattern) \(name)")
        }
        #expect(matched > 1000)
    }

    @Test func aPatternOfStarsTakesNoTime() {
        let pattern = ByteString("/etc/ld.so.conf.d/" + String(repeating: "*a", count: 10_000))
        #expect(!Wildcard.path("/etc/ld.so.conf.d/00-nvidia-runtime.conf", matches: pattern))
    }

    @Test func expansion() throws {
        let tree = try DiscoveryTree()
        for name in ["card0", "card1", "renderD128", "by-path/x"] { try tree.text("/dev/dri/\(name)", "") }
        try tree.directory("/dev/nvgpu/igpu0")
        try tree.text("/dev/nvgpu/igpu0/ctrl", "")
        try tree.text("/dev/nvgpu/igpu-0000:01:00.0/ctrl", "")
        try tree.link("/dev/alias", to: "/dev/dri")
        try tree.link("/dev/outside", to: "/..")
        let root = try RootDirectory(opening: tree.bytes)
        func paths(_ pattern: ByteString, limit: Int = 100) -> [ByteString] {
            root.paths(matching: pattern, limit: limit)
        }
        #expect(paths("/dev/dri/card*") == ["/dev/dri/card0", "/dev/dri/card1"])
        #expect(paths("/dev/dri/card*", limit: 1) == ["/dev/dri/card0"])
        #expect(paths("/dev/nvgpu/igpu*/*") == ["/dev/nvgpu/igpu-0000:01:00.0/ctrl", "/dev/nvgpu/igpu0/ctrl"])
        #expect(paths("/dev/alias/c*1") == ["/dev/alias/card1"])
        #expect(paths("/*/outside/dev/dri/[cr]*8") == ["/dev/outside/dev/dri/renderD128"])
        #expect(paths("/dev/none*/x").isEmpty)
        #expect(paths("/dev/dri/card0/*").isEmpty)
        #expect(paths("/dev/*/nothing").count == 4)
        #expect(paths("/plain/path") == ["/plain/path"])
    }
}
