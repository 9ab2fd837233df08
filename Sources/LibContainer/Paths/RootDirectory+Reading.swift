// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

extension RootDirectory {
    /// Reads the regular file `path` inside the root; nil where nothing is there, a dangling link included. Throws
    /// EFBIG above `limit` bytes, and EINVAL for everything that is no regular file. No more than its size is read, which
    /// is 0 for the files of procfs and sysfs.
    package func readFile(_ path: ByteString, limit: Int) throws(LinuxError) -> [UInt8]? {
        guard let file = try openFile(path) else { return nil }
        let size = try file.status().size
        guard size <= limit else { throw LinuxError("read", path, code: EFBIG) }
        return try file.read(at: 0, count: min(max(0, Int(size)), limit))
    }

    /// Whether what `path` leads to is the root of a mount: a file that was mounted by itself, for one. False where that
    /// can't be told: Linux knows since 5.8.
    func isMounted(_ path: ByteString) -> Bool {
        do throws(LinuxError) {
            let file = try open(path, flags: CLX_O_PATH)
            return clx_is_mount_root(file.number)
        } catch {
            return false
        }
    }

    /// Opens the regular file `path` inside the root for reading; nil where nothing is there. Throws EINVAL for everything
    /// that is no regular file, a link too where `followLinks` is false.
    ///
    /// The file may be an image's: its type is looked at before it is opened, since opening a device can have effects
    /// and opening a FIFO can block, and the opened file must be the one that was looked at.
    package func openFile(_ path: ByteString, followLinks: Bool = true) throws(LinuxError) -> FileDescriptor? {
        guard let found = try status(of: path, followLinks: followLinks) else { return nil }
        guard found.kind == .regular else { throw LinuxError("read as a regular file", path, code: EINVAL) }
        let file = try open(
            path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY | (followLinks ? 0 : O_NOFOLLOW))
        let opened = try file.status()
        guard opened.kind == .regular, opened.inode == found.inode, opened.device == found.device else {
            throw LinuxError("read", path, code: ESTALE)
        }
        return file
    }
}
