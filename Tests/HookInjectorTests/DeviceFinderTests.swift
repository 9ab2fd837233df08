// SPDX-License-Identifier: Apache-2.0

import Diagnostics
import Glibc
import Linux
import Testing

@testable import HookInjector
@testable import LibContainer

/// The errors of DeviceFinder, one by one: that nothing is guessed, and that each says what there is.
@Suite struct DeviceFinderTests {
    private static let uuids: [ByteString] = [
        "GPU-5171a7ed-0000-4000-8000-000000000000", "GPU-5171a7ed-0000-4000-8000-000000000001", "",
    ]
    /// Two GPUs, of which the second is partitioned, one that was never initialised, and one that is broken.
    private let node = RandomNode(
        gpus: Self.uuids.enumerated().map { index, uuid in
            GPU(
                index: index, uuid: uuid, minor: UInt32(7 - index), busID: ByteString("0000:0\(index + 1):00.0"),
                model: "A100")
        },
        unusable: [.init(index: 3, busID: "0000:04:00.0", reason: "no UUID")],
        parts: [1: [(1, 0), (1, 1), (7, 0)]])

    private func failure(_ value: String) -> Diagnostic? {
        do throws(Diagnostic) {
            _ = try node.devices(for: value)
            return nil
        } catch {
            return error
        }
    }

    private func failure(of finder: DeviceFinder, _ value: String) -> Diagnostic? {
        do throws(Diagnostic) {
            let list = DeviceList(ByteString(value).commaSeparatedElements)
            _ = try finder.devices(for: try list.map { (list) throws(Diagnostic) in try DeviceSelection(list) } ?? .all)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["4", "0,4", "GPU-6", "GPU-5171a7ed-0000-4000-8000-000000000002", "0000:05:00.0", "4:0"])
    func gpuThatIsNotThere(value: String) {
        let error = failure(value)
        #expect(error?.id == .gpuNotFound)
        #expect(error?.cause == "there is no GPU \"\(value.split(separator: ",").last ?? "")\" on this node")
        #expect(error?.hint == "it has 0 (\(Self.uuids[0])), 1 (\(Self.uuids[1])), 2, 3 (unusable: no UUID)")
    }

    // Nobody's UUID starts like an empty one.
    @Test func gpuWithoutUUID() throws {
        #expect(failure("GPU-0")?.id == .gpuNotFound)
        #expect(try node.devices(for: "2").gpus.map(\.index) == [2])
        #expect(try node.devices(for: "0000:03:00.0").gpus.map(\.index) == [2])
    }

    @Test(arguments: ["3", "0,3", "3:0", "0000:04:00.0", "00000000:04:00.0"])
    func gpuThatIsBroken(value: String) {
        let error = failure(value)
        #expect(error?.id == .gpuUnusable)
        #expect(error?.cause == "GPU 3 (0000:04:00.0) can't be used: no UUID")
        #expect(error?.hint.contains("containers with other GPUs start") == true)
    }

    @Test func noGPU() {
        let empty = RandomNode(gpus: [], unusable: [], parts: [:])
        #expect(failure(of: empty.finder, "all")?.id == .noGPU)
        #expect(failure(of: empty.finder, "0")?.hint == "the driver has no usable GPU")
        let broken = RandomNode(
            gpus: [], unusable: [.init(index: 0, busID: "0000:01:00.0", reason: "asleep")], parts: [:])
        #expect(failure(of: broken.finder, "all")?.hint == "GPU 0 (0000:01:00.0): asleep")
    }

    @Test(arguments: ["GPU-5", "gpu-5", "GPU-5171A7ED-0000-4000-8000-00000000000"])
    func startOfSeveralUUIDs(value: String) {
        let error = failure(value)
        if value.hasPrefix("gpu") {
            #expect(error?.id == .deviceNameMalformed)
        } else {
            #expect(error?.id == .uuidAmbiguous)
            #expect(error?.hint == "give more of it: \(Self.uuids[0]), \(Self.uuids[1])")
        }
    }

    @Test func startOfSeveralUUIDsOfMIGDevices() {
        let error = failure("MIG-5")
        #expect(error?.id == .uuidAmbiguous)
        #expect(error?.hint == "give more of it: " + node.names.map(\.uuid).joined(separator: ", "))
    }

    @Test(arguments: ["1:3", "MIG-\(Self.uuids[1])/7/1", "MIG-\(Self.uuids[1])/0/0"])
    func migDeviceThatIsNotThere(value: String) {
        let error = failure(value)
        #expect(error?.id == .migDeviceNotFound)
        #expect(error?.cause == "there is no MIG device \"\(value)\" on this node")
        #expect(
            error?.hint == "GPU 1 has 1:0 (MIG-\(Self.uuids[1])/1/0), 1:1 (MIG-\(Self.uuids[1])/1/1), 1:2 "
                + "(MIG-\(Self.uuids[1])/7/0)")
    }

