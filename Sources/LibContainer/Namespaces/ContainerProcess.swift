// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

/// A process in a container's namespaces.
///
/// Held by its folder in procfs, so that a process that gets its number later is never taken for it: then every access
/// fails with ESRCH.
package struct ContainerProcess: ~Copyable, Sendable {
    package let pid: Int32
    private let folder: FileDescriptor

    package init(pid: Int32) throws(LinuxError) {
        let path = ByteString("/proc/\(pid)")
        let folder = try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
        guard clx_is_procfs(folder.number) == 1 else { throw LinuxError("use", path, code: ENXIO) }
        self.pid = pid
        self.folder = folder
    }

    /// Whether it is in another user namespace than this process: a rootless or a user-namespaced container.
    package func hasOwnUserNamespace() throws(LinuxError) -> Bool {
        let (own, its) = (try FileStatus.of("/proc/self/ns/user"), try status(of: "ns/user"))
        return own.inode != its.inode || own.device != its.device
    }

    /// Joins its mount namespace (setns(2)): the root and the working directory become those of that namespace.
    package func joinMountNamespace() throws(LinuxError) {
        let namespace = try open("ns/mnt")
        _ = try retryingOnInterrupt("join", path(of: "ns/mnt")) { clx_join_mount_namespace(namespace.number) }
    }

    /// Joins its user namespace as that one's root, which is nobody in particular outside, and then its mount namespace.
    package func joinUserAndMountNamespaces() throws(LinuxError) {
        let user = try open("ns/user")
        let mount = try open("ns/mnt")
        _ = try retryingOnInterrupt("join", path(of: "ns/user")) { clx_join_user_namespace(user.number) }
        // Without effect where the namespace may not set groups (user_namespaces(7)); they give no right in it then.
        _ = setgroups(0, nil)
        _ = try retryingOnInterrupt("become root in", path(of: "ns/user")) { setgid(0) }
        _ = try retryingOnInterrupt("become root in", path(of: "ns/user")) { setuid(0) }
        _ = try retryingOnInterrupt("join", path(of: "ns/mnt")) { clx_join_mount_namespace(mount.number) }
    }

    private func path(of name: ByteString) -> ByteString {
        ByteString("/proc/\(pid)").appending(component: name)
    }

    private func open(_ name: ByteString) throws(LinuxError) -> FileDescriptor {
        do throws(LinuxError) {
            return try FileDescriptor(opening: name, flags: O_RDONLY, relativeTo: folder.number)
        } catch {
            throw LinuxError("open", path(of: name), code: error.code)
        }
    }

    private func status(of name: ByteString) throws(LinuxError) -> FileStatus {
        try FileStatus.of(name, relativeTo: folder.number)
    }
}
