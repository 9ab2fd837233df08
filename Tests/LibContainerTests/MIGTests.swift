// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

/// What the kernel module's files say of MIG.
@Suite struct MIGTests {
    let tree: DiscoveryTree
    let driver: KernelDriver

    init() throws {
        tree = try DiscoveryTree()
        driver = KernelDriver(procPath: tree.bytes + "/proc", sysPath: tree.bytes + "/sys")
    }

    static func gpu(_ minor: UInt32) -> GPU {
        GPU(index: 0, uuid: "", minor: minor, busID: "0000:07:00.0", model: "")
    }

    func names(_ gpu: UInt32) throws -> [String] {
        try driver.migDevices(of: Self.gpu(gpu)).map { "\($0.index):\($0.gpuInstance)/\($0.computeInstance)" }
    }

    static let instances = DiscoveryTree.instances(gpu: 3)
    static let folder = instances + "/gi7"

    @Test func instancesByNumberAndNotByName() throws {
        try tree.instance(gpu: 3, 10, [0])
        try tree.instance(gpu: 3, 9, [0])
        try tree.instance(gpu: 3, 2, [1, 0])
        try tree.instance(gpu: 1, 1, [0])
        #expect(try names(3) == ["0:2/0", "1:2/1", "2:9/0", "3:10/0"])
        let device = try #require(try driver.migDevices(of: Self.gpu(3)).last)
        #expect(device.parent == Self.gpu(3))
        #expect(device.gpuInstanceNode.minor == 3 + (3 * 15 + 10) * 9)
        #expect(device.computeInstanceNode.minor == device.gpuInstanceNode.minor + 1)
        #expect(device.computeInstanceNode.accessFile == tree.bytes + ByteString(Self.instances + "/gi10/ci0/access"))
        #expect(device.computeInstanceNode.parameters.areModifiable)
        #expect(device.computeInstanceNode.parameters.permissions == 0o444)
    }

    @Test func aGPUWithoutInstances() throws {
        #expect(try driver.migDevices(of: Self.gpu(3)).isEmpty)
        #expect(try !driver.isPartitioned(Self.gpu(3)))
        try tree.directory(Self.instances)
        #expect(try driver.migDevices(of: Self.gpu(3)).isEmpty)
        #expect(try !driver.isPartitioned(Self.gpu(3)))
    }

    /// A GPU instance that nobody can compute on is no device, but the GPU as a whole is taken.
    @Test func aGPUInstanceWithoutComputeInstances() throws {
        try tree.instance(gpu: 3, 7, [])
        try tree.instance(gpu: 3, 8, [0])
        #expect(try names(3) == ["0:8/0"])
        try tree.remove(Self.instances + "/gi8")
        #expect(try names(3) == [])
        #expect(try driver.isPartitioned(Self.gpu(3)))
    }

    @Test func entriesOfOtherNames() throws {
        try tree.instance(gpu: 3, 7, [0])
        for name in ["gi", "gi07", "gi-1", "gi7x", "gi 8", "gi+8", "GI8", "gi4294967296", "ci8", "access"] {
            try tree.directory("\(Self.instances)/\(name)/ci0")
        }
        for name in ["ci00", "ci1x", "ci"] { try tree.directory("\(Self.folder)/\(name)") }
        #expect(try names(3) == ["0:7/0"])
    }

    /// P9: an instance that is not whole must not shift the positions of the others.
    @Test(arguments: ["gi7/access", "gi7/ci0/access", "gi7/ci0/access is a directory", "gi7 is a file"])
    func instancesThatComeAndGo(_ missing: String) throws {
        try tree.instance(gpu: 3, 7, [0])
        try tree.instance(gpu: 3, 8, [0])
        var path = Self.folder
        switch missing {
        case "gi7 is a file":
            try tree.remove(Self.folder)
            try tree.file(Self.folder)
        case "gi7/ci0/access is a directory":
            try tree.remove(Self.folder + "/ci0/access")
            try tree.directory(Self.folder + "/ci0/access")
            path = Self.folder + "/ci0/access"
        default: try tree.remove(Self.instances + "/" + missing)
        }
        let bytes = tree.bytes + ByteString(path)
        let expected: DriverError =
            path == Self.folder
            ? .partitionsChanging(path: bytes) : .unreadable(LinuxError("find a device minor in", bytes, code: EINVAL))
        #expect(throws: expected) { try driver.migDevices(of: Self.gpu(3)) }
        #expect(try driver.isPartitioned(Self.gpu(3)))
        #expect(try driver.migDevices(of: Self.gpu(4)).isEmpty)
    }

