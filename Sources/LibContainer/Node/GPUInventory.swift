// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The GPUs that the kernel module drives, in NVML's order.
package struct GPUInventory: Sendable {
    /// A GPU that holds an index and can't be given to a container, such as one that has fallen off the bus.
    package struct Unusable: Hashable, Sendable {
        package var index: Int
        package var busID: ByteString
        /// Lower case, no period.
        package var reason: String
    }

    /// Usable ones by index. Indices may have gaps: those of `unusable`.
    package var gpus: [GPU] = []
    package var unusable: [Unusable] = []

    /// What a container with all GPUs does not get, and GPUs that can't be asked for in every way.
    package var omissions: [Omission] {
        unusable.map { Omission(name: $0.busID, cause: .refused($0.reason)) }
            // The integrated GPU of a Tegra is on no PCI bus, and has no UUID that the kernel tells.
            + gpus.filter { $0.uuid.isEmpty && !$0.busID.isEmpty }.map {
                Omission(
                    name: $0.busID,
                    cause: .refused(
                        "no UUID before the GPU is initialised: ask for it by index, or run nvidia-smi once"))
            }
    }
}
