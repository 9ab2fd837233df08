// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import CDI

/// CDI directories that are removed with the last reference, and a host of the test's choice.
final class Directories {
    let base: ByteString
    let low: ByteString
    let high: ByteString

    init() throws {
        var template = Array("/var/tmp/cdi-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        base = template.withUnsafeBufferPointer { ByteString($0.dropLast().map { UInt8(bitPattern: $0) }) }
        low = base.appending(component: "low")
        high = base.appending(component: "high")
        for directory in [low, high] {
            try #require(mkdir(directory.description, 0o755) == 0)
            #expect(chmod(directory.description, 0o755) == 0)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: base.description) }

    @discardableResult
    func write(_ name: String, _ bytes: some Sequence<UInt8>, in directory: ByteString? = nil) throws -> ByteString {
        let path = (directory ?? high).appending(component: ByteString(name))
        try Data(bytes).write(to: URL(filePath: path.description))
        #expect(chmod(path.description, 0o644) == 0)
        return path
    }

    @discardableResult
    func write(_ name: String, _ text: String, in directory: ByteString? = nil) throws -> ByteString {
        try write(name, text.utf8, in: directory)
    }

    func registry(_ host: CDIHost = .stub) -> CDIRegistry { CDIRegistry(directories: [low, high], host: host) }

    func resolve(_ names: String..., host: CDIHost = .stub) throws -> CDIResolution {
        try registry(host).resolve(try names.map { try name($0) })
    }

    /// What goes wrong in a request for the device `0` of `small`.
    func failure(_ names: String..., host: CDIHost = .stub) throws -> CDIError? {
        let names = try (names.isEmpty ? ["vendor.example/device=0"] : names).map { try name($0) }
        let registry = registry(host)
        return CDITests.failure { () throws(CDIError) in try registry.resolve(names) }
    }
}

extension CDIHost {
    /// Every node is the character device 511:7 with the mode 0640, every program good, and everything to mount there.
    static let stub = CDIHost(
        node: { (_) throws(LinuxError) in node() },
        program: { (_) throws(TrustError) in file(0o755) },
        source: { (_) throws(LinuxError) in file(0o644) })

    static func node(_ type: mode_t = S_IFCHR, _ major: UInt64 = 511, _ minor: UInt64 = 7) -> FileStatus {
        var status = stat()
        status.st_mode = type | 0o640
        // gnu_dev_makedev
        status.st_rdev = UInt(major << 8 | minor & 0xFF | (minor & ~0xFF) << 12)
        return FileStatus(status)
    }

    static func file(_ permissions: mode_t, _ type: mode_t = S_IFREG) -> FileStatus {
        var status = stat()
        status.st_mode = type | permissions
        return FileStatus(status)
    }
}
