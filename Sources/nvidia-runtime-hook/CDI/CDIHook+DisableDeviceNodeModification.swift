// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import Glibc
internal import LibContainer
internal import Linux

extension CDIHook {
    /// `disable-device-node-modification`: a container must not have the driver make nodes of GPUs that it was not given.
    /// The one verb that mounts, and so runs with the rights that it was started with.
    func disableDeviceNodeModification() throws(Diagnostic) -> Report {
        let root = try openRoot()
        do throws(LinuxError) {
            let isHidden = try DriverParameters.hide(in: root)
            return Report(notes: [isHidden ? "the driver's parameters are covered" : "nothing to cover"])
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR {
                return Report(warnings: ["\(error): the container's procfs has no parameters of a driver"])
            }
            throw Diagnostic(.driverParametersNotHidden, error.description)
        }
    }
}
