// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// A directory of CDI files. Listed and read through one descriptor, so that it stays the directory that was checked.
struct CDIDirectory: ~Copyable {
    private let path: ByteString
    private let descriptor: FileDescriptor
    /// The names of files that may be CDI files, in byte order.
    let names: [ByteString]

    /// Names in a directory. One that has more is no directory of CDI files.
    private static let entryLimit = 10_000

    /// Opens and lists the directory at `path`; nil where there is none. Throws where somebody untrusted can write it.
    init?(opening path: ByteString) throws(CDIProblem) {
        let trusted: TrustedPath
        do throws(TrustError) {
            trusted = try TrustedPath(path)
        } catch {
            if error.isMissing { return nil }
            throw CDIProblem(file: path, error)
        }
        let descriptor = try Self.calling(path) { () throws(LinuxError) in
            try FileDescriptor(opening: trusted.resolved, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        }
        let status = try Self.calling(path) { () throws(LinuxError) in try descriptor.status() }
        try Self.requireSame(trusted.status, status, path)
        var names: [ByteString] = []
        try Self.calling(path) { () throws(LinuxError) in
            try descriptor.forEachEntry(limit: Self.entryLimit) { entry in
                let name = ByteString(Array(entry))
                if CDISpecification.Format(fileName: name) != nil { names.append(name) }
            }
        }
        self.path = path
        self.descriptor = descriptor
        self.names = names.sorted()
    }

    /// The path of the file `name`, for people.
    func path(of name: ByteString) -> ByteString { path.appending(component: name) }

    /// A file's content, and the status of what was read.
    struct Content {
        let text: [UInt8]
        let status: FileStatus
    }

    /// The content of the file `name`, which must be a regular one of a sane size; nil where it is a directory or has
    /// gone. Whether it is to be trusted is another question (`requireTrusted`), which matters only if it says anything.
    func content(of name: ByteString) throws(CDIProblem) -> Content? {
        let path = path(of: name)
        guard let file = try open(name) else { return nil }
        let status = try Self.calling(path) { () throws(LinuxError) in try file.status() }
        if status.kind == .directory { return nil }
        guard status.kind == .regular else { throw CDIProblem(file: path, "not a regular file") }
        let limit = CDISpecification.sizeLimit
        guard status.size <= limit else { throw CDIProblem(file: path, "larger than \(limit) bytes") }
        let text = try Self.calling(path) { () throws(LinuxError) in
            try file.readToEnd(limit: limit, sizeHint: Int(status.size))
        }
        return Content(text: text, status: status)
    }

    /// Refuses the file `name`, of which `content` was read, where somebody untrusted can change it (`TrustedPath`). A link
    /// is as good as what it leads to, since nobody untrusted can change one in this directory.
    func requireTrusted(_ name: ByteString, _ content: Content) throws(CDIProblem) {
        let path = path(of: name)
        try Self.requireSame(try Self.trusted(path).status, content.status, path)
    }

    /// Whether a CDI file with this text can be about one of `kinds`.
    ///
    /// A kind has no character that JSON or YAML would have to write otherwise, and neither can take a string apart
    /// without a backslash (YAML's line folding leaves a space or a newline): where there is none, a string that is the
    /// kind stands in the text as it is.
    static func mayDefine(_ kinds: [CDIKind], _ text: [UInt8]) -> Bool {
        let string = ByteString(text)
        return kinds.contains { string.range(of: $0.text) != nil } || text.contains(UInt8(ascii: "\\"))
    }

    /// Nil where nothing is there any more.
    private func open(_ name: ByteString) throws(CDIProblem) -> FileDescriptor? {
        // O_NONBLOCK: a FIFO must not hang the start of a container.
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        do throws(LinuxError) {
            return try FileDescriptor(opening: name, flags: flags, relativeTo: descriptor.number)
        } catch {
            let path = path(of: name)
            switch error.code {
            case ENOENT: return nil
            case ENXIO: throw CDIProblem(file: path, "not a regular file")
            case ELOOP:
                let target = try Self.trusted(path).resolved
                return try Self.calling(path) { () throws(LinuxError) in
                    try FileDescriptor(opening: target, flags: flags)
                }
            default: throw CDIProblem(file: path, Shown.words(for: error.code))
            }
        }
    }

    private static func trusted(_ path: ByteString) throws(CDIProblem) -> TrustedPath {
        do throws(TrustError) {
            return try TrustedPath(path)
        } catch {
            throw CDIProblem(file: path, error)
        }
    }

    /// What was checked by its path must be what was opened.
    private static func requireSame(
        _ checked: FileStatus, _ opened: FileStatus, _ path: ByteString
    ) throws(CDIProblem) {
        guard checked.inode == opened.inode, checked.device == opened.device else {
            throw .replaced(path)
        }
    }

    private static func calling<Result: ~Copyable>(
        _ path: ByteString, _ body: () throws(LinuxError) -> Result
    ) throws(CDIProblem) -> Result {
        do throws(LinuxError) {
            return try body()
        } catch {
            throw CDIProblem(file: path, Shown.words(for: error.code))
        }
    }
}

extension CDIProblem {
    /// What was checked is no longer what is there.
    static func replaced(_ file: ByteString) -> CDIProblem {
        CDIProblem(file: file, "was replaced while it was being read")
    }

    fileprivate init(file: ByteString, _ error: TrustError) {
        if case .system(let code) = error.reason {
            self.init(file: file, Shown.words(for: code))
        } else {
            self.init(file: file, "not trusted: \(error)")
        }
    }
}
