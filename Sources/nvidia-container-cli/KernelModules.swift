// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux
internal import RuntimeCommand
internal import RuntimeConfig

/// The driver's modules, for `--load-kmods`.
enum KernelModules {
    /// Each by the name of its driver in /proc/devices.
    private static let names: [ByteString] = ["nvidia", "nvidia-uvm", "nvidia-modeset"]

    /// Loads those that are not loaded. As in libnvidia-container a failure is no error, and nothing is tried in a user
    /// namespace: what the command needs and does not find it will say.
    static func load(_ kernel: KernelDriver, _ log: Log) {
        guard UserNamespace.isInitial else {
            return log.write(.warning, "kernel modules not loaded: in a user namespace")
        }
        for name in names where !isLoaded(name, kernel) && !KernelModule.load(name) {
            log.write(.warning, "kernel module not loaded: \(name)")
        }
    }

    private static func isLoaded(_ driver: ByteString, _ kernel: KernelDriver) -> Bool {
        do throws(DriverError) { return try kernel.majors()[driver] != nil } catch { return false }
    }
}
