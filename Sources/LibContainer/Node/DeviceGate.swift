// SPDX-License-Identifier: Apache-2.0

/// Devices that a container gets only when it asks for them by a variable of their own, `NVIDIA_GDS=enabled` and the like.
/// The cases are in the order in which the original looks at them.
package enum DeviceGate: CaseIterable, Hashable, Sendable {
    /// GPUDirect Storage.
    case gds
    /// RDMA with the drivers of Mellanox.
    case mofed
    /// GDRCopy.
    case gdrcopy
    /// The NVSwitches of an NVLink fabric, for a fabric manager.
    case nvswitch
}
