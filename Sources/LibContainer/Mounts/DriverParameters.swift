// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

/// `/proc/driver/nvidia/params` in a container. It says `ModifyDeviceFiles: 1` where the driver may make and change its
/// own device nodes: its libraries and nvidia-modprobe would then make the nodes of GPUs that the container has not. A
/// file that says 0 is mounted over it, and the rest of it stays.
package enum DriverParameters {
    private static let folder: ByteString = "/proc/driver"
    private static let name: ByteString = "nvidia"
    private static let file: ByteString = "params"
    private static let path: ByteString = "/proc/driver/nvidia/params"
    /// Bytes; a driver's file has about 1 KiB.
    private static let sizeLimit = 64 << 10
    private static let attributes = UInt32(CLX_MOUNT_ATTR_NOSUID | CLX_MOUNT_ATTR_NODEV | CLX_MOUNT_ATTR_NOEXEC)
    private static let flags = UInt64(CLX_MS_NOSUID | CLX_MS_NODEV | CLX_MS_NOEXEC)

    /// Covers the file of the procfs in `root`, which is a container's root in our mount namespace. Returns false where
    /// there is nothing to do: the host's driver does not allow it, or the file is covered already.
    ///
    /// Throws ENOENT where the container's procfs has no such file, and EXDEV where a file is there that is none of
    /// procfs's: nothing is ever mounted over a file that an image could have put there.
    package static func hide(in root: borrowing RootDirectory) throws(LinuxError) -> Bool {
        guard let contents = try changedParameters() else { return false }
        let parent = try root.open(folder, flags: CLX_O_PATH | O_DIRECTORY | O_NOFOLLOW)
        let directory = try open(name, flags: CLX_O_PATH | O_DIRECTORY | O_NOFOLLOW, in: parent)
        let target = try open(file, flags: CLX_O_PATH | O_NOFOLLOW, in: directory)
        guard try target.status().kind == .regular else { throw LinuxError("cover", path, code: EXDEV) }
        guard clx_is_procfs(target.number) == 1 else {
            let present = try open(file, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, in: directory)
            if try present.status().kind == .regular, try present.readToEnd(limit: sizeLimit) == contents {
                return false
            }
            throw LinuxError("cover what is no file of procfs,", path, code: EXDEV)
        }
        do throws(LinuxError) {
            try coverDetached(target, with: contents)
        } catch {
            switch error.code {
            case ENOSYS, EPERM, EINVAL: try coverByPath(target, in: directory, of: parent, with: contents)
            default: throw error
            }
        }
        return true
    }

    /// The host's parameters with the one changed; nil where they don't have it on, or there is no driver.
    private static func changedParameters() throws(LinuxError) -> [UInt8]? {
        let text: ByteString
        do throws(LinuxError) {
            text = ByteString(try FileDescriptor(opening: path, flags: O_RDONLY).readToEnd(limit: sizeLimit))
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR { return nil }
            throw error
        }
        return NodeParameters.withoutModification(text)?.bytes
    }

    /// As the kernel does it since 6.15: a file is taken out of a file system that is mounted nowhere, so that the
    /// container's tree has nothing but the file at any time. Before, that is EINVAL (fs/namespace.c, `__do_loopback`).
    private static func coverDetached(
        _ target: borrowing FileDescriptor, with contents: [UInt8]
    ) throws(LinuxError) {
        let context = FileDescriptor(
            owning: try retryingOnInterrupt("open a file system for", path) { clx_fsopen("tmpfs") })
        _ = try retryingOnInterrupt("limit the size of", path) {
            clx_fsconfig_string(context.number, "size", "\(contents.count)")
        }
        _ = try retryingOnInterrupt("make a file system for", path) { clx_fsconfig_create(context.number) }
        let memory = FileDescriptor(
            owning: try retryingOnInterrupt("make a mount for", path) {
                clx_fsmount(context.number, attributes)
            })
        try write(contents, in: memory)
        let cover = FileDescriptor(
            owning: try retryingOnInterrupt("clone the mount for", path) {
                file.withCString { clx_open_tree(memory.number, $0, UInt32(CLX_OPEN_TREE_CLONE)) }
            })
        _ = try retryingOnInterrupt("set attributes of the mount for", path) {
            clx_mount_setattr(
                cover.number, "", UInt32(CLX_AT_EMPTY_PATH), UInt64(CLX_MOUNT_ATTR_RDONLY), 0, UInt64(CLX_MS_PRIVATE))
        }
        _ = try retryingOnInterrupt("cover", path) {
            clx_move_mount(
                cover.number, "", target.number, "",
                UInt32(CLX_MOVE_MOUNT_F_EMPTY_PATH | CLX_MOVE_MOUNT_T_EMPTY_PATH))
        }
    }

    /// The same by mount(2), on the paths of descriptors: the file system is mounted over `directory` meanwhile.
    private static func coverByPath(
        _ target: borrowing FileDescriptor, in directory: borrowing FileDescriptor,
        of parent: borrowing FileDescriptor, with contents: [UInt8]
    ) throws(LinuxError) {
        let descriptors = try DescriptorFolder()
        let size = ByteString("size=\(contents.count)")
        try descriptors.mount("tmpfs", on: directory, type: "tmpfs", flags: flags, data: size, path: path)
        let memory = try open(name, flags: CLX_O_PATH | O_DIRECTORY | O_NOFOLLOW, in: parent)
        do throws(LinuxError) {
            guard try FileIdentity(memory.status()) != FileIdentity(directory.status()) else {
                throw LinuxError("find the mount for", path, code: EXDEV)
            }
            try descriptors.mount(on: memory, flags: UInt64(CLX_MS_PRIVATE), path: path)
            try write(contents, in: memory)
            let source = try open(file, flags: CLX_O_PATH | O_NOFOLLOW, in: memory)
            try descriptors.mount(
                DescriptorFolder.name(of: source), on: target, flags: UInt64(CLX_MS_BIND), path: path)
        } catch {
            descriptors.unmount(memory)
            throw error
        }
        // The file alone stays, mounted elsewhere.
        descriptors.unmount(memory)
        let cover = try open(file, flags: CLX_O_PATH | O_NOFOLLOW, in: directory)
        let readOnly = UInt64(CLX_MS_REMOUNT | CLX_MS_BIND | CLX_MS_RDONLY)
        try descriptors.mount(on: cover, flags: readOnly | flags, path: path)
        try descriptors.mount(on: cover, flags: UInt64(CLX_MS_PRIVATE), path: path)
    }

    private static func write(_ contents: [UInt8], in memory: borrowing FileDescriptor) throws(LinuxError) {
        do throws(LinuxError) {
            let file = try FileDescriptor(
                opening: file, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o444, relativeTo: memory.number)
            try file.write(contents)
        } catch {
            throw LinuxError("write what covers", path, code: error.code)
        }
    }

    /// openat(2) with an error that names the path.
    private static func open(
        _ name: ByteString, flags: CInt, in directory: borrowing FileDescriptor
    ) throws(LinuxError) -> FileDescriptor {
        do throws(LinuxError) {
            return try FileDescriptor(opening: name, flags: flags, relativeTo: directory.number)
        } catch {
            throw LinuxError("open", path, code: error.code)
        }
    }
}
