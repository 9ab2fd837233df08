// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Glibc
package import Linux

/// Changing a root. Every call acts on the descriptor of the parent directory, opened inside the root, and on a name
/// without `/` in it, so that links which an image or another container puts in the way lead nowhere.
extension RootDirectory {
    /// Opens the directory `path` (O_PATH) and creates what is missing of it, with `permissions`.
    ///
    /// What exists is resolved by the kernel, links included. What does not is created one component at a time and
    /// opened without following a link, so a link that appears meanwhile, or one that dangles, ends the call (ENOTDIR).
    package func makeDirectories(
        _ path: ByteString, permissions: mode_t = 0o755
    ) throws(LinuxError) -> FileDescriptor {
        do throws(LinuxError) {
            return try open(path, flags: CLX_O_PATH | O_DIRECTORY)
        } catch {
            if error.code != ENOENT { throw error }
        }
        let components = path.pathComponents
        guard path.isAbsolutePath, !components.contains("..") else {
            throw LinuxError("create directory", path, code: EINVAL)
        }
        var existing = components.count
        var directory: FileDescriptor? = nil
        while directory == nil, existing > 0 {
            existing -= 1
            let prefix = ByteString(components[..<existing].flatMap { [UInt8(ascii: "/")] + $0.bytes })
            do throws(LinuxError) {
                directory = try open(prefix.isEmpty ? "/" : prefix, flags: CLX_O_PATH | O_DIRECTORY)
            } catch {
                if error.code != ENOENT { throw error }
            }
        }
        guard var current = directory else { throw LinuxError("create directory", path, code: ENOENT) }
        for name in components[existing...] {
            current = try Self.makeDirectory(name, in: current, permissions: permissions, path: path)
        }
        return current
    }

    private static func makeDirectory(
        _ name: ByteString, in parent: borrowing FileDescriptor, permissions: mode_t, path: ByteString
    ) throws(LinuxError) -> FileDescriptor {
        let number = parent.number
        do throws(LinuxError) {
            _ = try name.withCString { (pointer) throws(LinuxError) -> CInt in
                try retryingOnInterrupt("create directory", path) { mkdirat(number, pointer, permissions) }
            }
        } catch {
            if error.code != EEXIST { throw error }
        }
        do throws(LinuxError) {
            return try FileDescriptor(
                opening: name, flags: CLX_O_PATH | O_DIRECTORY | O_NOFOLLOW, relativeTo: number)
        } catch {
            throw LinuxError("open created directory", path, code: error.code)
        }
    }

    /// Makes `path` a symbolic link with the text `target`, and its parent directories where they are missing. Returns
    /// false where it was that already.
    ///
    /// A link or a regular file of that name is replaced in one step. Anything else is refused: EISDIR for a directory,
    /// EEXIST for a device node, a FIFO or a socket.
    @discardableResult
    package func replaceLink(at path: ByteString, target: ByteString) throws(LinuxError) -> Bool {
        guard !target.isEmpty, target.isCString else { throw LinuxError("create link", path, code: EINVAL) }
        let parent = try openParent(of: path)
        let (number, name) = (parent.descriptor.number, parent.name)
        switch try Self.kind(of: name, in: number, path: path) {
        case nil:
            do throws(LinuxError) {
                try Self.makeLink(name, target: target, in: number, path: path)
                return true
            } catch {
                // Somebody was faster: replace what is there now.
                if error.code != EEXIST { throw error }
            }
        case .symbolicLink:
            if try ByteString(textOfLink: name, relativeTo: number) == target { return false }
        case .regular: break
        case .directory: throw LinuxError("replace with a link", path, code: EISDIR)
        default: throw LinuxError("replace with a link", path, code: EEXIST)
        }
        try Self.replace(name, in: number, path: path) { (temporary) throws(LinuxError) in
            try Self.makeLink(temporary, target: target, in: number, path: path)
        }
        return true
    }

