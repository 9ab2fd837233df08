// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import HookInjector
internal import LibContainer
internal import Linux

/// What kind of machine this is.
enum HostPlatform {
    static func detect(_ kernel: KernelDriver) throws(Failure) -> Platform {
        do throws(LinuxError) {
            return Platform.detect(in: try RootDirectory(opening: "/"), kernel: kernel)
        } catch {
            throw Failure(Diagnostic(DriverError.rootUnusable(error)))
        }
    }
}

/// A Tegra with what its CSV files list.
struct TegraSystem: ~Copyable {
    let driverRoot: DriverRoot
    let deviceNodes: DeviceNodes
    let inventory: TegraInventory

    init(root path: ByteString, kernel: KernelDriver) throws(Failure) {
        let roots = try OpenRoots(path, kernel)
        do throws(TegraError) {
            inventory = try TegraDriver().locate(for: .all, in: roots.driverRoot, devices: roots.deviceNodes)
        } catch {
            throw Failure(Diagnostic(.tegraUnusable, error.description, hint: error.hint))
        }
        driverRoot = roots.driverRoot
        deviceNodes = roots.deviceNodes
    }
}

/// The Windows Subsystem for Linux with what it offers.
struct WSLSystem: ~Copyable {
    let driverRoot: DriverRoot
    let inventory: WSLInventory

    init(root path: ByteString, kernel: KernelDriver) throws(Failure) {
        let roots = try OpenRoots(path, kernel)
        do throws(WSLError) {
            inventory = try WSLDriver.locate(for: .all, in: roots.driverRoot, devices: roots.deviceNodes)
        } catch {
            throw Failure(Diagnostic(.wslUnusable, error.description, hint: error.hint))
        }
        driverRoot = roots.driverRoot
    }
}

extension KernelDriver {
    /// Whether there is a GPU, be it a broken one.
    func hasGPUs() throws(Failure) -> Bool {
        let inventory = try Failure.translating { () throws(DriverError) in try gpus() }
        return !inventory.gpus.isEmpty || !inventory.unusable.isEmpty
    }
}

/// A driver root with its dev root.
private struct OpenRoots: ~Copyable {
    let driverRoot: DriverRoot
    let deviceNodes: DeviceNodes

    init(_ path: ByteString, _ kernel: KernelDriver) throws(Failure) {
        let driverRoot = try Failure.translating { () throws(DriverError) in try DriverRoot(opening: path) }
        let deviceNodes = try Failure.translating { () throws(DriverError) in
            try DeviceNodes(root: try Node.openDevRoot(below: path), kernel: kernel)
        }
        self.driverRoot = driverRoot
        self.deviceNodes = deviceNodes
    }
}
