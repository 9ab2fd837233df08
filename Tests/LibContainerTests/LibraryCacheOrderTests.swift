// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

struct LibraryCacheOrderTests {
    @Test(arguments: [
        ("libz.so.1", "libz.so.1", 0), ("libz.so.10", "libz.so.9", 1), ("libz.so.2", "libz.so.10", -8),
        ("libz.so", "libz.so.1", -1), ("liba.so", "libA.so", 1), ("lib1.so", "liba.so", 1),
        ("libz.so.01", "libz.so.1", 0),
        // A digit stands after every other byte.
        ("lib.so", "lib1.so", -1), ("", "", 0), ("a", "", 1), ("", "a", -1),
        // 4294967297 wraps to 1.
        ("lib4294967297", "lib1", 0), ("lib4294967297", "lib2", -1),
    ]) func comparesAsTheLoader(left: String, right: String, sign: Int) {
        #expect(LibraryCache.compareNames(ByteString(left), ByteString(right)).signum() == sign.signum())
        #expect(LibraryCache.compareNames(ByteString(right), ByteString(left)).signum() == -sign.signum())
    }

    @Test func theOrderOfRealFilesIsKept() throws {
        for name in ["new", "compat", "old"] {
            var cache = try LibraryCache(parsing: ScratchRoot.testData("ldcache/\(name).cache"))
            let entries = cache.entries
            #expect(entries.count == 12)
            cache.sort()
            if name != "old" { #expect(cache.entries == entries) }
            cache.entries = entries.reversed()
            cache.sort()
            #expect(cache.entries.map(\.name) == entries.map(\.name), "\(name)")
        }
    }

    @Test func equalEntriesKeepTheirOrder() {
        var cache = LibraryCache()
        let paths: [ByteString] = ["/c/libx.so.1", "/a/libx.so.1", "/b/libx.so.1"]
        cache.entries = paths.map { LibraryCache.Entry(flags: 0x303, name: "libx.so.1", path: $0) }
        cache.entries.insert(LibraryCache.Entry(flags: 3, name: "liby.so", path: "/liby.so"), at: 2)
        cache.sort()
        #expect(cache.entries.map(\.path) == ["/liby.so"] + paths)
    }

    @Test func flagsThenCapabilitiesThenKernelVersion() {
        let wanted = [
            LibraryCache.Entry(flags: 0x303, name: "l", path: "/1", hardwareCapabilities: 1 << 62),
            LibraryCache.Entry(flags: 0x303, name: "l", path: "/2", hardwareCapabilities: 0b11),
            LibraryCache.Entry(flags: 0x303, name: "l", path: "/3", hardwareCapabilities: 0b100),
            LibraryCache.Entry(flags: 0x303, name: "l", path: "/4", hardwareCapabilities: 0b1),
            LibraryCache.Entry(flags: 0x303, name: "l", path: "/5", kernelVersion: 3),
            LibraryCache.Entry(flags: 0x303, name: "l", path: "/6", kernelVersion: 2),
            LibraryCache.Entry(flags: 3, name: "l", path: "/7", hardwareCapabilities: 1 << 62),
        ]
        var cache = LibraryCache()
        cache.entries = wanted.reversed()
        cache.hardwareCapabilityNames = ["x86-64-v2"]
        cache.sort()
        #expect(cache.entries == wanted)
    }
}
