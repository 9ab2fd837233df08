// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import Glibc
internal import Linux

/// The text of a container's state, which the low-level runtime writes to a hook's standard input.
enum HookState {
    /// Bytes.
    private static let limit = 1 << 20
    private static let milliseconds = 2000

    /// Reads all of it from `path`, or from standard input, within a time and a size.
    static func read(from path: ByteString? = nil) throws(Diagnostic) -> [UInt8] {
        do throws(LinuxError) {
            guard let path else { return try read(STDIN_FILENO, name: "container state") }
            let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            return try read(file.number, name: path)
        } catch {
            let isLate = error.code == ETIMEDOUT
            throw Diagnostic(
                .hookStateUnreadable, isLate ? "container state: not complete within 2 s" : error.description)
        }
    }

    private static func read(_ descriptor: CInt, name: ByteString) throws(LinuxError) -> [UInt8] {
        try FileDescriptor.readToEnd(of: descriptor, limit: limit, milliseconds: milliseconds, name: name)
    }
}
