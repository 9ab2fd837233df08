// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

struct LibraryCacheInsertionTests {
    private func entry(_ name: ByteString, _ path: ByteString, flags: UInt32 = 0x303) -> LibraryCache.Entry {
        LibraryCache.Entry(flags: flags, name: name, path: path)
    }

    /// By the number in its path.
    private func place(_ entry: LibraryCache.Entry) -> Int {
        entry.path.split(separator: UInt8(ascii: "/")).compactMap { $0.decimal(as: Int.self) }.first ?? Int.max
    }

    @Test func placesDecideAmongEqualNames() {
        var cache = LibraryCache()
        cache.insert(
            [entry("l", "/2/l"), entry("l", "/1/l"), entry("l", "/1/l", flags: 3), entry("a", "/9/a")], place: place)
        #expect(cache.entries.map(\.path) == ["/1/l", "/2/l", "/1/l", "/9/a"])
        cache.insert([entry("l", "/3/l"), entry("l", "/0/l"), entry("m", "/0/m")], place: place)
        #expect(cache.entries.map(\.path) == ["/0/m", "/0/l", "/1/l", "/2/l", "/3/l", "/1/l", "/9/a"])
    }

    /// What was in an order of its own stays so.
    @Test func othersStayAsTheyAre() {
        var cache = LibraryCache()
        cache.entries = [entry("l", "/7/l"), entry("l", "/5/l"), entry("l", "/x/l")]
        cache.insert([entry("l", "/6/l")], place: place)
        #expect(cache.entries.map(\.path) == ["/6/l", "/7/l", "/5/l", "/x/l"])
    }

    @Test func theSameLibraryIsReplacedAndMoved() {
        var cache = LibraryCache()
        cache.entries = [entry("l", "/4/l"), entry("l", "/2/l", flags: 0x301), entry("l", "/2/l", flags: 3)]
        cache.sort()
        cache.insert([entry("l", "/2/l"), entry("l", "/2/l")], place: place)
        #expect(cache.entries == [entry("l", "/2/l"), entry("l", "/4/l"), entry("l", "/2/l", flags: 3)])
        let before = cache.entries
        cache.insert([entry("l", "/2/l")], place: place)
        #expect(cache.entries == before)
    }

    /// The loader finds everything by bisection, and a second insertion changes nothing.
    @Test func everyPlaceInTheOrder() throws {
        let cache = try LibraryCache(parsing: ScratchRoot.testData("ldcache/new.cache"))
        for name: ByteString in ["zzz", "libz.so.1", "libz.so.2", "libm.so", "libA.so.0", "000"] {
            var inserted = cache
            inserted.insert([entry(name, "/1/x")], place: place)
            #expect(inserted.entries.filter { $0.path != "/1/x" } == cache.entries)
            let found = inserted.entries
            inserted.sort()
            #expect(inserted.entries == found)
            inserted.insert([entry(name, "/1/x")], place: place)
            #expect(inserted.entries == found)
        }
    }
}
