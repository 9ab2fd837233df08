// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Glibc
package import Linux

/// An entry of a folder inside a root, held by the folder's descriptor: what was made can be taken away again, wherever
/// the folder is by then.
package struct RootEntry: ~Copyable, Sendable {
    /// O_PATH.
    package let folder: FileDescriptor
    package let name: ByteString
    /// O_PATH, of the entry itself.
    package let descriptor: FileDescriptor
    /// Whether it was made now.
    package let isMade: Bool

    /// Gives up all but the folder, whose number the caller closes.
    package consuming func releaseFolder() -> CInt { folder.release() }
}

/// Entries that a container's setup makes: what to mount on, and device nodes.
extension RootDirectory {
    /// Finds or makes the file `path` to mount another file on. A link of that name is replaced by an empty file, since what
    /// an image says that another file is must not be mounted over; EISDIR for a folder.
    package func makeMountPoint(forFileAt path: ByteString) throws(LinuxError) -> RootEntry {
        let parent = try openParent(of: path)
        let (number, name) = (parent.descriptor.number, parent.name)
        var isMade = false
        switch try Self.kind(of: name, in: number, path: path) {
        case nil:
            _ = try FileDescriptor(
                opening: name, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644, relativeTo: number)
            isMade = true
        case .symbolicLink:
            try Self.replace(name, in: number, path: path) { (temporary) throws(LinuxError) in
                _ = try FileDescriptor(
                    opening: temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644,
                    relativeTo: number)
            }
            isMade = true
        case .directory: throw LinuxError("mount a file on the folder", path, code: EISDIR)
        default: break
        }
        return try Self.entry(name, in: parent, isMade: isMade) { $0 != .directory && $0 != .symbolicLink }
    }

    /// Makes `path` a character device in one step, and its parent directories where they are missing. A node that is
    /// that already stays; anything else but a folder is replaced.
    package func makeDeviceNode(
        at path: ByteString, major: UInt32, minor: UInt32, permissions: mode_t, owner: uid_t, group: gid_t
    ) throws(LinuxError) -> RootEntry {
        let parent = try openParent(of: path)
        let (number, name) = (parent.descriptor.number, parent.name)
        let kind = try Self.kind(of: name, in: number, path: path)
        if kind == .directory { throw LinuxError("make a device node of the folder", path, code: EISDIR) }
        if kind == .characterDevice {
            let found = try FileStatus.of(name, relativeTo: number, followLinks: false)
            if found.major == major, found.minor == minor {
                return try Self.entry(name, in: parent, isMade: false) { $0 == .characterDevice }
            }
        }
        try Self.replace(name, in: number, path: path) { (temporary) throws(LinuxError) in
            try Self.makeNode(
                temporary, in: number, path: path, device: clx_makedev(major, minor), permissions: permissions,
                owner: owner, group: group)
        }
        return try Self.entry(name, in: parent, isMade: true) { $0 == .characterDevice }
    }

    /// Makes the character device `name` in `directory`, with all of `permissions` whatever the umask is.
    static func makeNode(
        _ name: ByteString, in directory: CInt, path: ByteString, device: UInt64, permissions: mode_t, owner: uid_t,
        group: gid_t
    ) throws(LinuxError) {
        _ = try name.withCString { (name) throws(LinuxError) -> CInt in
            try retryingOnInterrupt("create device node", path) {
                clx_make_character_device(directory, name, permissions, device)
            }
        }
        guard owner != 0 || group != 0 else { return }
        // By descriptor: owner and group go to the node made here, even if somebody replaces it meanwhile.
        let node = try FileDescriptor(opening: name, flags: CLX_O_PATH | O_NOFOLLOW, relativeTo: directory)
        guard try node.status().kind == .characterDevice else { throw LinuxError("open made", path, code: ESTALE) }
        guard fchownat(node.number, "", owner, group, CLX_AT_EMPTY_PATH) == 0 else {
            throw LinuxError.last("change the owner of", path)
        }
    }

    private static func entry(
        _ name: ByteString, in parent: consuming ParentDirectory, isMade: Bool, isKind: (FileStatus.Kind) -> Bool
    ) throws(LinuxError) -> RootEntry {
        let folder = parent.descriptor
        let entry = try FileDescriptor(opening: name, flags: CLX_O_PATH | O_NOFOLLOW, relativeTo: folder.number)
        guard isKind(try entry.status().kind) else { throw LinuxError("open made", name, code: ESTALE) }
        return RootEntry(folder: folder, name: name, descriptor: entry, isMade: isMade)
    }
}
