// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import HookInjector
internal import LibContainer
internal import Linux
internal import RuntimeCommand
internal import RuntimeConfig

/// What `info` tells of the driver and its GPUs. Nil is what nobody knows: the kernel module says nothing of CUDA, brands
/// and architectures, so that these are NVML's, where NVML can be asked.
struct DriverInformation {
    struct GPURow {
        var index: Int
        /// N of `/dev/nvidiaN`.
        var minor: UInt32?
        var model: ByteString?
        var brand: ByteString?
        var uuid: ByteString?
        /// As NVML writes it, with eight digits of the domain.
        var busLocation: ByteString?
        var architecture: NVMLReport.Version?
        var migDevices: [MIGRow] = []
    }

    struct MIGRow {
        var index: Int
        var uuid: ByteString?
        var gpuInstance: Int
        var computeInstance: Int
    }

    private(set) var driverVersion: ByteString?
    private(set) var cudaVersion: NVMLReport.Version?
    private(set) var gpus: [GPURow] = []

    /// Asks the kernel module and NVML in the driver root at `root`. What NVML does not tell is a line in `log`.
    init(root: ByteString, kernel: KernelDriver, log: Log) throws(Failure) {
        switch try HostPlatform.detect(kernel) {
        case .nvidia: try addNode(root, kernel, log)
        case .tegra: try addTegra(root, kernel, log)
        case .wsl: try addWSL(root, kernel)
        }
    }

    private mutating func addNode(_ root: ByteString, _ kernel: KernelDriver, _ log: Log) throws(Failure) {
        driverVersion = try Failure.translating { () throws(DriverError) in try kernel.version() }
        let inventory = try Failure.translating { () throws(DriverError) in try kernel.gpus() }
        for broken in inventory.unusable {
            log.write(.warning, "GPU \(broken.index) (\(broken.busID)): \(broken.reason)")
        }
        add(inventory.gpus, root, kernel, log)
    }

    private mutating func addTegra(_ root: ByteString, _ kernel: KernelDriver, _ log: Log) throws(Failure) {
        let system = try TegraSystem(root: root, kernel: kernel)
        do throws(DriverError) { driverVersion = try kernel.version() } catch { log.write(.warning, error.description) }
        add(system.inventory.gpus.gpus, root, kernel, log)
    }

    /// Only NVML knows the GPUs of Windows.
    private mutating func addWSL(_ root: ByteString, _ kernel: KernelDriver) throws(Failure) {
        let inventory = try WSLSystem(root: root, kernel: kernel).inventory
        let name: ByteString = "libnvidia-ml.so.1"
        guard let library = inventory.files.first(where: { $0.soname == name }) else {
            throw Failure(Diagnostic(.wslUnusable, "libnvidia-ml.so.1 not found in \(inventory.store)"))
        }
        let report: NVMLReport
        do throws(NVMLError) {
            report = try NVMLHelper().report(library: library.hostPath, driverVersion: ByteString(), layout: "WSL")
        } catch {
            throw Failure(.initialization, error.description, hint: error.hint, id: .wslUnusable)
        }
        driverVersion = report.driverVersion
        cudaVersion = report.cudaVersion
        gpus = report.gpus.map { gpu in
            var row = GPURow(index: gpu.index)
            row.uuid = gpu.uuid
            row.busLocation = gpu.busID?.withLongDomain
            row.add(gpu)
            return row
        }
    }

    /// Adds `known` by the kernel, with what NVML says of them.
    private mutating func add(_ known: [GPU], _ root: ByteString, _ kernel: KernelDriver, _ log: Log) {
        var report: NVMLReport?
        do throws(NVMLError) {
            report = try NVMLSource(driverRoot: root, driverVersion: driverVersion ?? ByteString(), kernel: kernel)
                .report(on: known)
        } catch {
            log.write(.warning, "\(error); \(error.hint)")
        }
        cudaVersion = report?.cudaVersion
        for gpu in known {
            var row = GPURow(index: gpu.index)
            row.minor = gpu.minor
            row.model = gpu.model.isEmpty ? nil : gpu.model
            row.uuid = gpu.uuid.isEmpty ? nil : gpu.uuid
            row.busLocation = gpu.busID.isEmpty ? nil : gpu.busID.withLongDomain
            let found = report?.gpus.first { $0.uuid == gpu.uuid || $0.busID == gpu.busID }
            if let found { row.add(found) }
            let named = (report?.migDevices ?? []).filter { $0.gpu == found?.index }
            row.addMIGDevices(of: gpu, kernel, named, log)
            gpus.append(row)
        }
    }
}

extension DriverInformation.GPURow {
    fileprivate mutating func add(_ gpu: NVMLReport.GPU) {
        model = gpu.name ?? model
        brand = gpu.brand
        architecture = gpu.arch
    }

    fileprivate mutating func addMIGDevices(
        of gpu: GPU, _ kernel: KernelDriver, _ named: [NVMLReport.MIGDevice], _ log: Log
    ) {
        do throws(DriverError) {
            migDevices = try kernel.migDevices(of: gpu).map { device in
                let (gpuInstance, computeInstance) = (Int(device.gpuInstance), Int(device.computeInstance))
                let uuid = named.first { $0.gpuInstance == gpuInstance && $0.computeInstance == computeInstance }?.uuid
                return DriverInformation.MIGRow(
                    index: device.index, uuid: uuid, gpuInstance: gpuInstance, computeInstance: computeInstance)
            }
        } catch {
            log.write(.warning, error.description)
        }
    }
}

extension ByteString {
    /// `0000:07:00.0` with eight digits of the domain.
    fileprivate var withLongDomain: ByteString {
        let length = 16
        return ByteString([UInt8](repeating: UInt8(ascii: "0"), count: max(0, length - count)) + bytes)
    }
}
