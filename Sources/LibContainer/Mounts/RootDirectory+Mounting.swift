// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

/// Mounting in a root. Both ends are descriptors: what was looked at is what is mounted, and where was found inside the
/// root is where it goes, whatever becomes of the paths meanwhile.
extension RootDirectory {
    /// Binds the open file or folder `source`, with what is mounted below it, on `point`, and gives the mount
    /// `attributes`. Returns an O_PATH descriptor of the new mount. `path` is the point's, inside the root.
    ///
    /// From Linux 5.12 on the mount has its attributes before it can be seen (open_tree(2), mount_setattr(2),
    /// move_mount(2)). Before, it gets them at once after; there, what is mounted below it keeps its own.
    package func bind(
        _ source: borrowing FileDescriptor, on point: borrowing FileDescriptor, path: ByteString,
        attributes: MountAttributes, descriptors: borrowing DescriptorFolder
    ) throws(LinuxError) -> FileDescriptor {
        let empty = UInt32(CLX_AT_EMPTY_PATH)
        let number = clx_open_tree(source.number, "", empty | UInt32(CLX_OPEN_TREE_CLONE | CLX_AT_RECURSIVE))
        guard number >= 0 else {
            // EPERM: a filter of an old engine; where the right to mount is what is missing, mount(2) says so too.
            guard errno == ENOSYS || errno == EPERM else { throw LinuxError.last("clone the mount of", path) }
            return try bindByName(source, on: point, path: path, attributes: attributes, descriptors: descriptors)
        }
        let tree = FileDescriptor(owning: number)
        let isReady =
            clx_mount_setattr(
                tree.number, "", empty | UInt32(CLX_AT_RECURSIVE), UInt64(attributes.attributeBits), 0,
                UInt64(CLX_MS_PRIVATE)) == 0
        guard isReady || errno == ENOSYS || errno == EPERM else { throw LinuxError.last("set attributes of", path) }
        try attach(tree, to: point, path: path)
        if !isReady {
            do throws(LinuxError) {
                try remount(tree, path: path, attributes: attributes, descriptors: descriptors)
            } catch {
                descriptors.unmount(tree)
                throw error
            }
        }
        return tree
    }

    /// Mounts a new tmpfs on the folder `point`; only root can write there. Returns an O_PATH descriptor of its root.
    package func mountScratch(
        on point: borrowing FileDescriptor, path: ByteString, attributes: MountAttributes,
        descriptors: borrowing DescriptorFolder
    ) throws(LinuxError) -> FileDescriptor {
        let context = clx_fsopen("tmpfs")
        guard context >= 0 else {
            guard errno == ENOSYS || errno == EPERM else { throw LinuxError.last("make a tmpfs for", path) }
            try descriptors.mount(
                "tmpfs", on: point, type: "tmpfs", flags: attributes.mountFlags, data: "mode=0555", path: path)
            do throws(LinuxError) {
                let folder = try open(path, flags: CLX_O_PATH | O_DIRECTORY)
                guard try folder.status().device != (try point.status().device) else {
                    throw LinuxError("mount", path, code: ESTALE)
                }
                return folder
            } catch {
                descriptors.unmount(point)
                throw error
            }
        }
        let fileSystem = FileDescriptor(owning: context)
        guard clx_fsconfig_string(fileSystem.number, "mode", "0555") == 0, clx_fsconfig_create(fileSystem.number) == 0
        else { throw LinuxError.last("make a tmpfs for", path) }
        let number = clx_fsmount(fileSystem.number, attributes.attributeBits)
        guard number >= 0 else { throw LinuxError.last("make a tmpfs for", path) }
        let tree = FileDescriptor(owning: number)
        try attach(tree, to: point, path: path)
        return tree
    }

    /// Adds `attributes` to the mount whose root is `mount`.
    package func restrict(
        _ mount: borrowing FileDescriptor, path: ByteString, attributes: MountAttributes,
        descriptors: borrowing DescriptorFolder
    ) throws(LinuxError) {
        let bits = UInt64(attributes.attributeBits)
        if clx_mount_setattr(mount.number, "", UInt32(CLX_AT_EMPTY_PATH), bits, 0, 0) == 0 { return }
        guard errno == ENOSYS || errno == EPERM else { throw LinuxError.last("set attributes of", path) }
        try remount(mount, path: path, attributes: attributes, descriptors: descriptors)
    }

    private func attach(
        _ tree: borrowing FileDescriptor, to point: borrowing FileDescriptor, path: ByteString
    ) throws(LinuxError) {
        let flags = UInt32(CLX_MOVE_MOUNT_F_EMPTY_PATH | CLX_MOVE_MOUNT_T_EMPTY_PATH)
        _ = try retryingOnInterrupt("mount", path) { clx_move_mount(tree.number, "", point.number, "", flags) }
    }

    /// By mount(2): before Linux 5.2, in gVisor, under a filter that denies the newer calls.
    private func bindByName(
        _ source: borrowing FileDescriptor, on point: borrowing FileDescriptor, path: ByteString,
        attributes: MountAttributes, descriptors: borrowing DescriptorFolder
    ) throws(LinuxError) -> FileDescriptor {
        let flags = UInt64(CLX_MS_BIND | CLX_MS_REC)
        try descriptors.mount(DescriptorFolder.name(of: source), on: point, flags: flags, path: path)
        do throws(LinuxError) {
            // The point's descriptor is below the new mount; what is at its path now must be what was mounted.
            let mount = try open(path, flags: CLX_O_PATH)
            let (found, wanted) = (try mount.status(), try source.status())
            guard found.inode == wanted.inode, found.device == wanted.device else {
                throw LinuxError("mount", path, code: ESTALE)
            }
            try remount(mount, path: path, attributes: attributes, descriptors: descriptors)
            return mount
        } catch {
            // umount(2) takes what is mounted on the point, wherever its path leads by now.
            descriptors.unmount(point)
            throw error
        }
    }

    /// Sets `attributes` by mount(2), and keeps the mount from propagating.
    private func remount(
        _ mount: borrowing FileDescriptor, path: ByteString, attributes: MountAttributes,
        descriptors: borrowing DescriptorFolder
    ) throws(LinuxError) {
        try descriptors.mount(on: mount, flags: UInt64(CLX_MS_PRIVATE | CLX_MS_REC), path: path)
        // In a user namespace, flags that the source has can't be taken away.
        var present = statvfs()
        _ = try retryingOnInterrupt("stat the file system of", path) { fstatvfs(mount.number, &present) }
        let kept = UInt64(present.f_flag) & UInt64(CLX_MS_RDONLY | CLX_MS_NOSUID | CLX_MS_NODEV | CLX_MS_NOEXEC)
        let flags = UInt64(CLX_MS_REMOUNT | CLX_MS_BIND) | attributes.mountFlags | kept
        try descriptors.mount(on: mount, flags: flags, path: path)
    }
}
