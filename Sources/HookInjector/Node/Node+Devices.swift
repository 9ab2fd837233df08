// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
internal import LibContainer
internal import Linux

extension Node {
    /// The devices that `selection` names.
    package func devices(selectedBy selection: DeviceSelection, nvml: NVMLSource) throws(Diagnostic) -> NodeDevices {
        if selection == .driverOnly { return NodeDevices() }
        let inventory: GPUInventory
        do throws(DriverError) { inventory = try kernel.gpus() } catch { throw Diagnostic(error) }
        let kernel = kernel
        let finder = DeviceFinder(
            inventory: inventory,
            migDevices: { (gpu) throws(DriverError) in try kernel.migDevices(of: gpu) },
            namedMIGDevices: { (ignoringCache) throws(Diagnostic) in
                try nvml.migDevices(of: inventory.gpus, ignoringCache: ignoringCache)
            })
        return try finder.devices(for: selection)
    }
}