    /// While instances are made and destroyed, what is read is an error or a list in which every instance has its own
    /// minors and the one that stays is the last.
    @Test func partitioningMeanwhile() throws {
        try tree.instance(gpu: 3, 13, [0])
        let tree = self.tree
        let writer = Thread {
            for round in 0..<100 {
                let number = UInt32(round % 6) + 7
                try? tree.instance(gpu: 3, number, [0, 1])
                if round % 3 != 0 { try? tree.remove(Self.instances + "/gi\(number)") }
            }
            try? tree.directory("/done")
        }
        writer.start()
        var complete = 0
        while !FileManager.default.fileExists(atPath: tree.host("/done")) {
            do throws(DriverError) {
                let devices = try driver.migDevices(of: Self.gpu(3))
                complete += 1
                #expect(devices.last?.gpuInstance == 13)
                #expect(devices.map(\.index) == Array(devices.indices))
                for device in devices {
                    let (outer, inner) = (device.gpuInstance, device.computeInstance)
                    #expect(device.gpuInstanceNode.minor == DiscoveryTree.capabilityMinor(gpu: 3, outer))
                    #expect(device.computeInstanceNode.minor == DiscoveryTree.capabilityMinor(gpu: 3, outer, inner))
                }
            } catch {
                // A file that is there and still empty is told from one that is gone.
                switch error {
                case .partitionsChanging: break
                case .unreadable(let error): #expect(error.code == EINVAL)
                default: Issue.record(error)
                }
            }
        }
        #expect(complete > 0)
    }

    /// P-06. The access file tells nothing, so `mig-minors` has to, and then the node is never made.
    static let accessFiles: [(name: String, bytes: [UInt8], minor: UInt32?)] = [
        ("empty", [], nil), ("binary", (0...255).map { UInt8($0) }, nil),
        ("CRLF", Array("DeviceFileMinor: 66\r\nDeviceFileMode: 292\r\nDeviceFileModify: 1\r\n".utf8), 66),
        ("negative", Array("DeviceFileMinor: -1\nDeviceFileMode: 292\nDeviceFileModify: 1\n".utf8), nil),
        ("too large", Array("DeviceFileMinor: 1048576\nDeviceFileMode: 292\nDeviceFileModify: 1\n".utf8), nil),
        ("overflow", Array("DeviceFileMinor: 4294967362\nDeviceFileMode: 292\nDeviceFileModify: 1\n".utf8), nil),
        ("text", Array("DeviceFileMinor: 66x\n".utf8), nil),
        ("two", Array("DeviceFileMinor: 66\nDeviceFileMinor: 67\n".utf8), nil),
        ("other key", Array("DeviceFileMinors: 66\n".utf8), nil),
        ("long", Array(String(repeating: "DeviceFileMode: 292\n", count: 4000).utf8), nil),
    ]

    @Test(arguments: accessFiles) func accessFile(name: String, bytes: [UInt8], minor: UInt32?) throws {
        try tree.instance(gpu: 3, 7, [0])
        try tree.file(Self.folder + "/ci0/access", bytes)
        let first = try? driver.migDevices(of: Self.gpu(3)).first?.computeInstanceNode
        #expect(first?.minor == minor)
        #expect(first?.parameters.areModifiable == (minor == nil ? nil : true))
        try tree.text("/proc/driver/nvidia-caps/mig-minors", DiscoveryTree.migMinors)
        let second = try #require(try driver.migDevices(of: Self.gpu(3)).first).computeInstanceNode
        #expect(second.minor == minor ?? DiscoveryTree.capabilityMinor(gpu: 3, 7, 0))
        #expect(second.parameters.areModifiable == (minor != nil))
    }

    @Test func anAccessFileOfOneGigabyte() throws {
        try tree.instance(gpu: 3, 7, [0])
        #expect(truncate(tree.host(Self.folder + "/access"), 1 << 30) == 0)
        #expect(throws: DriverError.self) { try driver.migDevices(of: Self.gpu(3)) }
        try tree.file("/proc/driver/nvidia-caps/mig-minors")
        #expect(truncate(tree.host("/proc/driver/nvidia-caps/mig-minors"), 1 << 30) == 0)
        #expect(throws: DriverError.self) { try driver.migDevices(of: Self.gpu(3)) }
    }

    @Test func anAccessFileThatIsAFIFO() throws {
        try tree.instance(gpu: 3, 7, [])
        try tree.fifo(Self.folder + "/ci0/access")
        #expect(throws: DriverError.self) { try driver.migDevices(of: Self.gpu(3)) }
    }

    @Test func moreInstancesThanThereCanBe() throws {
        for number in 0..<1100 { try tree.directory("\(Self.instances)/gi\(number)") }
        #expect(throws: DriverError.self) { try driver.isPartitioned(Self.gpu(3)) }
    }

