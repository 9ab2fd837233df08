// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

private let version = "535.261.03"

/// Caches that are broken or hostile. Only what a good entry names may be taken, and the folders are searched then.
@Suite struct DriverCacheInputTests {
    let tree: DiscoveryTree

    init() throws {
        tree = try DiscoveryTree()
        try tree.library("/opt/nv", "libcuda.so.\(version)", soname: "libcuda.so.1")
    }

    func locate() throws -> DriverFiles {
        try DriverRoot(opening: tree.bytes, sysPath: tree.bytes + "/sys")
            .locateFiles(for: .compute, version: ByteString(version))
    }

    static let good = CacheImage(entries: [
        .init(name: "libcuda.so.1", path: "/opt/nv/libcuda.so.1", flags: CacheImage.native)
    ])

    @Test(arguments: CacheImage.Format.allCases) func theGoodOneIsUsed(_ format: CacheImage.Format) throws {
        try tree.file("/etc/ld.so.cache", Self.good.bytes(format))
        #expect(try locate().file("libcuda.so.\(version)")?.foundIn == "/etc/ld.so.cache")
    }

    /// P-01, P-02: bytes in place of those at an offset of the new layout.
    static let damages: [(name: String, offset: Int, bytes: [UInt8])] = [
        ("magic", 0, [0]), ("version 1.2", 19, Array("2".utf8)),
        ("nlibs 0", 20, [0, 0, 0, 0]), ("nlibs 2^32-1", 20, [0xFF, 0xFF, 0xFF, 0xFF]), ("nlibs 2", 20, [9, 0, 0, 0]),
        ("key at the end", 52, ELFImage.little(UInt32(good.bytes(.new).count))),
        ("key 2^32-1", 52, [0xFF, 0xFF, 0xFF, 0xFF]), ("value 2^32-1", 56, [0xFF, 0xFF, 0xFF, 0xFF]),
        ("value at the last byte", 56, ELFImage.little(UInt32(good.bytes(.new).count - 1))),
        ("not ELF", 48, [0]), ("other architecture", 49, [5]),
    ]

    @Test(arguments: damages) func damagedCache(name: String, offset: Int, bytes: [UInt8]) throws {
        var image = Self.good.bytes(.new)
        image.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        try tree.file("/etc/ld.so.cache", image)
        let files = try locate()
        #expect(files.found.isEmpty)
        // The folders give what the cache does not.
        try tree.library("/usr/lib64", "libcuda.so.\(version)", soname: "libcuda.so.1")
        #expect(try locate().file("libcuda.so.\(version)")?.foundIn == "/usr/lib64")
    }

    /// P-01, P-02: a table size that lies is of no consequence.
    @Test func theSizeOfTheStringsIsNotBelieved() throws {
        var image = Self.good.bytes(.new)
        image.replaceSubrange(24..<28, with: [0xFF, 0xFF, 0xFF, 0xFF])
        try tree.file("/etc/ld.so.cache", image)
        #expect(try locate().found.count == 1)
    }

    @Test(arguments: CacheImage.Format.allCases) func everyTruncation(_ format: CacheImage.Format) throws {
        let image = Self.good.bytes(format)
        for count in 0..<image.count {
            try tree.file("/etc/ld.so.cache", Array(image[..<count]))
            #expect(try locate().found.isEmpty, "\(count) bytes")
        }
    }

    /// P-03
    static let values: [String] = [
        "opt/nv/libcuda.so.1", "../../../../etc/shadow", "/../../etc/shadow", "/etc/shadow",
        "/\(String(repeating: "x", count: 1 << 20))", "/opt/\n/libcuda.so.\(version)", "", "/", "/opt/nv",
        "/proc/self/exe",
    ]

    @Test(arguments: values) func hostileValue(_ value: String) throws {
        try tree.text("/etc/shadow", "root:*:")
        try tree.library("/opt/\n", "libcuda.so.\(version)", soname: "libcuda.so.1")
        try tree.nativeCache(["libcuda.so.1": value])
        #expect(try locate().found.isEmpty)
    }

    @Test func aPathThatIsNotUTF8IsNotTaken() throws {
        let folder = ByteString(Array((tree.path + "/opt/").utf8) + [0xFF])
        let made = folder.withCString { rename(tree.host("/opt/nv"), $0) }
        #expect(made == 0)
        var image = CacheImage(entries: [
            .init(name: "libcuda.so.1", path: "/opt/@/libcuda.so.1", flags: CacheImage.native)
        ]).bytes(.new)
        let place = try #require(image.lastIndex(of: UInt8(ascii: "@")))
        image[place] = 0xFF
        try tree.file("/etc/ld.so.cache", image)
        let files = try locate()
        #expect(files.found.isEmpty)
        if case .refused(let reason) = try #require(files.omission("libcuda.so")).cause {
            #expect(reason.contains("not UTF-8"))
        } else {
            Issue.record("not refused")
        }
    }

    /// P-04
    @Test(arguments: ["FIFO", "directory", "symbolic link", "huge", "absent"]) func notAFile(_ kind: String) throws {
        let path = "/etc/ld.so.cache"
        switch kind {
        case "FIFO": try tree.fifo(path)
        case "directory": try tree.directory(path)
        case "symbolic link":
            // Inside of the root, which is not the host's.
            try tree.link(path, to: "/etc/other.cache")
            try tree.file("/etc/other.cache", Self.good.bytes(.new))
        case "huge":
            try tree.file(path, Self.good.bytes(.new))
            #expect(truncate(tree.host(path), 1 << 32) == 0)
        default: break
        }
        let files = try locate()
        if kind == "symbolic link" {
            #expect(files.found.count == 1)
        } else {
            #expect(files.found.isEmpty)
            #expect(files.omission("/etc/ld.so.cache") != nil)
        }
    }

    /// Many entries that share one long string must not cost their product.
    @Test func entriesThatShareALongString() throws {
        let count = 200_000
        let strings = UInt32(48 + 24 * count)
        let entry =
            ELFImage.little(CacheImage.native) + ELFImage.little(strings) + ELFImage.little(strings)
            + [UInt8](repeating: 0, count: 12)
        var image =
            Array("glibc-ld.so.cache1.1".utf8) + ELFImage.little(UInt32(count)) + [UInt8](repeating: 0, count: 24)
        for _ in 0..<count { image += entry }
        image += Array("libcuda.so.".utf8) + [UInt8](repeating: UInt8(ascii: "/"), count: 4 << 20) + [0]
        let clock = ContinuousClock()
        var entries = 0
        let time = try clock.measure {
            entries = try LibraryCache(parsing: image, where: LibraryComponent.mayBeNamed).entries.count
        }
        #expect(entries == 0)
        #expect(time < .seconds(2))
    }
}
