// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension FileDescriptor {
    /// Reads from the open descriptor `number`, which it does not close, to the end. Throws ETIMEDOUT where that takes
    /// longer than `milliseconds` in all, and EFBIG above `limit` bytes. `name` is for errors.
    package static func readToEnd(
        of number: CInt, limit: Int, milliseconds: Int, name: ByteString
    ) throws(LinuxError) -> [UInt8] {
        let deadline = Deadline(milliseconds: milliseconds)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            let ready = try retryingOnInterrupt("poll", name) { poll(&request, 1, deadline.remainingMilliseconds) }
            guard ready > 0 else { throw LinuxError("read", name, code: ETIMEDOUT) }
            let count: Int
            do throws(LinuxError) {
                count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(LinuxError) -> Int in
                    try retryingOnInterrupt("read", name) { Glibc.read(number, buffer.baseAddress, buffer.count) }
                }
            } catch {
                if error.code == EAGAIN { continue }
                throw error
            }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
            if bytes.count > limit { throw LinuxError("read", name, code: EFBIG) }
        }
    }
}
