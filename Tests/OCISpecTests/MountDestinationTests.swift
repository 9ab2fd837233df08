// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import OCISpec

/// `MountDestination` and the order of mounts.
struct MountDestinationTests {
    @Test(
        arguments: [
            ("", ""), ("/", ""), (".", ""), ("..", ""), ("//", ""), ("/a", "/a"), ("a", "/a"), ("/a/", "/a"),
            ("//a///b", "/a/b"), ("/a/./b/.", "/a/b"), ("/a/../b", "/b"), ("/../../a", "/a"), ("/a/b/../../..", ""),
            ("/.a", "/.a"), ("/a/..b", "/a/..b"), ("/a/...", "/a/..."), ("/a.", "/a."), ("/a/.b./", "/a/.b."),
        ] as [(ByteString, ByteString)])
    func cleaned(text: ByteString, cleaned: ByteString) {
        #expect(MountDestination(text).cleaned == cleaned)
        #expect(MountDestination(text).text == text)
        #expect(MountDestination(cleaned).cleaned == cleaned)
    }

    @Test(
        arguments: [
            ("/a", "/a/b", .above), ("/a/", "/a/b/c", .above), ("/a", "/a", .same), ("/a", "/a/", .same),
            ("/a", "/ab", .apart), ("/ab", "/a", .apart), ("/a/b", "/a", .below), ("/", "/a", .above),
            ("/a", "/", .below), ("/", "/", .same), ("/", "", .same), ("/a", "/b/../a/c", .above),
            ("/a", "/b/c", .apart),
            ("/usr/lib/libx.so", "/usr/lib/liby.so", .apart), ("/usr/lib/libx.so", "/usr/lib/libx.so.1", .apart),
        ] as [(ByteString, ByteString, MountDestination.Relation)])
    func relation(path: ByteString, other: ByteString, expected: MountDestination.Relation) {
        #expect(MountDestination(path).relation(to: MountDestination(other)) == expected)
    }

    /// Random lists: the mounts that can be seen before can be seen afterwards, and the new one too.
    @Test func nothingIsHidden() throws {
        var generator = FixedGenerator(seed: 11)
        for _ in 0..<1500 {
            let paths = (0..<Int.random(in: 0..<6, using: &generator)).map { _ in randomPath(&generator) }
            let new = randomPath(&generator)
            let mounts = paths.map { #"{"destination":"\#($0)"}"# }.joined(separator: " , ")
            let text = Array(#"{"mounts":[\#(mounts)]}"#.utf8)
            let before = visible(try SpecDocument(parsing: text).mounts)
            let result = try edited(text) { try $0.addMount(SpecMount(destination: ByteString(new), source: "/new")) }
            let mountsAfter = try SpecDocument(parsing: result).mounts
            let after = visible(mountsAfter)
            #expect(after.contains { $0.source == "/new" }, "\(new) in \(paths)")
            guard !paths.contains(new) else { continue }
            // One at the very place in another spelling is covered, as it must be.
            let cleaned = MountDestination(ByteString(new)).cleaned
            #expect(before.allSatisfy { $0.key.cleaned == cleaned || after.contains($0) }, "\(new) in \(paths)")
            #expect(mountsAfter.filter { $0.source != "/new" }.map(\.destination.description) == paths)
        }
    }

    /// Those that no later one is on top of or above.
    private func visible(_ mounts: [SpecMount]) -> [SpecMount] {
        mounts.indices.filter { index in
            !mounts[(index + 1)...].contains { [.same, .below].contains(mounts[index].key.relation(to: $0.key)) }
        }.map { mounts[$0] }
    }

    private func randomPath(_ generator: inout FixedGenerator) -> String {
        let components = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            ["a", "b", "aa", ".", "..", ""].randomElement(using: &generator) ?? "a"
        }
        return "/" + components.joined(separator: "/")
    }
}
