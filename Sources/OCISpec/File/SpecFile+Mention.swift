// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

extension SpecFile {
    /// Whether the file at `path` may mention one of `patterns` or of `configured` (`SpecDocument.mayMention`), so that the
    /// spec of a container that does not need us is neither parsed nor held to our rules.
    ///
    /// False where the path leads to nothing that may be opened, since the low-level runtime says best why not. True for
    /// what is no regular file or larger than we read, and where reading failed: that must not be passed over in silence,
    /// since the low-level runtime may be luckier and start the container without its GPU.
    package static func mayMention(
        _ patterns: [StaticString], _ configured: [ByteString] = [], at path: ByteString
    ) -> Bool {
        do throws(LinuxError) {
            // O_NONBLOCK: opening a FIFO must not wait for a writer.
            let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            let status = try file.status()
            guard status.kind == .regular, status.size <= JSONLimits.spec.bytes else { return true }
            let text = try file.readToEnd(limit: JSONLimits.spec.bytes, sizeHint: Int(status.size))
            return SpecDocument.mayMention(patterns, configured, in: text)
        } catch {
            return ![ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EACCES].contains(error.code)
        }
    }
}