    @Test func nodesThatAreOnlyMadeWhereTheFileSaysHow() throws {
        for (text, isModifiable) in [
            ("DeviceFileMinor: 5\nDeviceFileMode: 256\nDeviceFileModify: 1\n", true),
            ("DeviceFileMinor: 5\nDeviceFileMode: 256\nDeviceFileModify: 0\n", false),
            ("DeviceFileMinor: 5\nDeviceFileMode: 256\nDeviceFileModify: 2\n", false),
            ("DeviceFileMinor: 5\nDeviceFileMode: 256\n", false), ("DeviceFileMinor: 5\nDeviceFileModify: 1\n", false),
        ] {
            let node = try #require(CapabilityNode(accessFile: "", parsing: ByteString(text)))
            #expect(node.parameters.areModifiable == isModifiable, "\(text)")
            if isModifiable { #expect(node.parameters.permissions == 0o400) }
        }
    }

    @Test func controls() throws {
        let path = "/proc/driver/nvidia/capabilities/mig"
        #expect {
            try driver.node(for: .config)
        } throws: {
            guard case .missingCapability(_, let accessFile, _) = $0 as? DriverError else { return false }
            return accessFile == tree.bytes + ByteString(path + "/config")
        }
        try tree.text(path + "/config", DiscoveryTree.access(minor: 1, mode: 0o400))
        try tree.file(path + "/monitor")
        #expect(try driver.node(for: .config).parameters.permissions == 0o400)
        #expect(try driver.node(for: .config).minor == 1)
        #expect(throws: DriverError.self) { try driver.node(for: .monitor) }
        try tree.text("/proc/driver/nvidia-caps/mig-minors", DiscoveryTree.migMinors)
        #expect(try driver.node(for: .monitor).minor == 2)
    }

    /// Q17: a line counts as a whole or not at all.
    static let lines: [(text: String, minor: UInt32?)] = [
        ("gpu0/gi7/ci0/access 67\n", 67), ("gpu0/gi7/ci0/access 67", 67), ("gpu0/gi7/ci0/access 67\r\n", 67),
        ("config 1\ngpu0/gi7/ci0/access 67\ngpu0/gi7/ci1/access 68\n", 67), ("", nil), ("gpu0/gi7/ci0/access\n", nil),
        ("gpu0/gi7/ci0/access \n", nil), ("gpu0/gi7/ci0/access  67\n", nil), ("gpu0/gi7/ci0/access 67 \n", nil),
        (" gpu0/gi7/ci0/access 67\n", nil), ("gpu0/gi7/ci0/access\t67\n", nil), ("gpu0/gi7/ci0/access 67x\n", nil),
        ("gpu0/gi7/ci0/access -67\n", nil), ("gpu0/gi7/ci0/access 0x43\n", nil),
        ("gpu0/gi7/ci0/accessible 67\n", nil), ("gpu0/gi7/ci0 67\n", nil), ("gpu0/gi7 67\n", nil),
        ("xgpu0/gi7/ci0/access 67\n", nil), ("gpu0/gi7/ci0/access 4294967363\n", nil),
        ("gpu0/gi7/ci0/access 1048576\n", nil),
        ("gpu0/gi7/ci0/access 67\ngpu0/gi7/ci0/access 67\n", 67),
        ("gpu0/gi7/ci0/access 67\ngpu0/gi7/ci0/access 68\n", nil),
    ]

    @Test(arguments: lines) func migMinors(text: String, minor: UInt32?) {
        #expect(MIGMinors(parsing: ByteString(text))["gpu0/gi7/ci0/access"] == minor)
    }

    @Test func migMinorsOfOneGPU() {
        let text: ByteString =
            "config 1\ngpu1/gi0/access 3\ngpu11/gi0/access 4\ngpu1/gi1/access\ngpu1/gi0/ci0/access 5\n"
        #expect(MIGMinors(parsing: text).all(startingWith: "gpu1/") == [3, 5])
        let real = MIGMinors(parsing: ByteString(DiscoveryTree.migMinors))
        #expect(real.all(startingWith: "gpu31/").count == 15 * 9)
        #expect(real.all(startingWith: "gpu32/").isEmpty)
    }

    @Test func theRealMIGMinorsAreWithinTheLimit() {
        let text = ByteString(DiscoveryTree.migMinors)
        #expect(text.lines.count == 4322)
        #expect(text.count > 64 << 10 && text.count < MIGMinors.sizeLimit)
        #expect(MIGMinors(parsing: text)["gpu31/gi14/ci7/access"] == DiscoveryTree.capabilityMinor(gpu: 31, 14, 7))
    }

    @Test func mutatedFilesDoNotTrap() {
        var generator = FixedGenerator(state: 7)
        let seeds = [
            Array(DiscoveryTree.access(minor: 67).utf8), Array("config 1\ngpu0/gi7/ci0/access 67\nmonitor 2\n".utf8),
        ]
        for _ in 0..<3000 {
            guard var bytes = seeds.randomElement(using: &generator) else { continue }
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
            let text = ByteString(bytes)
            if let node = CapabilityNode(accessFile: "", parsing: text) {
                #expect(node.minor < 1 << 20 && node.parameters.permissions <= 0o777)
            }
            #expect((MIGMinors(parsing: text)["gpu0/gi7/ci0/access"] ?? 0) < 1 << 20)
        }
    }
}
