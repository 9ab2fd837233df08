// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// What `open` does where the kernel has no openat2(2): before Linux 5.6, in gVisor, under a filter that denies it.
extension RootDirectory {
    /// The kernel's own limit of links followed in one path (MAXSYMLINKS).
    private static let linkLimit = 40

    /// Opens `path` inside the root, component by component, each by O_PATH and O_NOFOLLOW relative to the directory
    /// before it.
    ///
    /// Links are read and their text is walked in turn, from the root where it is absolute. `..` goes back to the
    /// directory that the walk came from and never asks the kernel, so a directory that is moved meanwhile can't lead
    /// out. Links of procfs are refused: some of them are magic.
    func openWalking(_ path: ByteString, flags: CInt, mode: mode_t) throws(LinuxError) -> FileDescriptor {
        guard !path.isEmpty else { throw LinuxError("open", path, code: ENOENT) }
        guard path.count < Int(PATH_MAX) else { throw LinuxError("open", path, code: ENAMETOOLONG) }
        var stack = DirectoryStack(root: descriptor.number)
        var linksLeft = Self.linkLimit
        // The components still to walk, the next one last.
        var rest: [ByteString] = path.pathComponents.reversed()
        var mustBeDirectory = path.namesDirectory

        while let name = rest.popLast() {
            if name == ".." {
                stack.pop()
                continue
            }
            let isLast = rest.isEmpty
            let entry: FileDescriptor
            do throws(LinuxError) {
                entry = try FileDescriptor(
                    opening: name, flags: CLX_O_PATH | O_NOFOLLOW, relativeTo: stack.top)
            } catch {
                guard isLast, !mustBeDirectory, error.code == ENOENT, flags & O_CREAT != 0 else {
                    throw LinuxError("open", path, code: error.code)
                }
                return try FileDescriptor(
                    opening: name, flags: flags | O_NOFOLLOW, mode: mode, relativeTo: stack.top)
            }
            let kind = try entry.status().kind
            if kind == .symbolicLink, !isLast || mustBeDirectory || flags & O_NOFOLLOW == 0 {
                linksLeft -= 1
                guard linksLeft >= 0, clx_is_procfs(entry.number) == 0, flags & (O_CREAT | O_EXCL) != O_CREAT | O_EXCL
                else { throw LinuxError("open", path, code: ELOOP) }
                let target = try entry.linkTarget()
                if target.isAbsolutePath { stack.popAll() }
                if isLast { mustBeDirectory = mustBeDirectory || target.namesDirectory }
                rest += target.pathComponents.reversed()
                guard rest.count <= Int(PATH_MAX) else { throw LinuxError("open", path, code: ENAMETOOLONG) }
            } else if isLast {
                guard kind == .directory || !mustBeDirectory else { throw LinuxError("open", path, code: ENOTDIR) }
                if flags & CLX_O_PATH != 0 {
                    guard kind == .directory || flags & O_DIRECTORY == 0 else {
                        throw LinuxError("open", path, code: ENOTDIR)
                    }
                    return entry
                }
                return try FileDescriptor(
                    opening: name, flags: flags | O_NOFOLLOW, mode: mode, relativeTo: stack.top)
            } else {
                guard kind == .directory else { throw LinuxError("open", path, code: ENOTDIR) }
                stack.push(entry)
            }
        }
        // The path ended at a directory on the stack: "/", "..", or a link to one of them.
        return try FileDescriptor(opening: ".", flags: flags, mode: mode, relativeTo: stack.top)
    }
}

/// The directories from the root to where a walk is. The root itself is borrowed, the rest are owned.
private struct DirectoryStack: ~Copyable {
    private let root: CInt
    private var numbers: [CInt] = []

    init(root: CInt) { self.root = root }

    deinit { for number in numbers { close(number) } }

    var top: CInt { numbers.last ?? root }

    mutating func push(_ directory: consuming FileDescriptor) { numbers.append(directory.release()) }

    /// Stays at the root where it is there already.
    mutating func pop() {
        if let number = numbers.popLast() { close(number) }
    }

    mutating func popAll() {
        while !numbers.isEmpty { pop() }
    }
}

extension ByteString {
    /// Whether a path can only be a directory's: it ends in `/`, `/.` or `/..`, or is `.` or `..`.
    fileprivate var namesDirectory: Bool {
        let name = lastPathComponent
        return name.isEmpty || name == "." || name == ".."
    }
}