    @Test func gpuThatIsNotPartitioned() {
        #expect(failure("0:0")?.hint == "GPU 0 has no MIG devices: it is not partitioned")
        #expect(failure("MIG-2")?.hint == "it has " + node.names.map(\.uuid).joined(separator: ", "))
        let whole = RandomNode(gpus: [node.gpus[0]], unusable: [], parts: [:])
        #expect(failure(of: whole.finder, "MIG-2")?.hint == "no GPU is partitioned")
    }

    // What NVML says, and the kernel does not: the partitions have changed.
    @Test func partitionThatOnlyNVMLKnows() {
        var finder = node.finder
        let parent = node.gpus[1]
        finder.namedMIGDevices = { (_) throws(Diagnostic) in
            [.init(uuid: "MIG-aa", parent: parent, gpuInstance: 2, computeInstance: 0)]
        }
        #expect(failure(of: finder, "MIG-aa")?.id == .migDeviceNotFound)
    }

    // An answer that was kept may be older than the partitions: it is asked for anew before there is no such device.
    @Test func partitionThatIsNewerThanTheAnswerKept() throws {
        let node = node
        let (old, new) = (node.names[0], node.names[1])
        func named(_ name: (uuid: String, gpu: Int, part: Int)) -> DeviceFinder.NamedMIGDevice {
            .init(uuid: ByteString(name.uuid), parent: node.gpus[1], gpuInstance: 1, computeInstance: 0)
        }
        var finder = node.finder
        finder.namedMIGDevices = { (ignoringCache) throws(Diagnostic) in [named(ignoringCache ? new : old)] }
        #expect(failure(of: finder, new.uuid) == nil)
        #expect(failure(of: finder, "MIG-6")?.hint == "it has \(new.uuid)")
    }

    // A GPU that was asleep when the kernel was asked has no UUID there, and NVML names its parts nevertheless.
    @Test func partOfAGPUWithoutUUID() throws {
        let gpus = (0...1).map {
            GPU(index: $0, uuid: "", minor: UInt32($0), busID: ByteString("0000:0\($0):00.0"), model: "A100")
        }
        let node = RandomNode(gpus: gpus, unusable: [], parts: [0: [(1, 0)], 1: [(1, 0), (2, 0)]])
        let found = try node.devices(for: node.names[2].uuid)
        #expect(found.migDevices.map { [$0.parent.index, $0.index] } == [[1, 1]])
    }

    @Test func failuresOfTheNodeComeThrough() {
        var finder = node.finder
        let silent = Diagnostic(.migUUIDNotResolved, "no answer")
        finder.namedMIGDevices = { (_) throws(Diagnostic) in throw silent }
        #expect(failure(of: finder, "MIG-5") == silent)
        #expect(failure(of: finder, "1:0") == nil)
        let changing = DriverError.partitionsChanging(path: "/proc")
        finder.migDevices = { (_) throws(DriverError) in throw changing }
        for value in ["1:0", "1", "all", "0"] {
            #expect(failure(of: finder, value) == Diagnostic(changing), "\(value)")
        }
    }

    // A GPU that can't be read is left out of all GPUs; where it is we who lack something, nothing is known of it.
    @Test(arguments: [(EIO, true), (EACCES, true), (EMFILE, false), (ENFILE, false), (ENOMEM, false), (EAGAIN, false)])
    func allGPUsWithoutOneThatCannotBeRead(code: CInt, isLeftOut: Bool) {
        var finder = node.finder
        let error = DriverError.unreadable(LinuxError("open", "/proc", code: code))
        finder.migDevices = { (gpu) throws(DriverError) in
            if gpu.index == 0 { throw error }
            return []
        }
        #expect(failure(of: finder, "all") == (isLeftOut ? nil : Diagnostic(error)))
        #expect(failure(of: finder, "0") == Diagnostic(error))
    }

    // A partitioned GPU does nothing without its parts; parts alone come without the GPU's others.
    @Test(
        arguments: [
            ("1", [1], [0, 1, 2]), ("1:2,1,1:0", [1], [0, 1, 2]), ("1:2,1:0", [], [2, 0]), ("1:0,1:0", [], [0]),
            ("all", [0, 1, 2], [0, 1, 2]), ("none", [], []), ("0", [0], []),
        ])
    func partsOfGPUs(value: String, gpus: [Int], parts: [Int]) throws {
        let found = try node.devices(for: value)
        #expect(found.gpus.map(\.index) == gpus)
        #expect(found.migDevices.map(\.index) == parts)
        #expect(Set(found.parents.map(\.index)) == Set(gpus + (parts.isEmpty ? [] : [1])))
    }
}
