// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The user namespace of this process (user_namespaces(7)).
package enum UserNamespace {
    /// Whether it is the first one, where root is root. Outside of it a process can't make device nodes nor change device
    /// cgroups, whatever its capabilities say.
    ///
    /// The first one maps all of the user IDs to themselves, in one line.
    package static var isInitial: Bool {
        do throws(LinuxError) {
            let file = try FileDescriptor(opening: "/proc/self/uid_map", flags: O_RDONLY)
            let words = ByteString(try file.readToEnd(limit: 4096)).lines.first?.trimmed
                .split(separator: UInt8(ascii: " ")).filter { !$0.isEmpty }
            return words == ["0", "0", "4294967295"]
        } catch {
            // A kernel without user namespaces.
            return true
        }
    }
}
