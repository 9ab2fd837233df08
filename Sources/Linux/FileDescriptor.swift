// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Glibc

/// An open file descriptor, closed when it goes out of scope. Always close-on-exec unless it was opened otherwise.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The number; valid as long as `self` is.
    package let number: CInt

    /// Takes ownership of an open descriptor.
    package init(owning number: CInt) { self.number = number }

    deinit { close(number) }

    /// Opens `path` with openat(2) relative to `directory`, which is AT_FDCWD by default. O_CLOEXEC is added.
    package init(
        opening path: ByteString, flags: CInt, mode: mode_t = 0, relativeTo directory: CInt = AT_FDCWD
    ) throws(LinuxError) {
        guard path.isCString else { throw LinuxError("open", path, code: EINVAL) }
        number = try path.withCString { (pointer) throws(LinuxError) -> CInt in
            try retryingOnInterrupt("open", path) { clx_openat(directory, pointer, flags | O_CLOEXEC, mode) }
        }
    }

    /// Gives up ownership: the caller closes the number.
    package consuming func release() -> CInt {
        let number = self.number
        discard self
        return number
    }

    package func status() throws(LinuxError) -> FileStatus {
        var buffer = stat()
        _ = try retryingOnInterrupt("stat descriptor") { fstat(number, &buffer) }
        return FileStatus(buffer)
    }

    /// Reads at `offset` (bytes) up to `count` bytes; fewer at the end of the file.
    package func read(at offset: Int64, count: Int) throws(LinuxError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let start = filled
            let got = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(LinuxError) -> Int in
                let rest = UnsafeMutableBufferPointer(rebasing: buffer[start...])
                return try retryingOnInterrupt("read") {
                    pread(number, rest.baseAddress, rest.count, off_t(offset) &+ start)
                }
            }
            if got == 0 { break }
            filled += got
        }
        bytes.removeLast(count - filled)
        return bytes
    }

    /// Reads from the current position to the end, and fails with EFBIG where that is more than `limit` bytes. Works on
    /// files without a size (procfs) and on pipes.
    package func readToEnd(limit: Int, sizeHint: Int = 4096) throws(LinuxError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: min(max(sizeHint, 0), limit) + 1)
        var filled = 0
        while true {
            if filled == bytes.count { bytes.append(contentsOf: repeatElement(0, count: max(filled, 4096))) }
            let start = filled
            let got = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(LinuxError) -> Int in
                let rest = UnsafeMutableBufferPointer(rebasing: buffer[start...])
                return try retryingOnInterrupt("read") { Glibc.read(number, rest.baseAddress, rest.count) }
            }
            if got == 0 { break }
            filled += got
            if filled > limit { throw LinuxError("read", code: EFBIG) }
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    /// Writes all of `bytes` at the current position.
    package func write(_ bytes: [UInt8]) throws(LinuxError) {
        var written = 0
        while written < bytes.count {
            let start = written
            written += try bytes.withUnsafeBufferPointer { (buffer) throws(LinuxError) -> Int in
                let rest = UnsafeBufferPointer(rebasing: buffer[start...])
                return try retryingOnInterrupt("write") { Glibc.write(number, rest.baseAddress, rest.count) }
            }
        }
    }
}
