// SPDX-License-Identifier: Apache-2.0

package import LibContainer

/// The devices of the node that a request names.
package struct NodeDevices {
    /// Whole GPUs, in the order asked for, each once.
    package var gpus: [GPU] = []
    /// MIG devices, in the order asked for, each once, with those of the GPUs in `gpus`.
    package var migDevices: [MIGDevice] = []
    package var omissions: [Omission] = []

    /// None.
    package init() {}

    /// The GPUs that the container can see, whole or in part, each once.
    package var parents: [GPU] {
        var parents = gpus
        for device in migDevices where !parents.contains(device.parent) { parents.append(device.parent) }
        return parents
    }

    mutating func add(_ gpu: GPU) {
        if !gpus.contains(gpu) { gpus.append(gpu) }
    }

    mutating func add(_ device: MIGDevice) {
        if !migDevices.contains(device) { migDevices.append(device) }
    }
}
