// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

struct LibraryCacheMergingTests {
    private func entry(_ name: ByteString, _ path: ByteString, flags: UInt32 = 0x303) -> LibraryCache.Entry {
        LibraryCache.Entry(flags: flags, name: name, path: path)
    }

    @Test func additionsReplaceEveryEntryOfTheirNameAndArchitecture() throws {
        var cache = try LibraryCache(parsing: ScratchRoot.testData("ldcache/new.cache"))
        cache.merge([entry("libz.so.1", "/drv/libz.so.1"), entry("libcuda.so.1", "/drv/libcuda.so.1")])
        // Both glibc-hwcaps entries and the two plain ones are gone; the 32-bit one stays, after ours.
        #expect(
            cache.entries.filter { $0.name == "libz.so.1" }.map(\.path) == ["/drv/libz.so.1", "/opt/lib32/libz.so.1"])
        #expect(cache.entries.filter { $0.name == "libcuda.so.1" }.map(\.path) == ["/drv/libcuda.so.1"])
        #expect(cache.entries.count == 9)
        let merged = cache.entries
        cache.sort()
        #expect(cache.entries == merged)
    }

    @Test func everyPlaceInTheOrder() throws {
        let cache = try LibraryCache(parsing: ScratchRoot.testData("ldcache/new.cache"))
        for name: ByteString in ["zzz", "libz.so.2", "libm.so", "libA.so.0", "000"] {
            var merged = cache
            merged.merge([entry(name, "/x")])
            #expect(merged.entries.count == cache.entries.count + 1)
            #expect(merged.entries.filter { $0.name != name } == cache.entries)
            let names = merged.entries.map(\.name)
            #expect(zip(names, names.dropFirst()).allSatisfy { LibraryCache.compareNames($0, $1) >= 0 }, "\(name)")
        }
    }

    @Test func theEarlierOfTwoAdditionsComesFirst() {
        var cache = LibraryCache()
        cache.merge([entry("l", "/compat/l"), entry("l", "/usr/lib/l"), entry("l", "/32/l", flags: 3)])
        #expect(cache.entries.map(\.path) == ["/compat/l", "/usr/lib/l", "/32/l"])
        cache.merge([entry("l", "/new/l")])
        #expect(cache.entries.map(\.path) == ["/new/l", "/32/l"])
    }

    @Test func aNameThatTheLoaderTakesForTheSameGoesToo() {
        var cache = LibraryCache()
        cache.entries = [entry("libcuda.so.01", "/image/libcuda.so.01"), entry("liba.so", "/a")]
        cache.merge([entry("libcuda.so.1", "/drv/libcuda.so.1")])
        #expect(cache.entries.map(\.path) == ["/drv/libcuda.so.1", "/a"])
    }

    @Test func entriesWithoutAHardwareCapabilityNameGo() {
        var cache = LibraryCache()
        cache.entries = [LibraryCache.Entry(flags: 0x303, name: "l", path: "/l", hardwareCapabilities: 1 << 62 | 7)]
        cache.merge([])
        #expect(cache.entries.isEmpty)
    }
}
