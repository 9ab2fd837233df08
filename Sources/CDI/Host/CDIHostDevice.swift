// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A device node that was found on the host.
package struct CDIHostDevice: Hashable, Sendable {
    /// In the container.
    package var path: ByteString
    /// On the host.
    package var hostPath: ByteString
    package var kind: CDIDeviceNode.Kind
    /// 0 for a FIFO, like `minor`.
    package var major: UInt32
    package var minor: UInt32
    /// Permission bits.
    package var fileMode: UInt32
    /// For the device cgroup: letters of `rwm`; empty is no rule. Means nothing for a FIFO.
    package var access: ByteString
    /// In the container. Nil: the user that the container runs as (upstream, container-edits.go, Apply).
    package var uid: UInt32?
    package var gid: UInt32?
}
