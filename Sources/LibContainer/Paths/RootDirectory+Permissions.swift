// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Glibc
package import Linux

extension RootDirectory {
    /// Gives the file, directory or device node that `path` leads to inside the root these permission bits. Returns false
    /// where nothing is there, or it has them already. EINVAL for anything else than these, such as a FIFO or a socket.
    package func setPermissions(
        _ permissions: mode_t, of path: ByteString, by descriptors: borrowing DescriptorFolder
    ) throws(LinuxError) -> Bool {
        let file: FileDescriptor
        do throws(LinuxError) {
            file = try open(path, flags: CLX_O_PATH)
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR { return false }
            throw error
        }
        let status = try file.status()
        switch status.kind {
        case .regular, .directory, .characterDevice, .blockDevice: break
        default: throw LinuxError("change the mode of", path, code: EINVAL)
        }
        if status.permissions == permissions { return false }
        try descriptors.setPermissions(permissions, of: file, path: path)
        return true
    }
}
