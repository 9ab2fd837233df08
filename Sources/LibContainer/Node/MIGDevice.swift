// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A part of a GPU in MIG mode, which is one of its compute instances: what NVML calls a MIG device.
///
/// Only NVML knows its UUID, which no file of the kernel has. The name that drivers before 470 gave it,
/// `MIG-GPU-<UUID>/<gpuInstance>/<computeInstance>`, follows from the fields.
package struct MIGDevice: Hashable, Sendable {
    package var parent: GPU
    /// The position among the parent's devices, ordered by GPU instance and then by compute instance: M of `N:M`.
    ///
    /// NVML documents no order. In every listing of nvidia-smi that we found its index is that position (GPU instances
    /// 2, 3, 9, 10 are 0 to 3; after one of three is destroyed, 8 and 10 are 0 and 1). NVML itself keeps the indices of a
    /// process that has it open while instances are destroyed, so index and NVML may differ in such a process.
    package var index: Int
    package var gpuInstance: UInt32
    package var computeInstance: UInt32
    package var gpuInstanceNode: CapabilityNode
    package var computeInstanceNode: CapabilityNode

    package init(
        parent: GPU, index: Int, gpuInstance: UInt32, computeInstance: UInt32, gpuInstanceNode: CapabilityNode,
        computeInstanceNode: CapabilityNode
    ) {
        self.parent = parent
        self.index = index
        self.gpuInstance = gpuInstance
        self.computeInstance = computeInstance
        self.gpuInstanceNode = gpuInstanceNode
        self.computeInstanceNode = computeInstanceNode
    }
}

/// A right over MIG on all GPUs of the node: to partition them, or to watch all of their instances.
package enum MIGControl: Hashable, Sendable {
    case config
    case monitor

    /// In `/proc/driver/nvidia/capabilities/mig` and in `mig-minors`.
    var name: ByteString {
        switch self {
        case .config: "config"
        case .monitor: "monitor"
        }
    }
}
