// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An element of `mounts`.
package struct CDIMount: Hashable, Sendable {
    /// On the host, or any name for a file system that has no source.
    package var hostPath: ByteString
    package var containerPath: ByteString
    /// Empty, as for nearly all, is a bind mount by its options.
    package var type: ByteString
    package var options: [ByteString]

    package init(hostPath: ByteString, containerPath: ByteString, type: ByteString = "", options: [ByteString] = []) {
        self.hostPath = hostPath
        self.containerPath = containerPath
        self.type = type
        self.options = options
    }

    /// Whether the host path is a file or folder of the host, and not only the name of a file system.
    var isBind: Bool {
        type.isEmpty || type == "none" || type == "bind" || options.contains("bind") || options.contains("rbind")
    }
}
