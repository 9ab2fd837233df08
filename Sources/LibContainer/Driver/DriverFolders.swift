// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// A folder of a driver root, open.
final class DriverFolder {
    /// O_PATH.
    let descriptor: FileDescriptor
    /// Known at once where no link leads to the folder, else once a file was found in it.
    private var knownLocation: Location?

    /// The real path of the folder.
    struct Location {
        /// Seen from the host.
        let hostPath: ByteString
        /// Seen from inside the driver root.
        let pathInRoot: ByteString
    }

    init(opening path: ByteString, in root: borrowing DriverRoot) throws(LinuxError) {
        let flags = CLX_O_PATH | O_DIRECTORY
        if path.isPlainAbsolutePath, let found = try root.root.openWithoutLinks(path, flags: flags) {
            descriptor = found
            let hostPath = path == "/" && !root.prefix.isEmpty ? root.prefix : root.prefix + path
            knownLocation = Location(hostPath: hostPath, pathInRoot: path)
        } else {
            descriptor = try root.root.open(path, flags: flags)
        }
    }

    func location(in root: borrowing DriverRoot) throws(LinuxError) -> Location {
        if let knownLocation { return knownLocation }
        let real = try root.hostPath(of: descriptor)
        guard let inside = real == root.prefix ? "/" : root.pathInRoot(ofHostPath: real) else {
            throw LinuxError("find the real path of", real, code: EXDEV)
        }
        let location = Location(hostPath: real, pathInRoot: inside)
        knownLocation = location
        return location
    }
}

/// Which folder it is, whatever path leads to it.
struct FolderIdentity: Equatable {
    private let device: dev_t
    private let inode: ino_t

    init(_ status: FileStatus) {
        device = status.device
        inode = status.inode
    }
}

/// The folders of a driver root in which files are looked for. Each is resolved once: there are a hundred files in a
/// few folders, and most of them are a plain name or a link to one in the same folder.
struct DriverFolders {
    private enum Outcome {
        case open(DriverFolder)
        case failed(LinuxError)
    }

    private struct Lookup {
        let path: ByteString
        let outcome: Outcome
    }

    private var lookups: [Lookup] = []

    /// The folder at `path`, or nil where there is none that can be opened.
    mutating func folder(at path: ByteString, in root: borrowing DriverRoot) -> DriverFolder? {
        if case .open(let folder) = outcome(at: path, in: root) { folder } else { nil }
    }

    /// Whether nothing is at `path`.
    mutating func isAbsent(_ path: ByteString, in root: borrowing DriverRoot) -> Bool {
        if case .failed(let error) = outcome(at: path, in: root) { error.isAbsence } else { false }
    }

    private mutating func outcome(at path: ByteString, in root: borrowing DriverRoot) -> Outcome {
        if let known = lookups.first(where: { $0.path == path }) { return known.outcome }
        let outcome: Outcome
        do throws(LinuxError) {
            outcome = .open(try DriverFolder(opening: path, in: root))
        } catch {
            outcome = .failed(error)
        }
        lookups.append(Lookup(path: path, outcome: outcome))
        return outcome
    }
}

extension DriverRoot {
    /// What `file(at:kind:)` finds, without opening it where its folder is known and it is there by its own name or as
    /// a link to another name in that folder.
    ///
    /// The kernel is asked about one name in an open folder and follows no link at it, so the answer is about the very
    /// path that is returned. It takes one system call less where `isLikelyLink` says rightly whether there is a link.
    func location(
        of path: ByteString, kind: FileStatus.Kind = .regular, isLikelyLink: Bool = false,
        using folders: inout DriverFolders
    ) throws(Refusal) -> Location {
        try location(
            of: path.lastPathComponent, in: path.parentPath, kind: kind, isLikelyLink: isLikelyLink, using: &folders)
    }

    /// The same for `name` in the folder `parent`.
    func location(
        of name: ByteString, in parent: ByteString, kind: FileStatus.Kind = .regular, isLikelyLink: Bool = false,
        using folders: inout DriverFolders
    ) throws(Refusal) -> Location {
        guard let folder = folders.folder(at: parent, in: self) else {
            if folders.isAbsent(parent, in: self) { throw .absent }
            return try file(at: parent.appending(component: name), kind: kind).location
        }
        let location: Location?
        do throws(LinuxError) {
            location = try entry(name, of: folder, isLikelyLink: isLikelyLink)
        } catch {
            if error.isAbsence { throw .absent }
            location = nil
        }
        guard let location else { return try file(at: parent.appending(component: name), kind: kind).location }
        try check(location, kind: kind, foundAs: parent.appending(component: name))
        return location
    }

    /// Nil where the name is a link to somewhere else, or to nothing.
    private func entry(
        _ name: ByteString, of folder: DriverFolder, isLikelyLink: Bool
    ) throws(LinuxError) -> Location? {
        guard name.isFileName else { return nil }
        if !isLikelyLink, let location = try plainEntry(name, of: folder) { return location }
        let target: ByteString
        do throws(LinuxError) {
            target = try folder.descriptor.linkTarget(name)
        } catch {
            guard error.code == EINVAL else { throw error }
            return try plainEntry(name, of: folder)
        }
        guard target.isFileName else { return nil }
        do throws(LinuxError) { return try plainEntry(target, of: folder) } catch { return nil }
    }

    /// Nil where the name is a link.
    private func plainEntry(_ name: ByteString, of folder: DriverFolder) throws(LinuxError) -> Location? {
        let status = try FileStatus.of(name, relativeTo: folder.descriptor.number, followLinks: false)
        guard status.kind != .symbolicLink else { return nil }
        let place = try folder.location(in: self)
        return Location(
            hostPath: place.hostPath.appending(component: name),
            pathInRoot: place.pathInRoot.appending(component: name), status: status)
    }
}
