// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// A folder of a driver root, open.
final class DriverFolder {
    /// O_PATH.
    let descriptor: FileDescriptor
    /// Known once a file was found in the folder.
    private var location: (hostPath: ByteString, pathInRoot: ByteString)?
    let device: dev_t
    let inode: ino_t

    init(opening path: ByteString, in root: borrowing DriverRoot) throws(LinuxError) {
        descriptor = try root.root.open(path, flags: CLX_O_PATH | O_DIRECTORY)
        let status = try descriptor.status()
        device = status.device
        inode = status.inode
    }

    /// The folder's real path, seen from the host and from inside the driver root.
    func location(in root: borrowing DriverRoot) throws(LinuxError) -> (hostPath: ByteString, pathInRoot: ByteString) {
        if let location { return location }
        let real = try root.hostPath(of: descriptor)
        guard let inside = real == root.prefix ? "/" : root.pathInRoot(ofHostPath: real) else {
            throw LinuxError("find the real path of", real, code: EXDEV)
        }
        location = (real, inside)
        return (real, inside)
    }
}

/// The folders of a driver root in which files are looked for. Each is resolved once: there are a hundred files in a
/// few folders, and most of them are a plain name or a link to one in the same folder.
struct DriverFolders {
    private enum Outcome {
        case open(DriverFolder)
        case failed(LinuxError)
    }

    private var outcomes: [(path: ByteString, outcome: Outcome)] = []

    /// The folder at `path`, or nil where there is none that can be opened.
    mutating func folder(at path: ByteString, in root: borrowing DriverRoot) -> DriverFolder? {
        if case .open(let folder) = outcome(at: path, in: root) { folder } else { nil }
    }

    /// Whether nothing is at `path`.
    mutating func isAbsent(_ path: ByteString, in root: borrowing DriverRoot) -> Bool {
        if case .failed(let error) = outcome(at: path, in: root) { error.isAbsence } else { false }
    }

    private mutating func outcome(at path: ByteString, in root: borrowing DriverRoot) -> Outcome {
        if let known = outcomes.first(where: { $0.path == path }) { return known.outcome }
        let outcome: Outcome
        do throws(LinuxError) {
            outcome = .open(try DriverFolder(opening: path, in: root))
        } catch {
            outcome = .failed(error)
        }
        outcomes.append((path, outcome))
        return outcome
    }
}

extension DriverRoot {
    /// What `file(at:kind:)` finds, without opening it where its folder is known and it is there by its own name or as
    /// a link to another name in that folder.
    ///
    /// The kernel is asked about one name in an open folder and follows no link at it, so the answer is about the very
    /// path that is returned.
    func location(
        of path: ByteString, kind: FileStatus.Kind = .regular, using folders: inout DriverFolders
    ) throws(Refusal) -> Location {
        let (parent, name) = (path.parentPath, path.lastPathComponent)
        guard let folder = folders.folder(at: parent, in: self) else {
            if folders.isAbsent(parent, in: self) { throw .absent }
            return try file(at: path, kind: kind).location
        }
        let location: Location?
        do throws(LinuxError) {
            location = try entry(name, of: folder)
        } catch {
            if error.isAbsence { throw .absent }
            location = nil
        }
        guard let location else { return try file(at: path, kind: kind).location }
        try check(location, kind: kind, foundAs: path)
        return location
    }

    /// Nil where the name is a link to somewhere else.
    private func entry(_ name: ByteString, of folder: DriverFolder) throws(LinuxError) -> Location? {
        guard !name.isEmpty else { return nil }
        var real = name
        do throws(LinuxError) {
            real = try folder.descriptor.linkTarget(name)
        } catch {
            guard error.code == EINVAL else { throw error }
        }
        guard !real.isEmpty, real != ".", real != "..", !real.bytes.contains(UInt8(ascii: "/")) else { return nil }
        let status: FileStatus
        do throws(LinuxError) {
            status = try FileStatus.of(real, relativeTo: folder.descriptor.number, followLinks: false)
        } catch {
            // A link that leads nowhere is for the general way too.
            return nil
        }
        guard status.kind != .symbolicLink else { return nil }
        let (hostPath, pathInRoot) = try folder.location(in: self)
        return Location(
            hostPath: hostPath.appending(component: real), pathInRoot: pathInRoot.appending(component: real),
            status: status)
    }
}
