// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux
internal import RuntimeConfig

/// Machines whose driver is not where it is elsewhere.
extension InjectionPlan {
    /// A Tegra: what the CSV files of the system list.
    mutating func addTegra(
        selection: DeviceSelection, settings: Settings, kernel: KernelDriver
    ) throws(Diagnostic) {
        let path = settings.containerCLI.driverRoot
        let root = try Self.openDriverRoot(path)
        let devices = try Self.openDeviceNodes(path, kernel)
        let csv = settings.runtime.modes.csv
        let driver = TegraDriver(
            folder: CSVFolder(csv.mountSpecPath, hasAllFiles: request.extras.allCSVFiles),
            separatesGPUs: !settings.runtime.modes.jitCDI.featureFlags.contains("disable-multiple-csv-devices"))
        let inventory: TegraInventory
        do throws(TegraError) {
            inventory = try driver.locate(for: request.capabilities, in: root, devices: devices)
        } catch {
            throw Diagnostic(error)
        }
        let finder = DeviceFinder(
            inventory: inventory.gpus, migDevices: { (_) throws(DriverError) in [] },
            namedMIGDevices: { (_) throws(Diagnostic) in [] })
        gpus = try finder.devices(for: selection).gpus
        try requireWherePossible(kernel: kernel, driverRoot: path)
        for gpu in gpus {
            do throws(TegraError) {
                add(
                    try inventory.nodes(of: gpu, for: request.capabilities, in: devices),
                    requestedBy: .gpu(gpu.index))
            } catch {
                throw Diagnostic(error)
            }
        }
        for file in inventory.files { add(file, requestedBy: .platform(.tegra)) }
        omissions += inventory.omissions
        if let failure = inventory.coreFailure { throw Diagnostic(failure) }
    }

    private static func openDriverRoot(_ path: ByteString) throws(Diagnostic) -> DriverRoot {
        do throws(DriverError) { return try DriverRoot(opening: path) } catch { throw Diagnostic(error) }
    }

    private static func openDeviceNodes(_ path: ByteString, _ kernel: KernelDriver) throws(Diagnostic) -> DeviceNodes {
        do throws(DriverError) {
            return try DeviceNodes(root: try Node.openDevRoot(below: path), kernel: kernel)
        } catch {
            throw Diagnostic(error)
        }
    }

    /// The Windows Subsystem for Linux: one device, which stands for all GPUs of Windows, so that every name of a GPU
    /// names it.
    mutating func addWSL(
        selection: DeviceSelection, settings: Settings, kernel: KernelDriver
    ) throws(Diagnostic) {
        let path = settings.containerCLI.driverRoot
        let root = try Self.openDriverRoot(path)
        let devices = try Self.openDeviceNodes(path, kernel)
        let inventory: WSLInventory
        do throws(WSLError) {
            inventory = try WSLDriver.locate(for: request.capabilities, in: root, devices: devices)
        } catch {
            throw Diagnostic(error)
        }
        if !request.requirements.isEmpty { omitRequirements() }
        if selection != .driverOnly { add(inventory.nodes, requestedBy: .platform(.wsl)) }
        for file in inventory.files { add(file, requestedBy: .platform(.wsl)) }
        omissions += inventory.omissions
    }

    /// Checks the image's requirements where the driver's version can be known: older Tegra systems have none that
    /// could be compared.
    private mutating func requireWherePossible(kernel: KernelDriver, driverRoot: ByteString) throws(Diagnostic) {
        if request.requirements.isEmpty { return }
        do throws(DriverError) { driverVersion = try kernel.version() } catch { return omitRequirements() }
        let nvml = NVMLSource(driverRoot: driverRoot, driverVersion: driverVersion, kernel: kernel)
        try require(nvml.facts(about: gpus))
    }

    private mutating func omitRequirements() {
        let cause = Omission.Cause.refused("not checked: this system does not tell its driver's version")
        omissions.append(Omission(name: "NVIDIA_REQUIRE_*", cause: cause))
    }
}

extension Diagnostic {
    fileprivate init(_ error: TegraError) {
        switch error {
        case .driver(let error): self.init(error)
        case .noFiles, .untrusted, .noDevices: self.init(.tegraUnusable, error.description, hint: error.hint)
        }
    }

    fileprivate init(_ error: WSLError) { self.init(.wslUnusable, error.description, hint: error.hint) }
}
