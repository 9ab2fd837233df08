// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What WSL offers to containers: one device for all GPUs of the PC, and the files of NVIDIA's driver for Windows.
///
/// Whichever GPU a container asks for, it gets `nodes`; a container that asks for none (`none`) gets `files` only.
package struct WSLInventory: Sendable {
    /// NVIDIA's driver package below `/usr/lib/wsl/drivers`, in the driver root.
    package var store: ByteString
    /// `/dev/dxg`.
    package var nodes: NodeSet
    package var files: [DriverFile]
    package var omissions: [Omission]
}
