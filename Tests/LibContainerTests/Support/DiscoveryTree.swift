// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux

@testable import LibContainer

/// A directory tree in the temporary folder, removed with the value: a driver root, a dev root, a procfs.
final class DiscoveryTree: Sendable {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("discovery-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // The real path, as the kernel tells it.
        guard let real = realpath(folder.path, nil) else { throw LinuxError.last("realpath") }
        defer { free(real) }
        path = String(cString: real)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var bytes: ByteString { ByteString(path) }

    func host(_ inside: String) -> String { path + inside }

    func directory(_ inside: String) throws {
        try FileManager.default.createDirectory(atPath: host(inside), withIntermediateDirectories: true)
    }

    func file(_ inside: String, _ bytes: [UInt8] = [], mode: mode_t = 0o644) throws {
        try directory((inside as NSString).deletingLastPathComponent)
        try Data(bytes).write(to: URL(fileURLWithPath: host(inside)))
        guard chmod(host(inside), mode) == 0 else { throw LinuxError.last("chmod", ByteString(inside)) }
    }

    func text(_ inside: String, _ text: String) throws { try file(inside, Array(text.utf8)) }

    func link(_ inside: String, to target: String) throws {
        try directory((inside as NSString).deletingLastPathComponent)
        guard symlink(target, host(inside)) == 0 else { throw LinuxError.last("symlink", ByteString(inside)) }
    }

    func fifo(_ inside: String) throws {
        try directory((inside as NSString).deletingLastPathComponent)
        guard mkfifo(host(inside), 0o644) == 0 else { throw LinuxError.last("mkfifo", ByteString(inside)) }
    }

    func socket(_ inside: String) throws {
        try directory((inside as NSString).deletingLastPathComponent)
        guard mknod(host(inside), S_IFSOCK | 0o666, 0) == 0 else { throw LinuxError.last("mknod", ByteString(inside)) }
    }

    /// A driver library with its links: `<folder>/<stem>.<version>` and, where they differ, `<folder>/<soname>`.
    func library(
        _ folder: String, _ name: String, soname: String?, image: ELFImage = ELFImage(), linked: Bool = true
    ) throws {
        var image = image
        image.soname = soname
        try file("\(folder)/\(name)", image.bytes)
        if let soname, soname != name, linked { try link("\(folder)/\(soname)", to: name) }
    }

    func cache(_ entries: [CacheImage.Entry], format: CacheImage.Format = .new) throws {
        try file("/etc/ld.so.cache", CacheImage(entries: entries).bytes(format))
    }

    /// `entries` of this machine's own architecture.
    func nativeCache(_ entries: KeyValuePairs<String, String>, format: CacheImage.Format = .new) throws {
        try cache(entries.map { .init(name: $0.key, path: $0.value, flags: CacheImage.native) }, format: format)
    }
}

/// The bytes of a file in `testdata/node`.
func nodeFixture(_ name: String) throws -> [UInt8] {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let root = tests.deletingLastPathComponent().deletingLastPathComponent()
    return Array(try Data(contentsOf: root.appendingPathComponent("testdata/node/\(name)")))
}

/// SplitMix64: the same numbers in every run.
struct FixedGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