    /// Makes `path` a regular file with `contents` in one step: readers see the old file or the new one. A link of that
    /// name is replaced, not followed; a directory is refused (EISDIR). The parent directories are created where they
    /// are missing. Not synced: after a crash of the machine no container runs that needs it.
    package func replaceFile(
        at path: ByteString, contents: [UInt8], permissions: mode_t = 0o644
    ) throws(LinuxError) {
        let parent = try openParent(of: path)
        let (number, name) = (parent.descriptor.number, parent.name)
        try Self.replace(name, in: number, path: path) { (temporary) throws(LinuxError) in
            let file: FileDescriptor
            do throws(LinuxError) {
                file = try FileDescriptor(
                    opening: temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: permissions,
                    relativeTo: number)
            } catch {
                throw LinuxError("write", path, code: error.code)
            }
            do throws(LinuxError) {
                try file.write(contents)
            } catch {
                Self.remove(temporary, in: number)
                throw LinuxError("write", path, code: error.code)
            }
        }
    }
}

extension RootDirectory {
    /// The parent directory of `path`, created where it is missing, and the last component. EINVAL where `path` is not
    /// absolute or does not end in a name.
    func openParent(of path: ByteString) throws(LinuxError) -> ParentDirectory {
        let name = path.lastPathComponent
        guard path.isAbsolutePath, path.isCString, !name.isEmpty, name != ".", name != ".." else {
            throw LinuxError("create", path, code: EINVAL)
        }
        return ParentDirectory(descriptor: try makeDirectories(path.parentPath), name: name)
    }

    static func kind(
        of name: ByteString, in directory: CInt, path: ByteString
    ) throws(LinuxError) -> FileStatus.Kind? {
        do throws(LinuxError) {
            return try FileStatus.of(name, relativeTo: directory, followLinks: false).kind
        } catch {
            if error.code == ENOENT { return nil }
            throw LinuxError("stat", path, code: error.code)
        }
    }

    private static func makeLink(
        _ name: ByteString, target: ByteString, in directory: CInt, path: ByteString
    ) throws(LinuxError) {
        _ = try target.withCString { (target) throws(LinuxError) -> CInt in
            try name.withCString { (name) throws(LinuxError) -> CInt in
                try retryingOnInterrupt("create link", path) { symlinkat(target, directory, name) }
            }
        }
    }

    /// Has `make` make something under a temporary name in `directory` and renames it to `name`. `path` is for errors.
    static func replace(
        _ name: ByteString, in directory: CInt, path: ByteString,
        with make: (ByteString) throws(LinuxError) -> Void
    ) throws(LinuxError) {
        let temporary = try makeTemporary(in: directory, with: make)
        do throws(LinuxError) {
            try temporary.withCString { (from) throws(LinuxError) in
                try name.withCString { (to) throws(LinuxError) in
                    _ = try retryingOnInterrupt("replace", path) { renameat(directory, from, directory, to) }
                }
            }
        } catch {
            remove(temporary, in: directory)
            throw error
        }
    }

    /// The first choice of a temporary name, always the same, so that the next run finds what a killed one left.
    static let temporaryName: ByteString = ".nvidia-runtime-new"

    /// Nanoseconds. A run ends after seconds; what is older than this is nobody's any more.
    private static let leftoverAge: Int64 = 60_000_000_000

    /// Has `make` make something that is not there yet, and gives its name. What `make` fails with leaves nothing behind.
    ///
    /// Where the name is taken by a run at the same time, another one serves. Neither is random: where getrandom(2) fails
    /// and there is no /dev/urandom, as in an image, the Swift library ends the process.
    private static func makeTemporary(
        in directory: CInt, with make: (ByteString) throws(LinuxError) -> Void
    ) throws(LinuxError) -> ByteString {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let time = Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
        do throws(LinuxError) {
            try make(temporaryName)
            return temporaryName
        } catch {
            guard error.code == EEXIST else { throw error }
        }
        let status = try? FileStatus.of(temporaryName, relativeTo: directory, followLinks: false)
        if let status, !(0...leftoverAge).contains(time &- status.modified) {
            remove(temporaryName, in: directory)
            do throws(LinuxError) {
                try make(temporaryName)
                return temporaryName
            } catch {
                guard error.code == EEXIST else { throw error }
            }
        }
        let name = temporaryName + ByteString("-\(getpid())-\(time)")
        try make(name)
        return name
    }

    private static func remove(_ name: ByteString, in directory: CInt) {
        _ = name.withCString { unlinkat(directory, $0, 0) }
    }
}

/// Where a file is to be made: its directory and its name there.
struct ParentDirectory: ~Copyable {
    let descriptor: FileDescriptor
    let name: ByteString
}
