// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

/// The device nodes of MIG devices.
@Suite(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) struct MIGNodesTests {
    let tree: DiscoveryTree
    let kernel: KernelDriver

    init() throws {
        tree = try DiscoveryTree()
        kernel = KernelDriver(procPath: tree.bytes + "/proc", sysPath: tree.bytes + "/sys")
        try tree.file("/proc/devices", nodeFixture("devices/modern"))
        try tree.file("/proc/driver/nvidia/params", nodeFixture("params/default"))
        try tree.instance(gpu: 3, 7, [0])
        try tree.directory("/dev")
    }

    func nodes() throws -> DeviceNodes {
        try DeviceNodes(root: RootDirectory(opening: tree.bytes), kernel: kernel)
    }

    func device() throws -> MIGDevice { try #require(try kernel.migDevices(of: MIGTests.gpu(3)).first) }

    func mode(_ path: String) throws -> UInt32 {
        try FileStatus.of(ByteString(tree.host(path)), followLinks: false).permissions
    }

    static let outer = DiscoveryTree.capabilityMinor(gpu: 3, 7)
    static let inner = DiscoveryTree.capabilityMinor(gpu: 3, 7, 0)
    static let outerPath = "/dev/nvidia-caps/nvidia-cap\(outer)"
    static let innerPath = "/dev/nvidia-caps/nvidia-cap\(inner)"

    func makeAll() throws {
        try tree.node("/dev/nvidia3", 195, 3)
        try tree.node(Self.outerPath, 511, Self.outer, mode: 0o444)
        try tree.node(Self.innerPath, 511, Self.inner, mode: 0o444)
    }

    @Test func parentAndBothCapabilities() throws {
        try makeAll()
        let set = try nodes().mig(device())
        #expect(set.nodes.map(\.path.description) == ["/dev/nvidia3", Self.outerPath, Self.innerPath])
        #expect(set.nodes.map(\.major) == [195, 511, 511])
        #expect(set.nodes.map(\.minor) == [3, Self.outer, Self.inner])
        #expect(set.nodes.last?.permissions == 0o444)
        #expect(set.omissions.isEmpty)
    }

    /// P9: nobody has run nvidia-smi since the GPU was partitioned.
    @Test func missingNodesAreMadeAsTheAccessFilesSay() throws {
        try tree.text(
            DiscoveryTree.instances(gpu: 3) + "/gi7/ci0/access", DiscoveryTree.access(minor: Self.inner, mode: 0o440))
        try tree.file("/proc/driver/nvidia/params", nodeFixture("params/group-video"))
        let set = try nodes().mig(device())
        #expect(set.nodes.map(\.permissions) == [0o660, 0o444, 0o440])
        // The group of the other nodes is not that of capabilities (nvidia_cap_mknod).
        #expect(set.nodes.map(\.group) == [44, 0, 0])
        #expect(try mode("/dev/nvidia-caps") == 0o755)
        #expect(try mode(Self.innerPath) == 0o440)
    }

    @Test func aFolderThatIsThereIsLeftAsItIs() throws {
        try tree.directory("/dev/nvidia-caps")
        #expect(chmod(tree.host("/dev/nvidia-caps"), 0o711) == 0)
        #expect(try nodes().mig(device()).nodes.count == 3)
        #expect(try mode("/dev/nvidia-caps") == 0o711)
    }

    @Test(arguments: ["access file", "module parameter", "access file tells no mode", "second source"])
    func nodesAreNotMadeWhereSomethingForbidsIt(_ what: String) throws {
        try tree.node("/dev/nvidia3", 195, 3)
        let access = DiscoveryTree.instances(gpu: 3) + "/gi7/access"
        switch what {
        case "access file": try tree.text(access, DiscoveryTree.access(minor: Self.outer, modify: 0))
        case "module parameter":
            try tree.file("/proc/driver/nvidia/params", nodeFixture("params/not-modifiable"))
        case "access file tells no mode": try tree.text(access, "DeviceFileMinor: \(Self.outer)\n")
        default:
            try tree.file(access)
            try tree.text("/proc/driver/nvidia-caps/mig-minors", DiscoveryTree.migMinors)
        }
        #expect {
            try nodes().mig(device())
        } throws: {
            guard let error = $0 as? DriverError, case .missingCapability = error else { return false }
            return error.hint.contains("nvidia-modprobe -f \(tree.path)\(access)")
        }
        #expect(!FileManager.default.fileExists(atPath: tree.host("/dev/nvidia-caps")))
        try tree.node(Self.outerPath, 511, Self.outer)
        try tree.node(Self.innerPath, 511, Self.inner)
        #expect(try nodes().mig(device()).nodes.count == 3)
    }

    /// P-08
    @Test(arguments: DiscoveryTree.impostors) func somethingElseThanACapability(_ kind: String) throws {
        try tree.node("/dev/nvidia3", 195, 3)
        try tree.impostor(kind, at: Self.outerPath, 511, Self.outer)
        #expect {
            try nodes().mig(device())
        } throws: {
            guard case .unsuitableNode(let path, _, _) = $0 as? DriverError else { return false }
            return path == tree.bytes + ByteString(Self.outerPath)
        }
    }

    @Test func withoutCapabilityDevices() throws {
        try makeAll()
        try tree.file("/proc/devices", nodeFixture("devices/without-uvm"))
        #expect {
            try nodes().mig(device())
        } throws: {
            guard case .missingCapability(_, _, let reason) = $0 as? DriverError else { return false }
            return reason == "the kernel module offers no capability devices"
        }
    }

    @Test func controls() throws {
        let path = "/proc/driver/nvidia/capabilities/mig"
        try tree.text(path + "/config", DiscoveryTree.access(minor: 1, mode: 0o400))
        try tree.text(path + "/monitor", DiscoveryTree.access(minor: 2, mode: 0o444))
        #expect(try nodes().mig(.config).permissions == 0o400)
        #expect(try nodes().mig(.monitor).path == "/dev/nvidia-caps/nvidia-cap2")
    }

    /// A node with eight GPUs of seven instances each: everything that is looked at for `all`.
    @Test func aWholeNodeTakesNoTime() throws {
        for gpu in UInt32(0)..<8 {
            try tree.node("/dev/nvidia\(gpu)", 195, gpu)
            for instance in UInt32(7)..<14 { try tree.instance(gpu: gpu, instance, [0]) }
        }
        let devices = try nodes()
        let made = try devices.mig(device())
        #expect(made.nodes.count == 3)
        let start = ContinuousClock.now
        var count = 0
        for gpu in UInt32(0)..<8 {
            for device in try kernel.migDevices(of: MIGTests.gpu(gpu)) { count += try devices.mig(device).nodes.count }
        }
        let first = ContinuousClock.now - start
        #expect(count == 8 * 7 * 3)
        for gpu in UInt32(0)..<8 {
            for device in try kernel.migDevices(of: MIGTests.gpu(gpu)) { _ = try devices.mig(device) }
        }
        print("8 GPUs of 7 instances: \(first) with making nodes, \(ContinuousClock.now - start - first) without")
        #expect(first < .seconds(2))
    }
}
