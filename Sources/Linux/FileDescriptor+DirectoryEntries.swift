// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

extension FileDescriptor {
    /// Reads the directory, which must be open for reading, from its current position and gives `body` each entry's name
    /// without its NUL; `.` and `..` are left out. The order is the file system's. The buffer is valid for the call only.
    ///
    /// Fails with EFBIG after `limit` entries. getdents64(2): readdir(3) takes two more system calls for a directory.
    package borrowing func forEachEntry(
        limit: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(LinuxError) {
        try forEachEntry(limit: limit) { name, _ in body(name) }
    }

    /// The same with the kind of each entry; `unknown` where the file system does not say it.
    package borrowing func forEachEntry(
        limit: Int, _ body: (UnsafeRawBufferPointer, FileStatus.Kind) -> Void
    ) throws(LinuxError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 8)
        defer { buffer.deallocate() }
        var count = 0
        while true {
            let filled = try retryingOnInterrupt("read directory") {
                clx_getdents64(number, buffer.baseAddress, UInt64(buffer.count))
            }
            if filled == 0 { return }
            var rest = UnsafeRawBufferPointer(rebasing: buffer[..<Int(filled)])
            while let entry = DirectoryEntry(first: rest) {
                rest = UnsafeRawBufferPointer(rebasing: rest[entry.size...])
                if entry.name.elementsEqual([0x2E]) || entry.name.elementsEqual([0x2E, 0x2E]) { continue }
                count += 1
                if count > limit { throw LinuxError("read directory", code: EFBIG) }
                body(entry.name, entry.kind)
            }
        }
    }
}

/// struct linux_dirent64 of getdents64(2).
private struct DirectoryEntry {
    /// Bytes, padding included.
    let size: Int
    /// Without its NUL.
    let name: UnsafeRawBufferPointer
    let kind: FileStatus.Kind

    private static let sizeOffset = 16
    private static let kindOffset = 18
    private static let nameOffset = 19

    /// The one at the start of `bytes`; nil at their end.
    init?(first bytes: UnsafeRawBufferPointer) {
        guard bytes.count > Self.nameOffset else { return nil }
        size = Int(bytes.loadUnaligned(fromByteOffset: Self.sizeOffset, as: UInt16.self))
        guard size > Self.nameOffset, size <= bytes.count else { return nil }
        // DT_* are S_IF* without their last three octal digits.
        kind = FileStatus.Kind(mode: mode_t(bytes[Self.kindOffset]) << 12)
        let field = bytes[Self.nameOffset..<size]
        name = UnsafeRawBufferPointer(rebasing: field.prefix { $0 != 0 })
    }
}
