// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux

/// Finds the devices that a selection names among those of a node. A name that none has is an error that says which
/// there are; nothing is ever given that was not named.
struct DeviceFinder {
    /// A MIG device as NVML knows it.
    struct NamedMIGDevice {
        var uuid: ByteString
        var parent: GPU
        var gpuInstance: UInt32
        var computeInstance: UInt32
    }

    var inventory: GPUInventory
    /// The MIG devices of a GPU, in the order of their indices; none of one that is not partitioned.
    var migDevices: (GPU) throws(DriverError) -> [MIGDevice]
    /// Every MIG device of the node with its UUID, which takes NVML to know and so is asked only where it must be; whether
    /// an answer that was kept must not do.
    var namedMIGDevices: (_ ignoringCache: Bool) throws(Diagnostic) -> [NamedMIGDevice]

    /// In the order of `selection`, each once.
    func devices(for selection: DeviceSelection) throws(Diagnostic) -> NodeDevices {
        var found = NodeDevices()
        switch selection {
        case .driverOnly: break
        case .all:
            guard !inventory.gpus.isEmpty else { throw noGPU }
            for gpu in inventory.gpus { found.add(gpu) }
            found.omissions = inventory.omissions
        case .devices(let identifiers):
            for identifier in identifiers { try find(identifier, adding: &found) }
        }
        try addPartitions(to: &found, leavingOutFailures: selection == .all)
        return found
    }

    /// A partitioned GPU does nothing without its partitions. One bad GPU must not keep a container from the others,
    /// unless it was asked for by name.
    private func addPartitions(to found: inout NodeDevices, leavingOutFailures: Bool) throws(Diagnostic) {
        for gpu in found.gpus {
            do throws(DriverError) {
                let devices = try migDevices(gpu)
                found.migDevices.removeAll { $0.parent == gpu }
                for device in devices { found.add(device) }
            } catch {
                guard leavingOutFailures, found.gpus.count > 1, !error.isShortage else { throw Diagnostic(error) }
                found.gpus.removeAll { $0 == gpu }
                found.omissions.append(Omission(name: gpu.busID, cause: .refused(error.description)))
            }
        }
    }

    private func find(_ identifier: DeviceIdentifier, adding found: inout NodeDevices) throws(Diagnostic) {
        switch identifier {
        case .index(let index): found.add(try gpu(index: index, asked: identifier))
        case .uuid(let start): found.add(try gpu(uuid: start, asked: identifier))
        case .busID(let id):
            if let gpu = inventory.gpus.first(where: { $0.busID == id }) { return found.add(gpu) }
            if let broken = inventory.unusable.first(where: { $0.busID == id }) { throw unusable(broken) }
            throw noSuchGPU(identifier)
        case .migIndex(let index, let mig):
            let gpu = try gpu(index: index, asked: identifier)
            let devices = try partitions(of: gpu)
            guard let device = devices.first(where: { $0.index == mig }) else {
                throw noSuchDevice(identifier, of: gpu, among: devices)
            }
            found.add(device)
        case .migInstance(let uuid, let gpuInstance, let computeInstance):
            let gpu = try gpu(uuid: uuid, asked: identifier)
            try find(gpuInstance, computeInstance, of: gpu, asked: identifier, adding: &found)
        case .migUUID(let start):
            var named = try namedMIGDevices(false)
            // One that was made anew in the place of another looks like that one until NVML is asked.
            if !named.contains(where: { $0.uuid.hasPrefix(start) }) { named = try namedMIGDevices(true) }
            let matching = named.filter { $0.uuid.hasPrefix(start) }
            guard let first = matching.first else {
                let known = named.map { "\($0.uuid)" }.joined(separator: ", ")
                throw Diagnostic(
                    .migDeviceNotFound, "there is no MIG device \"\(identifier)\" on this node",
                    hint: known.isEmpty ? "no GPU is partitioned" : "it has \(known)")
            }
            guard matching.count == 1 else { throw ambiguous(identifier, matching.map(\.uuid)) }
            try find(first.gpuInstance, first.computeInstance, of: first.parent, asked: identifier, adding: &found)
        }
    }

    private func find(
        _ gpuInstance: UInt32, _ computeInstance: UInt32, of gpu: GPU, asked: DeviceIdentifier,
        adding found: inout NodeDevices
    ) throws(Diagnostic) {
        let devices = try partitions(of: gpu)
        let device = devices.first { $0.gpuInstance == gpuInstance && $0.computeInstance == computeInstance }
        guard let device else { throw noSuchDevice(asked, of: gpu, among: devices) }
        found.add(device)
    }

    private func partitions(of gpu: GPU) throws(Diagnostic) -> [MIGDevice] {
        do throws(DriverError) { return try migDevices(gpu) } catch { throw Diagnostic(error) }
    }

    private func gpu(index: Int, asked: DeviceIdentifier) throws(Diagnostic) -> GPU {
        if let gpu = inventory.gpus.first(where: { $0.index == index }) { return gpu }
        if let broken = inventory.unusable.first(where: { $0.index == index }) { throw unusable(broken) }
        throw noSuchGPU(asked)
    }

    private func gpu(uuid start: ByteString, asked: DeviceIdentifier) throws(Diagnostic) -> GPU {
        let matching = inventory.gpus.filter { $0.uuid.hasPrefix(start) }
        guard let gpu = matching.first else { throw noSuchGPU(asked) }
        guard matching.count == 1 else { throw ambiguous(asked, matching.map(\.uuid)) }
        return gpu
    }

    // MARK: - Errors

    private var noGPU: Diagnostic {
        Diagnostic(
            .noGPU, "all GPUs are asked for and the driver has none",
            hint: inventory.unusable.first.map { "GPU \($0.index) (\($0.busID)): \($0.reason)" }
                ?? "see dmesg and nvidia-smi")
    }

    private func unusable(_ gpu: GPUInventory.Unusable) -> Diagnostic {
        Diagnostic(
            .gpuUnusable, "GPU \(gpu.index) (\(gpu.busID)) can't be used: \(gpu.reason)",
            hint: "containers with other GPUs start; see dmesg, reset the GPU or reboot")
    }

    private func noSuchGPU(_ identifier: DeviceIdentifier) -> Diagnostic {
        let known = inventory.gpus.map { $0.uuid.isEmpty ? "\($0.index)" : "\($0.index) (\($0.uuid))" }
        let broken = inventory.unusable.map { "\($0.index) (unusable: \($0.reason))" }
        let all = (known + broken).joined(separator: ", ")
        return Diagnostic(
            .gpuNotFound, "there is no GPU \"\(identifier)\" on this node",
            hint: all.isEmpty ? "the driver has no usable GPU" : "it has \(all)")
    }

    private func noSuchDevice(_ identifier: DeviceIdentifier, of gpu: GPU, among devices: [MIGDevice]) -> Diagnostic {
        let known = devices.map { "\(gpu.index):\($0.index) (MIG-\(gpu.uuid)/\($0.gpuInstance)/\($0.computeInstance))" }
        return Diagnostic(
            .migDeviceNotFound, "there is no MIG device \"\(identifier)\" on this node",
            hint: known.isEmpty
                ? "GPU \(gpu.index) has no MIG devices: it is not partitioned"
                : "GPU \(gpu.index) has \(known.joined(separator: ", "))")
    }

    private func ambiguous(_ identifier: DeviceIdentifier, _ uuids: [ByteString]) -> Diagnostic {
        Diagnostic(
            .uuidAmbiguous, "\"\(identifier)\" is the start of the UUIDs of several devices",
            hint: "give more of it: \(uuids.map(\.description).joined(separator: ", "))")
    }
}
