// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// A bundle's config.json on disk: read once, replaced at most once, through one descriptor of the bundle directory.
package struct SpecFile: ~Copyable {
    /// In the bundle (runtime-spec, bundle.md).
    static let name: ByteString = "config.json"

    /// The bundle, open for reading; also for whoever looks at other files of it.
    package let directory: FileDescriptor
    /// For errors: the bundle's path as it was given, and `config.json`.
    package let path: ByteString
    /// config.json, open for reading.
    let file: FileDescriptor
    /// The file's status when it was opened; see `requireUnchanged`.
    let status: FileStatus

    /// Opens the config.json of the bundle at `bundle`, which may be relative and have symbolic links in it: the engine
    /// chose it, and runc follows them too.
    ///
    /// config.json itself must be a regular file with one name, readable by its owner, that belongs to root, to us, or
    /// to the owner of the bundle. Anything else is refused and not read: runc would follow a link to another file, and
    /// wait for ever on a FIFO.
    package init(bundle: ByteString) throws(SpecError) {
        let path = bundle.appending(component: Self.name)
        let directory = try Self.calling(path) { () throws(LinuxError) in
            try FileDescriptor(opening: bundle, flags: O_RDONLY | O_DIRECTORY)
        }
        let directoryStatus = try Self.calling(path) { () throws(LinuxError) in try directory.status() }
        // By name first, for the kinds of files that can't be opened or where opening does something.
        let named = try Self.calling(path) { () throws(LinuxError) in
            try FileStatus.of(Self.name, relativeTo: directory.number, followLinks: false)
        }
        try Self.requireRegular(named, path)
        let file = try Self.calling(path) { () throws(LinuxError) in
            // O_NONBLOCK: should a FIFO have come here meanwhile, this does not wait.
            let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
            return try FileDescriptor(opening: Self.name, flags: flags, relativeTo: directory.number)
        }
        let status = try Self.calling(path) { () throws(LinuxError) in try file.status() }
        try Self.requireAcceptable(status, bundleOwner: directoryStatus.owner, path)
        self.path = path
        self.directory = directory
        self.file = file
        self.status = status
    }

    /// The whole text. Throws where it is larger than `limit` bytes, before it is read.
    package func read(limit: Int = JSONLimits.spec.bytes) throws(SpecError) -> [UInt8] {
        guard status.size <= limit else {
            throw SpecError(.tooLarge, in: path, "\(status.size) bytes; the limit is \(limit)")
        }
        do throws(LinuxError) {
            return try file.readToEnd(limit: limit, sizeHint: Int(status.size))
        } catch {
            throw error.code == EFBIG
                ? SpecError(.tooLarge, in: path, "more than \(limit) bytes") : SpecError(.system, in: path, error)
        }
    }

    /// Calls `body`, and throws an error of it as one about `path`.
    static func calling<Result: ~Copyable>(
        _ path: ByteString, _ body: () throws(LinuxError) -> Result
    ) throws(SpecError) -> Result {
        do throws(LinuxError) {
            return try body()
        } catch {
            throw SpecError(.system, in: path, error)
        }
    }

    private static func requireAcceptable(
        _ status: FileStatus, bundleOwner: uid_t, _ path: ByteString
    ) throws(SpecError) {
        try requireRegular(status, path)
        // No name any more: another run has put its file in the place of this one.
        guard status.linkCount > 0 else {
            throw SpecError(.changedMeanwhile, in: path, "was changed by someone else while it was being opened")
        }
        guard status.linkCount == 1 else {
            throw SpecError(.refusedFile, in: path, "has \(status.linkCount) names (hard links), must have one")
        }
        guard status.permissions & 0o400 != 0 else {
            throw SpecError(.refusedFile, in: path, "is not readable by its owner")
        }
        guard status.owner == 0 || status.owner == geteuid() || status.owner == bundleOwner else {
            throw SpecError(
                .refusedFile, in: path,
                "belongs to user \(status.owner), must belong to root, the caller or the bundle's owner")
        }
    }

    private static func requireRegular(_ status: FileStatus, _ path: ByteString) throws(SpecError) {
        guard status.kind == .regular else {
            throw SpecError(.refusedFile, in: path, "is \(words(for: status.kind)), must be a regular file")
        }
    }

    private static func words(for kind: FileStatus.Kind) -> String {
        switch kind {
        case .regular: "a regular file"
        case .directory: "a directory"
        case .symbolicLink: "a symbolic link"
        case .characterDevice: "a character device"
        case .blockDevice: "a block device"
        case .fifo: "a FIFO"
        case .socket: "a socket"
        case .unknown: "of an unknown kind"
        }
    }
}

extension SpecError {
    /// A system call on `file` that failed.
    init(_ code: Code, in file: ByteString, _ cause: LinuxError) {
        let reason = String(cString: strerror(cause.code))
        self.init(code, in: file, "\(cause.operation)\(cause.path.isEmpty ? "" : " \(cause.path)"): \(reason)")
    }
}
