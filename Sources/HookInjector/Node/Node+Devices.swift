// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux

extension Node {
    /// The devices that `selection` names.
    func devices(selectedBy selection: DeviceSelection, nvml: NVMLSource) throws(Diagnostic) -> NodeDevices {
        if selection == .driverOnly { return NodeDevices() }
        let inventory: GPUInventory
        do throws(DriverError) { inventory = try kernel.gpus() } catch { throw Diagnostic(error) }
        let kernel = kernel
        let finder = DeviceFinder(
            inventory: inventory,
            migDevices: { (gpu) throws(Diagnostic) in
                do throws(DriverError) { return try kernel.migDevices(of: gpu) } catch { throw Diagnostic(error) }
            },
            namedMIGDevices: { (ignoringCache) throws(Diagnostic) in
                try nvml.migDevices(of: inventory.gpus, ignoringCache: ignoringCache)
            })
        return try finder.devices(for: selection)
    }
}
