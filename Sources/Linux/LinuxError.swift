// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A system call that failed: what was tried, on what, and errno.
@usableFromInline
package struct LinuxError: Error, Equatable {
    /// The operation in words, such as "open" or "create symlink".
    package let operation: String
    /// The path or name it was tried on; empty where there is none.
    package let path: ByteString
    /// errno.
    package let code: CInt

    @usableFromInline
    package init(_ operation: String, _ path: ByteString = ByteString(), code: CInt) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// The error of the call that failed just now.
    @usableFromInline
    package static func last(_ operation: String, _ path: ByteString = ByteString()) -> LinuxError {
        LinuxError(operation, path, code: errno)
    }

    /// Whether descriptors, memory or tries ran out. It says nothing of the file, so a file is never taken for missing,
    /// nor a device for broken, because of it.
    @usableFromInline
    package var isShortage: Bool { [EMFILE, ENFILE, ENOMEM, EAGAIN].contains(code) }

    /// Whether a signal cut the call short.
    @usableFromInline
    var isInterruption: Bool { code == EINTR }
}

extension LinuxError: CustomStringConvertible {
    /// "open /etc/ld.so.cache: Permission denied"
    @usableFromInline
    package var description: String {
        let reason = String(cString: strerror(code))
        return path.isEmpty ? "\(operation): \(reason)" : "\(operation) \(path): \(reason)"
    }
}

/// Calls `body` until it does not fail with EINTR, and throws errno as a `LinuxError` if it returns -1.
///
/// Inlinable for the same reason as `ByteString.withCString`.
@inlinable
package func retryingOnInterrupt<Value: SignedInteger>(
    _ operation: String, _ path: ByteString = ByteString(), _ body: () -> Value
) throws(LinuxError) -> Value {
    while true {
        let result = body()
        if result != -1 { return result }
        let error = LinuxError.last(operation, path)
        if !error.isInterruption { throw error }
    }
}
