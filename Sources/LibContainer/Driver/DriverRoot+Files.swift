// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

extension DriverRoot {
    /// Why a path gives nothing.
    enum Refusal: Error {
        /// Nothing is there.
        case absent
        /// Something is there that is not taken, for the reason given.
        case refused(String)

        /// `name` as something that a container does not get.
        func omission(of name: ByteString, searched: [ByteString]) -> Omission {
            switch self {
            case .absent: Omission(name: name, cause: .notFound(searched: searched))
            case .refused(let reason): Omission(name: name, cause: .refused(reason))
            }
        }
    }

    /// Where a file really is: without links, seen from the host and from inside the driver root.
    struct Location {
        let hostPath: ByteString
        let pathInRoot: ByteString
        let status: FileStatus
    }

    /// A file in the root, by its O_PATH descriptor.
    struct File: ~Copyable {
        let descriptor: FileDescriptor
        let location: Location
    }

    /// Resolves `path` inside the root and takes what it leads to if it is of `kind` (a regular file, a directory or a
    /// socket) and, except for a socket, belongs to root and can't be changed by everybody.
    func file(at path: ByteString, kind: FileStatus.Kind = .regular) throws(Refusal) -> File {
        let descriptor = try open(path)
        let status: FileStatus
        let real: ByteString
        do throws(LinuxError) {
            status = try descriptor.status()
            real = try hostPath(of: descriptor)
        } catch {
            throw .refused(error.description)
        }
        // A link count of 0 is a file that was removed just now; its path would end in " (deleted)".
        guard status.linkCount > 0, let inside = pathInRoot(ofHostPath: real) else {
            throw .refused("\(path) leads to \(real), which is not in the driver root")
        }
        let location = Location(hostPath: real, pathInRoot: inside, status: status)
        try check(location, kind: kind, foundAs: path)
        return File(descriptor: descriptor, location: location)
    }

    /// Refuses what is not of `kind`, and what others than root could have put there or can change.
    func check(
        _ location: Location, kind: FileStatus.Kind, foundAs path: @autoclosure () -> ByteString
    ) throws(Refusal) {
        let (real, status) = (location.hostPath, location.status)
        guard status.kind == kind else { throw .refused("\(path()) is not a \(Self.word(kind))") }
        // A daemon's socket belongs to the daemon's user.
        guard kind == .socket || status.owner == 0 || status.owner == owner else {
            throw .refused("\(real) belongs to user \(status.owner), not to root")
        }
        guard kind != .regular || status.permissions & 0o002 == 0 else {
            throw .refused("\(real) can be changed by every user")
        }
        // config.json can hold nothing else, and a log should not.
        guard real.isPrintableUTF8 else { throw .refused("\(real) has control characters or is not UTF-8") }
    }

    /// Where an open file is, as the kernel has it.
    func hostPath(of descriptor: borrowing FileDescriptor) throws(LinuxError) -> ByteString {
        try descriptorLinks.linkTarget(Self.decimal(descriptor.number))
    }

    /// Nil for a path that is not in the root.
    package func pathInRoot(ofHostPath path: ByteString) -> ByteString? {
        guard let inside = path.droppingPrefix(prefix), inside.isAbsolutePath else { return nil }
        return inside
    }

    /// The file `name` in the first of `folders` that has one which can be taken and `isWanted`, and that folder. Where
    /// there is none, the first refusal is the one thrown.
    func firstFile(
        named name: ByteString, in folders: [ByteString], kind: FileStatus.Kind = .regular,
        using opened: inout DriverFolders, where isWanted: (FileStatus) -> Bool = { _ in true }
    ) throws(Refusal) -> (location: Location, folder: ByteString) {
        var refusal = Refusal.absent
        for folder in folders {
            do throws(Refusal) {
                let location = try location(of: folder.appending(component: name), kind: kind, using: &opened)
                if isWanted(location.status) { return (location, folder) }
            } catch {
                if case .absent = refusal { refusal = error }
            }
        }
        throw refusal
    }

    /// Opens for reading the file that was found, whatever is at its path by now.
    func reopen(_ file: borrowing File) throws(LinuxError) -> FileDescriptor {
        try FileDescriptor(
            opening: Self.decimal(file.descriptor.number), flags: O_RDONLY | O_NONBLOCK | O_NOCTTY,
            relativeTo: descriptorLinks.number)
    }

    /// Those of `folders` that exist, each once, however many paths lead to it.
    func existing(_ folders: [ByteString], using opened: inout DriverFolders) -> [ByteString] {
        var seen: [FolderIdentity] = []
        return folders.filter { path in
            guard let folder = opened.folder(at: path, in: self), let status = try? folder.descriptor.status()
            else { return false }
            let identity = FolderIdentity(status)
            if seen.contains(identity) { return false }
            seen.append(identity)
            return true
        }
    }

    private func open(_ path: ByteString) throws(Refusal) -> FileDescriptor {
        do throws(LinuxError) {
            return try root.open(path, flags: CLX_O_PATH)
        } catch {
            throw error.isAbsence ? .absent : .refused(error.description)
        }
    }

    private static func word(_ kind: FileStatus.Kind) -> String {
        switch kind {
        case .directory: "directory"
        case .socket: "socket"
        default: "regular file"
        }
    }

    private static func decimal(_ number: CInt) -> ByteString {
        var digits: [UInt8] = []
        var divisor: CInt = 1_000_000_000
        while divisor > 0 {
            let digit = UInt8(truncatingIfNeeded: number / divisor % 10)
            if digit > 0 || !digits.isEmpty || divisor == 1 { digits.append(UInt8(ascii: "0") + digit) }
            divisor /= 10
        }
        return ByteString(digits)
    }
}

extension ByteString {
    /// Whether the string is UTF-8 without ASCII control characters.
    var isPrintableUTF8: Bool {
        var isASCII = true
        for byte in bytes {
            if byte < 0x20 || byte == 0x7F { return false }
            isASCII = isASCII && byte < 0x80
        }
        return isASCII || String(validating: bytes, as: UTF8.self) != nil
    }
}

extension DriverFiles {
    mutating func omit(_ name: ByteString, _ refusal: DriverRoot.Refusal, searched: [ByteString]) {
        omissions.append(refusal.omission(of: name, searched: searched))
    }
}
