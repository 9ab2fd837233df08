// SPDX-License-Identifier: Apache-2.0

import Diagnostics
import Linux

@testable import HookInjector
@testable import LibContainer

/// A node with up to eight GPUs, some of them broken or partitioned, whose UUIDs look alike.
struct RandomNode: CustomStringConvertible {
    var gpus: [GPU]
    var unusable: [GPUInventory.Unusable]
    /// By the index of a GPU, the GPU instance and the compute instance of each of its MIG devices.
    var parts: [Int: [(gpuInstance: UInt32, computeInstance: UInt32)]]

    init(
        gpus: [GPU], unusable: [GPUInventory.Unusable],
        parts: [Int: [(gpuInstance: UInt32, computeInstance: UInt32)]]
    ) {
        (self.gpus, self.unusable, self.parts) = (gpus, unusable, parts)
    }

    init(using generator: inout some RandomNumberGenerator) {
        self.init(gpus: [], unusable: [], parts: [:])
        let count = Int.random(in: 0...8, using: &generator)
        let minors = Array(0..<UInt32(count)).shuffled(using: &generator)
        for index in 0..<count {
            let busID = ByteString("000\(index / 4):\(["07", "0f", "c1", "c2"][index % 4]):00.0")
            guard Int.random(in: 0..<6, using: &generator) > 0 else {
                unusable.append(.init(index: index, busID: busID, reason: "reason \(index)"))
                continue
            }
            let uuid = Self.uuid("GPU", [index % 3, index / 3, 0])
            gpus.append(
                GPU(
                    index: index, uuid: Int.random(in: 0..<8, using: &generator) == 0 ? ByteString() : ByteString(uuid),
                    minor: minors[index], busID: busID, model: "model"))
            guard Int.random(in: 0..<3, using: &generator) == 0 else { continue }
            let instances = (0..<UInt32.random(in: 1...4, using: &generator)).flatMap { outer in
                (0..<UInt32.random(in: 0...2, using: &generator)).map { (gpuInstance: 7 + outer, computeInstance: $0) }
            }
            if !instances.isEmpty { parts[index] = instances }
        }
    }

    /// A UUID of which only these digits differ from others.
    private static func uuid(_ kind: String, _ digits: [Int]) -> String {
        "\(kind)-51\(digits[0])1a7ed-0000-4000-8000-00000000\(digits[1])\(digits[2])00"
    }

    var busIDs: [(index: Int, busID: String)] {
        gpus.map { ($0.index, $0.busID.description) } + unusable.map { ($0.index, $0.busID.description) }
    }

    /// The UUIDs of all MIG devices, in the order in which NVML lists them.
    var names: [(uuid: String, gpu: Int, part: Int)] {
        gpus.flatMap { gpu in
            (parts[gpu.index] ?? []).indices.map { part in
                (Self.uuid("MIG", [1, gpu.index, part % 10]), gpu.index, part)
            }
        }
    }

    var finder: DeviceFinder {
        let node = self
        return DeviceFinder(
            inventory: GPUInventory(gpus: gpus, unusable: unusable),
            migDevices: { (gpu) throws(DriverError) in node.devices(of: gpu) },
            namedMIGDevices: { (_) throws(Diagnostic) in
                node.names.compactMap { name in
                    guard let gpu = node.gpus.first(where: { $0.index == name.gpu }) else { return nil }
                    let part = node.devices(of: gpu)[name.part]
                    return DeviceFinder.NamedMIGDevice(
                        uuid: ByteString(name.uuid), parent: gpu, gpuInstance: part.gpuInstance,
                        computeInstance: part.computeInstance)
                }
            })
    }

    private func devices(of gpu: GPU) -> [MIGDevice] {
        (parts[gpu.index] ?? []).enumerated().map { index, part in
            MIGDevice(
                parent: gpu, index: index, gpuInstance: part.gpuInstance, computeInstance: part.computeInstance,
                gpuInstanceNode: CapabilityNode(accessFile: "a", minor: 1),
                computeInstanceNode: CapabilityNode(accessFile: "b", minor: 2))
        }
    }

    /// What a container with the device list `value` gets.
    func devices(for value: String) throws(Diagnostic) -> NodeDevices {
        guard let list = DeviceList(ByteString(value).commaSeparatedElements) else { return NodeDevices() }
        return try finder.devices(for: try DeviceSelection(list))
    }

    // MARK: - Device lists

    /// Names of devices that are there or not, in all forms, and what is no name at all; never none of them.
    func randomList(using generator: inout some RandomNumberGenerator) -> String {
        let count = [1, 1, 1, 2, 2, 3, 6].randomElement(using: &generator) ?? 1
        var words = (0..<count).map { _ in randomName(using: &generator) }
        if Int.random(in: 0..<4, using: &generator) == 0 {
            words.insert(["all", "none", "all0", "optional", ""].randomElement(using: &generator) ?? "", at: 0)
        }
        if Int.random(in: 0..<4, using: &generator) == 0 { words.append(words[0]) }
        words = words.map { Int.random(in: 0..<8, using: &generator) == 0 ? " \($0) " : $0 }
        let list = words.joined(separator: ",")
        return list.allSatisfy { $0 == " " || $0 == "," } ? "0" : list
    }

    private func randomName(using generator: inout some RandomNumberGenerator) -> String {
        func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
        let gpu = number(9)
        var name: String
        switch number(6) {
        case 0: name = number(4) == 0 ? "0\(gpu)" : "\(gpu)"
        case 1: name = Self.uuid("GPU", [gpu % 3, gpu / 3, 0])
        case 2: name = busIDs.randomElement(using: &generator)?.busID ?? "0000:01:00.0"
        case 3: name = "\(gpu):\(number(6))"
        case 4: name = "MIG-\(Self.uuid("GPU", [gpu % 3, gpu / 3, 0]))/\(7 + number(4))/\(number(3))"
        default: name = names.randomElement(using: &generator)?.uuid ?? Self.uuid("MIG", [1, gpu, number(4)])
        }
        if name.contains("-"), number(3) == 0 { name = String(name.prefix(4 + number(name.count - 3))) }
        if number(6) == 0 { name = name.uppercased() }
        if name.contains("."), number(4) == 0 { name = "0000" + name }
        return number(8) == 0 ? mutated(name, using: &generator) : name
    }

    private func mutated(_ name: String, using generator: inout some RandomNumberGenerator) -> String {
        var characters = Array(name)
        for _ in 0...Int.random(in: 0..<3, using: &generator) {
            let place = Int.random(in: 0...characters.count, using: &generator)
            let other = "0123456789abcdefGPUMI-:/.+ x=%$(\u{663}\u{301}".randomElement(using: &generator) ?? "0"
            switch Int.random(in: 0..<3, using: &generator) {
            case 0 where place < characters.count: characters.remove(at: place)
            case 1 where place < characters.count: characters[place] = other
            default: characters.insert(other, at: place)
            }
        }
        return String(characters)
    }

    var description: String {
        "GPUs \(gpus.map { "\($0.index) \($0.uuid) \($0.busID)" }), broken \(unusable.map(\.index)), parts \(parts)"
    }
}
