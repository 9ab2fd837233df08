// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Glibc
package import Linux

/// A directory that is a root of its own: a container's rootfs or a driver root.
///
/// The one way to reach a path inside such a root. The path is resolved by the kernel relative to the descriptor
/// (openat2(2) with RESOLVE_IN_ROOT), so absolute links and `..` end inside the root, whatever an image or another
/// container does to the tree meanwhile, and procfs's magic links are refused. Callers act on the descriptor they get;
/// no string path into the root ever reaches another system call.
package struct RootDirectory: ~Copyable, Sendable {
    /// An O_PATH descriptor of the root.
    package let descriptor: FileDescriptor
    /// Where the root was opened, for messages only.
    package let path: ByteString

    /// Opens the directory `path`. Links on the way to it are followed: the path comes from the administrator or the
    /// engine.
    package init(opening path: ByteString) throws(LinuxError) {
        descriptor = try FileDescriptor(opening: path, flags: CLX_O_PATH | O_DIRECTORY)
        self.path = path
    }

    /// Opens the directory `path`, which is to be a container's root. EPERM where it is the process's own root, under
    /// whatever name: a link or a mount can lead there.
    package init(ofContainer path: ByteString) throws(LinuxError) {
        let root = try RootDirectory(opening: path)
        let (found, own) = (try root.descriptor.status(), try FileStatus.of("/"))
        guard found.device != own.device || found.inode != own.inode else {
            throw LinuxError("use the host's own root as a container's root", path, code: EPERM)
        }
        self = root
    }

    /// How often and how long (nanoseconds) an open is tried again where the kernel answers EAGAIN: it does when a
    /// directory anywhere on the system was renamed while `..` was resolved. The same count as runc's.
    private static let retryLimit: (count: Int, time: Int64) = (128, 50_000_000)

    /// Opens `path` inside the root with `flags` (open(2)); O_CLOEXEC is added. Links are followed inside the root,
    /// the last one too unless `flags` has O_NOFOLLOW. Throws EAGAIN where renames go on for too long.
    package func open(_ path: ByteString, flags: CInt, mode: mode_t = 0) throws(LinuxError) -> FileDescriptor {
        guard path.isCString else { throw LinuxError("open", path, code: EINVAL) }
        var retries = 0
        var deadline: Int64 = 0
        while true {
            do throws(LinuxError) {
                return FileDescriptor(owning: try openByKernel(path, flags: flags, mode: mode))
            } catch {
                switch error.code {
                case EAGAIN:
                    let now = Self.monotonicTime()
                    if retries == 0 { deadline = now &+ Self.retryLimit.time }
                    retries += 1
                    guard retries < Self.retryLimit.count, now < deadline else { throw error }
                    sched_yield()
                case ENOSYS, EPERM:
                    // No openat2(2), or a filter of an old engine that answers EPERM to what it does not know.
                    return try openWalking(path, flags: flags | O_CLOEXEC, mode: mode)
                default: throw error
                }
            }
        }
    }

    /// Opens `path` as `open` does where no part of it is a link, so that the path itself tells where the file is. Nil
    /// where one is, and where the kernel can't tell.
    func openWithoutLinks(_ path: ByteString, flags: CInt) throws(LinuxError) -> FileDescriptor? {
        guard path.isCString else { throw LinuxError("open", path, code: EINVAL) }
        do throws(LinuxError) {
            return FileDescriptor(
                owning: try openByKernel(path, flags: flags, mode: 0, resolve: CLX_RESOLVE_NO_SYMLINKS))
        } catch {
            switch error.code {
            case ELOOP, EAGAIN, ENOSYS, EPERM: return nil
            default: throw error
            }
        }
    }

    private func openByKernel(
        _ path: ByteString, flags: CInt, mode: mode_t, resolve: CInt = 0
    ) throws(LinuxError) -> CInt {
        try path.withCString { (pointer) throws(LinuxError) -> CInt in
            try retryingOnInterrupt("open", path) {
                clx_openat2(
                    descriptor.number, pointer, UInt64(flags | O_CLOEXEC), UInt64(mode),
                    UInt64(CLX_RESOLVE_IN_ROOT | CLX_RESOLVE_NO_MAGICLINKS | resolve))
            }
        }
    }

    /// Nanoseconds of CLOCK_MONOTONIC.
    private static func monotonicTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// The status of what `path` leads to inside the root, or nil where nothing is there.
    package func status(of path: ByteString, followLinks: Bool = true) throws(LinuxError) -> FileStatus? {
        do throws(LinuxError) {
            return try open(path, flags: CLX_O_PATH | (followLinks ? 0 : O_NOFOLLOW)).status()
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR { return nil }
            throw error
        }
    }
}
