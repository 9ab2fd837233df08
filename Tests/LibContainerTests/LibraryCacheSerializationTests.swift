// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

struct LibraryCacheSerializationTests {
    /// `ldconfig -p` lines of a cache.
    private func listing(_ cache: LibraryCache) -> [String] {
        cache.entries.map { entry in
            var kinds = [entry.flags & 0xFF == 3 ? "libc6" : "ELF"]
            if entry.architecture == 0x300 { kinds.append("x86-64") }
            if let index = entry.hardwareCapabilityIndex {
                kinds.append("hwcap: \"\(cache.hardwareCapabilityName(index))\"")
            }
            return "\(entry.name) (\(kinds.joined(separator: ", "))) => \(entry.path)"
        }
    }

    @Test func readsWhatLdconfigLists() throws {
        let text = String(decoding: try ScratchRoot.testData("ldcache/new.txt"), as: UTF8.self)
            .replacing("libc6,x86-64", with: "libc6, x86-64")
        let cache = try LibraryCache(parsing: ScratchRoot.testData("ldcache/new.cache"))
        #expect(listing(cache) == text.split(separator: "\n").map(String.init))
    }

    @Test(arguments: ["new", "compat", "old"]) func roundTrip(name: String) throws {
        let cache = try LibraryCache(parsing: ScratchRoot.testData("ldcache/\(name).cache"))
        let bytes = try #require(cache.serialized())
        let again = try LibraryCache(parsing: bytes)
        #expect(listing(again) == listing(cache))
        #expect(again.serialized() == bytes)
        if name == "compat" {
            #expect(again.hardwareCapabilityNames == ["x86-64-v2", "x86-64-v3"])
        }
    }

    @Test func theNamesOfSubdirectoriesAreSortedAndOnlyThoseInUse() throws {
        var cache = LibraryCache()
        cache.hardwareCapabilityNames = ["x86-64-v4", "unused", "x86-64-v3"]
        let isaLevel: UInt64 = 3 << 32
        cache.entries = [
            LibraryCache.Entry(flags: 0x303, name: "l", path: "/v3/l", hardwareCapabilities: 1 << 62 | isaLevel | 2),
            LibraryCache.Entry(flags: 0x303, name: "l", path: "/v4/l", hardwareCapabilities: 1 << 62 | isaLevel | 0),
        ]
        let again = try LibraryCache(parsing: try #require(cache.serialized()))
        #expect(again.hardwareCapabilityNames == ["x86-64-v3", "x86-64-v4"])
        #expect(again.entries.map(\.hardwareCapabilities) == [1 << 62 | isaLevel, 1 << 62 | isaLevel | 1])
    }

    @Test func emptyCache() throws {
        let bytes = try #require(LibraryCache().serialized())
        #expect(try LibraryCache(parsing: bytes).entries.isEmpty)
        // The header, the directory of one extension, and the generator.
        #expect(bytes.count == 48 + 8 + 16 + "nvidia-runtime".utf8.count)
    }

    /// Whatever the file: no trap, and what was merged is there afterwards.
    @Test func mutatedFiles() throws {
        let additions = [
            LibraryCache.Entry(flags: 0x303, name: "libcuda.so.1", path: "/opt/nv/libcuda.so.1"),
            LibraryCache.Entry(flags: 3, name: "libcuda.so.1", path: "/opt/nv32/libcuda.so.1"),
        ]
        var generator = SeededGenerator(seed: 1)
        for name in ["new", "compat", "old"] {
            let original = try ScratchRoot.testData("ldcache/\(name).cache")
            for _ in 0..<3000 {
                var bytes = original
                for _ in 0..<Int.random(in: 1...8, using: &generator) {
                    let index = Int.random(in: bytes.indices, using: &generator)
                    bytes[index] =
                        [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)]
                        .randomElement(using: &generator) ?? 0
                }
                if Bool.random(using: &generator) {
                    bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
                }
                var cache = (try? LibraryCache(parsing: bytes)) ?? LibraryCache()
                cache.merge(additions)
                let again = try LibraryCache(parsing: try #require(cache.serialized()))
                for addition in additions { #expect(again.entries.contains(addition)) }
                let names = again.entries.map(\.name)
                let isSorted = zip(names, names.dropFirst()).allSatisfy { LibraryCache.compareNames($0, $1) >= 0 }
                #expect(isSorted)
                #expect(again.serialized() == cache.serialized())
            }
        }
    }

    @Test func aFileThatSharesTextTooOftenIsRefused() throws {
        // 1,000 entries that all name the same 4,000 bytes.
        var cache = LibraryCache()
        cache.entries = [
            LibraryCache.Entry(flags: 0x303, name: "l", path: ByteString([UInt8](repeating: 0x61, count: 4000)))
        ]
        let one = try #require(cache.serialized())
        let entry = Array(one[48..<72])
        var bytes = Array(one[..<48])
        bytes.replaceSubrange(20..<24, with: [0xE8, 0x03, 0, 0])
        var moved = entry
        let offset = UInt32(48 + 1000 * 24)
        withUnsafeBytes(of: offset.littleEndian) { moved.replaceSubrange(8..<12, with: $0) }
        withUnsafeBytes(of: (offset + 4001).littleEndian) { moved.replaceSubrange(4..<8, with: $0) }
        for _ in 0..<1000 { bytes += moved }
        bytes += one[72...]
        #expect(throws: LibraryCache.Failure.inflated) { try LibraryCache(parsing: bytes) }
    }
}
