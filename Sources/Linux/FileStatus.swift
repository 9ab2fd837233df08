// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Glibc

/// What stat(2) says of a file.
package struct FileStatus: Sendable {
    package enum Kind: Sendable, Equatable {
        case regular, directory, symbolicLink, characterDevice, blockDevice, fifo, socket, unknown

        /// By the type bits of `mode` (S_IFMT).
        init(mode: mode_t) {
            switch mode & S_IFMT {
            case S_IFREG: self = .regular
            case S_IFDIR: self = .directory
            case S_IFLNK: self = .symbolicLink
            case S_IFCHR: self = .characterDevice
            case S_IFBLK: self = .blockDevice
            case S_IFIFO: self = .fifo
            case S_IFSOCK: self = .socket
            default: self = .unknown
            }
        }
    }

    package let kind: Kind
    /// The permission bits, set-id and sticky bits included (07777).
    package let permissions: UInt32
    package let owner: uid_t
    package let group: gid_t
    /// Bytes.
    package let size: Int64
    package let device: dev_t
    package let inode: ino_t
    package let linkCount: nlink_t
    /// Of a device node; 0 otherwise.
    package let major: UInt32
    package let minor: UInt32
    /// Nanoseconds since the epoch; wraps are harmless since it is only compared.
    package let modified: Int64
    package let changed: Int64

    package init(_ status: stat) {
        kind = Kind(mode: status.st_mode)
        permissions = status.st_mode & 0o7777
        owner = status.st_uid
        group = status.st_gid
        size = Int64(status.st_size)
        device = status.st_dev
        inode = status.st_ino
        linkCount = status.st_nlink
        major = clx_major(UInt64(status.st_rdev))
        minor = clx_minor(UInt64(status.st_rdev))
        modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
        changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
    }

    /// stat(2), or lstat(2) where `followLinks` is false, relative to the descriptor `directory`.
    package static func of(
        _ path: ByteString, relativeTo directory: CInt = AT_FDCWD, followLinks: Bool = true
    ) throws(LinuxError) -> FileStatus {
        guard path.isCString else { throw LinuxError("stat", path, code: EINVAL) }
        var buffer = stat()
        _ = try path.withCString { (pointer) throws(LinuxError) -> CInt in
            try retryingOnInterrupt("stat", path) {
                fstatat(directory, pointer, &buffer, followLinks ? 0 : AT_SYMLINK_NOFOLLOW)
            }
        }
        return FileStatus(buffer)
    }
}
