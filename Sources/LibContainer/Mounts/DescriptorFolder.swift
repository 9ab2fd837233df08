// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

/// This process's descriptors as files, `/proc/self/fd`: the way to a descriptor for calls that take a path, such as
/// mount(2) and fchmodat(2). The links there lead to the open file itself, whatever is at its path by now.
///
/// Opened before another mount namespace or root is entered, as what is at /proc there need not be our procfs. Of one
/// process: a child has to open its own.
package struct DescriptorFolder: ~Copyable, Sendable {
    private static let path: ByteString = "/proc/self/fd"

    private let folder: FileDescriptor

    /// Throws where `/proc/self/fd` is not procfs's: another file system's links could lead anywhere (runc,
    /// CVE-2025-52881).
    package init() throws(LinuxError) {
        let folder = try FileDescriptor(opening: Self.path, flags: CLX_O_PATH | O_DIRECTORY | O_NOFOLLOW)
        guard clx_is_procfs(folder.number) == 1 else { throw LinuxError("find procfs at", Self.path, code: EXDEV) }
        self.folder = folder
    }

    /// Opens the file `name` of procfs, relative to it, for reading.
    func open(_ name: ByteString) throws(LinuxError) -> FileDescriptor {
        try FileDescriptor(opening: name, flags: O_RDONLY, relativeTo: folder.number)
    }

    /// The name of `descriptor` here.
    static func name(of descriptor: borrowing FileDescriptor) -> ByteString { ByteString("\(descriptor.number)") }

    /// mount(2) on the open file or folder `target`; `flags` are CLX_MS_*. A source that is a name here is a descriptor.
    /// Changes the working directory. `path` is for errors.
    func mount(
        _ source: ByteString = "", on target: borrowing FileDescriptor, type: ByteString = "", flags: UInt64,
        data: ByteString = "", path: ByteString
    ) throws(LinuxError) {
        try enter()
        let target = Self.name(of: target)
        let result = source.withCString { source in
            target.withCString { target in
                type.withCString { type in data.withCString { clx_mount(source, target, type, flags, $0) } }
            }
        }
        guard result == 0 else { throw LinuxError.last("mount", path) }
    }

    /// Takes the mount whose root is `mount` away, or what is mounted on it if it is a mount point. Errors are of no use to
    /// anyone: it is what is done after one. Changes the working directory.
    package func unmount(_ mount: borrowing FileDescriptor) {
        do throws(LinuxError) { try enter() } catch { return }
        _ = Self.name(of: mount).withCString { clx_umount($0, CLX_MNT_DETACH) }
    }

    /// chmod(2) of the open file; it must not be a link. `path` is for errors. Works after chroot(2) too.
    func setPermissions(
        _ permissions: mode_t, of file: borrowing FileDescriptor, path: ByteString
    ) throws(LinuxError) {
        let number = folder.number
        _ = try Self.name(of: file).withCString { (name) throws(LinuxError) in
            try retryingOnInterrupt("change the mode of", path) { fchmodat(number, name, permissions, 0) }
        }
    }

    private func enter() throws(LinuxError) {
        _ = try retryingOnInterrupt("change to", Self.path) { fchdir(folder.number) }
    }
}
