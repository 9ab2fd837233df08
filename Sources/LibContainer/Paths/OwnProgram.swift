// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

/// The programs of this project, which find each other on the host.
package enum OwnProgram {
    /// Where the program `name` can be, best first: beside the running one, then in the folders where distributions
    /// install it.
    package static func places(of name: ByteString, in folders: [ByteString] = ["/usr/bin"]) -> [ByteString] {
        let installed = folders.map { $0.appending(component: name) }
        do throws(LinuxError) {
            let beside = try path.parentPath.appending(component: name)
            return [beside] + installed.filter { $0 != beside }
        } catch {
            return installed
        }
    }

    /// Where the running program lies. A sealed one (CSeal) runs from elsewhere, and was told.
    private static var path: ByteString {
        get throws(LinuxError) {
            if let path = clx_program_path() { return ByteString(cString: path) }
            let process = try FileDescriptor(opening: "/proc/self", flags: O_RDONLY | O_DIRECTORY)
            return try process.linkTarget("exe")
        }
    }
}
