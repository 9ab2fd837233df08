// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A container that exists: where its root is, and whose namespaces it is in.
package struct ContainerTarget: Hashable, Sendable {
    /// Absolute path of the root file system, as it is in the container's mount namespace.
    package var root: ByteString
    /// A process in the container's namespaces, by its number in ours; nil where we are in them ourselves.
    package var pid: Int32?

    package init(root: ByteString, pid: Int32?) {
        self.root = root
        self.pid = pid
    }
}
