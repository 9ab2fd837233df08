// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// A log file by its path, opened for each line: a start writes one or two at most.
struct LogFile: Sendable {
    let path: ByteString
    /// Whether missing directories are made, as the original does. Not for the engine's log: the low-level runtime would
    /// have failed without them.
    let createsDirectories: Bool
    /// Whether `/dev/stderr` and `/dev/stdout`, which are links, stand for descriptors that we have. Not for the shim:
    /// what it has there is the low-level runtime's.
    var allowsStandardDescriptors = false

    /// Appends `line` with one write(2), or does nothing if the file isn't a regular one, of ours or root's, that is no
    /// link and has no second name: whoever can put a link or a FIFO in place of the log must not gain a write by root or
    /// stop a start.
    func append(_ line: [UInt8]) {
        if allowsStandardDescriptors, let number = Self.standardDescriptor(path) {
            _ = line.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
            return
        }
        guard let descriptor = open(), let status = try? descriptor.status(), status.kind == .regular,
            status.linkCount <= 1, status.owner == geteuid() || status.owner == 0,
            Self.isAllowed(status.size, plus: line.count)
        else { return }
        _ = line.withUnsafeBytes { write(descriptor.number, $0.baseAddress, $0.count) }
    }

    private static func standardDescriptor(_ path: ByteString) -> CInt? {
        switch path {
        case "/dev/stderr": STDERR_FILENO
        case "/dev/stdout": STDOUT_FILENO
        default: nil
        }
    }

    /// Whether RLIMIT_FSIZE lets a file of `size` bytes grow by `count`. A write beyond it raises SIGXFSZ, and a log must
    /// not end a start.
    private static func isAllowed(_ size: Int64, plus count: Int) -> Bool {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return false }
        return UInt64(clamping: size) &+ UInt64(count) <= limit.rlim_cur
    }

    private func open() -> FileDescriptor? {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        do throws(LinuxError) {
            return try FileDescriptor(opening: path, flags: flags, mode: 0o644)
        } catch {
            guard error.code == ENOENT, createsDirectories, path.isAbsolutePath else { return nil }
        }
        makeDirectories()
        return try? FileDescriptor(opening: path, flags: flags, mode: 0o644)
    }

    private func makeDirectories() {
        var directory = ByteString()
        for component in path.parentPath.pathComponents {
            directory = directory.appending(component: component)
            _ = directory.withCString { mkdir($0, 0o755) }
        }
    }
}
