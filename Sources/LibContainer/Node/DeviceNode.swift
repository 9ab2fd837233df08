// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A character device for a container; all of the driver's nodes are character devices.
package struct DeviceNode: Hashable, Sendable {
    /// In the container.
    package var path: ByteString
    /// On the host, the dev root's own path included.
    package var hostPath: ByteString
    package var major: UInt32
    package var minor: UInt32
    /// Permission bits (0777).
    package var permissions: UInt32
    package var owner: UInt32
    package var group: UInt32

    package init(
        path: ByteString, hostPath: ByteString, major: UInt32, minor: UInt32, permissions: UInt32, owner: UInt32,
        group: UInt32
    ) {
        self.path = path
        self.hostPath = hostPath
        self.major = major
        self.minor = minor
        self.permissions = permissions
        self.owner = owner
        self.group = group
    }
}
