// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

extension RootDirectory {
    /// Reads the regular file `path` inside the root; nil where nothing is there, a dangling link included. Throws
    /// EFBIG above `limit` bytes, and EINVAL for everything that is no regular file.
    ///
    /// The file may be an image's: its type is looked at before it is opened, since opening a device can have effects
    /// and opening a FIFO can block, and the opened file must be the one that was looked at. No more than its size is
    /// read, which is 0 for the files of procfs and sysfs.
    package func readFile(_ path: ByteString, limit: Int) throws(LinuxError) -> [UInt8]? {
        guard let found = try status(of: path) else { return nil }
        guard found.kind == .regular else { throw LinuxError("read as a regular file", path, code: EINVAL) }
        guard found.size <= limit else { throw LinuxError("read", path, code: EFBIG) }
        let file = try open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let opened = try file.status()
        guard opened.kind == .regular, opened.inode == found.inode, opened.device == found.device else {
            throw LinuxError("read", path, code: ESTALE)
        }
        return try file.read(at: 0, count: min(max(0, Int(opened.size)), limit))
    }
}
