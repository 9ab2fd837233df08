// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The last answer of the NVML helper: the file `nvml` in a directory below `/run`.
///
/// It is believed only where nobody else can have written it. Whatever is wrong with it (stale, foreign, cut off,
/// unreadable), there is just no answer.
struct NVMLCache: ~Copyable {
    private static let fileName: ByteString = "nvml"
    /// Only whoever has the lock makes it, so it can have a fixed name and leaves nothing behind.
    private static let newFileName: ByteString = "nvml.new"
    private static let keyLimit = 64 << 10

    private let directory: FileDescriptor

    /// Opens the directory, and makes it if it is not there (mode 0700). Nil where that can't be done, as for others than
    /// root, or where it is not ours alone to write.
    init?(directory path: ByteString) {
        _ = path.withCString { mkdir($0, 0o700) }
        guard let directory = try? FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
            let status = try? directory.status(), status.owner == geteuid(), status.permissions & 0o022 == 0
        else { return nil }
        self.directory = directory
    }

    /// The answer that was stored for `key`.
    func report(for key: ByteString) -> NVMLReport? {
        guard
            let file = try? FileDescriptor(
                opening: Self.fileName, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                relativeTo: directory.number),
            let status = try? file.status(), status.kind == .regular, status.owner == geteuid(),
            status.permissions & 0o077 == 0,
            let text = try? ByteString(file.readToEnd(limit: Self.keyLimit + NVMLReport.sizeLimit)),
            let answer = text.droppingPrefix(key), let report = try? NVMLReport(parsing: answer.bytes),
            report.failures.isEmpty
        else { return nil }
        return report
    }

    /// Takes the lock that is held while the helper runs, without waiting; it is given back when `self` goes. A file
    /// system without locks has nobody to wait for.
    func lock() -> Bool { flock(directory.number, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK }

    /// Keeps `answer` for `key` in place of what is there, at once for every reader. Does nothing where that fails.
    func store(_ answer: [UInt8], for key: ByteString) {
        guard key.count <= Self.keyLimit else { return }
        Self.newFileName.withCString { new in
            Self.fileName.withCString { name in
                unlinkat(directory.number, new, 0)
                do throws(LinuxError) {
                    let file = try FileDescriptor(
                        opening: Self.newFileName, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600,
                        relativeTo: directory.number)
                    try file.write(key.bytes + answer)
                } catch {
                    unlinkat(directory.number, new, 0)
                    return
                }
                if renameat(directory.number, new, directory.number, name) != 0 { unlinkat(directory.number, new, 0) }
            }
        }
    }
}
