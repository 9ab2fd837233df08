// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

extension SettingsFile {
    /// 1 MiB; the file as shipped has 2 KiB.
    private static let sizeLimit = 1 << 20

    /// The content of the file at `path`, or nil where there is none.
    ///
    /// The file names programs that run as root, so it has to be a regular file that nobody else can change or replace
    /// (`TrustedPath`). Links are followed, since administrators use them.
    static func read(_ path: ByteString) throws(SettingsError) -> [UInt8]? {
        guard path.isAbsolutePath else { throw SettingsError(file: path, "not an absolute path") }
        let outcome: Outcome
        do throws(LinuxError) {
            outcome = try readChecked(path)
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR { return nil }
            throw SettingsError(file: path, String(cString: strerror(error.code)))
        }
        switch outcome {
        case .bytes(let bytes): return bytes
        case .refused(let reason): throw SettingsError(file: path, reason)
        case .untrusted(let error): throw SettingsError(file: path, "not trusted: \(error.cause)", hint: error.hint)
        }
    }

    private enum Outcome {
        case bytes([UInt8])
        case refused(String)
        case untrusted(TrustError)
    }

    private static func readChecked(_ path: ByteString) throws(LinuxError) -> Outcome {
        // O_NONBLOCK: a FIFO must not hang the start of a container.
        let descriptor = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let status = try descriptor.status()
        guard status.kind == .regular else { return .refused("not a regular file") }
        guard status.size <= sizeLimit else { return .refused("larger than \(sizeLimit) bytes") }
        do throws(TrustError) {
            let trusted = try TrustedPath(path).status
            guard trusted.inode == status.inode, trusted.device == status.device
            else { return .refused("was replaced while it was opened") }
        } catch {
            return .untrusted(error)
        }
        return .bytes(try descriptor.readToEnd(limit: sizeLimit, sizeHint: Int(status.size)))
    }
}
