// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) struct DeviceNodesTests {
    let tree: DiscoveryTree
    let kernel: KernelDriver

    init() throws {
        tree = try DiscoveryTree()
        kernel = KernelDriver(procPath: tree.bytes + "/proc", sysPath: tree.bytes + "/sys")
        try tree.file("/proc/devices", nodeFixture("devices/modern"))
        try tree.file("/proc/driver/nvidia/params", nodeFixture("params/default"))
        try tree.directory("/dev/char")
    }

    func nodes() throws -> DeviceNodes {
        try DeviceNodes(root: RootDirectory(opening: tree.bytes), kernel: kernel)
    }

    func gpu(_ minor: UInt32) -> GPU {
        GPU(index: 0, uuid: "", minor: minor, busID: "0000:07:00.0", model: "")
    }

    func status(_ path: String) throws -> FileStatus {
        try FileStatus.of(ByteString(tree.host(path)), followLinks: false)
    }

    @Test func aNodeAsItIs() throws {
        try tree.node("/dev/nvidia3", 195, 3, mode: 0o640)
        #expect(chown(tree.host("/dev/nvidia3"), 7, 44) == 0)
        let node = try nodes().gpu(gpu(3))
        #expect(
            node
                == DeviceNode(
                    path: "/dev/nvidia3", hostPath: tree.bytes + "/dev/nvidia3", major: 195, minor: 3,
                    permissions: 0o640, owner: 7, group: 44))
    }

    /// P-08: a container must not get anything else under a GPU's name.
    @Test(arguments: [
        "regular file", "symbolic link", "block device", "FIFO", "directory", "other major", "other minor",
    ])
    func somethingElseThanTheNode(_ kind: String) throws {
        let found: String
        switch kind {
        case "regular file":
            try tree.file("/dev/nvidia0")
            found = "a regular file"
        case "symbolic link":
            try tree.node("/dev/real", 195, 0)
            try tree.link("/dev/nvidia0", to: "real")
            found = "a symbolic link"
        case "block device":
            try tree.node("/dev/nvidia0", 195, 0, kind: S_IFBLK)
            found = "block device 195:0"
        case "FIFO":
            try tree.fifo("/dev/nvidia0")
            found = "a FIFO"
        case "directory":
            try tree.directory("/dev/nvidia0")
            found = "a directory"
        case "other major":
            try tree.node("/dev/nvidia0", 1, 0)
            found = "character device 1:0"
        default:
            try tree.node("/dev/nvidia0", 195, 1)
            found = "character device 195:1"
        }
        let path = tree.bytes + "/dev/nvidia0"
        #expect(
            throws: DriverError.unsuitableNode(path: path, found: found, expected: "character device 195:0")
        ) { try nodes().gpu(gpu(0)) }
    }

    @Test func aWrongControlNodeIsAnErrorIfItIsACoreOne() throws {
        try tree.node("/dev/nvidiactl", 195, 255)
        try tree.node("/dev/nvidia-uvm", 510, 0)
        try tree.node("/dev/nvidia-uvm-tools", 1, 3)
        try tree.file("/dev/nvidia-modeset")
        let set = try nodes().control(for: [.compute, .display])
        #expect(set.nodes.map(\.path) == ["/dev/nvidiactl", "/dev/nvidia-uvm"])
        #expect(set.omissions.map(\.name) == ["/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"])
        unlink(tree.host("/dev/nvidia-uvm"))
        try tree.node("/dev/nvidia-uvm", 1, 3)
        #expect(throws: DriverError.self) { try nodes().control(for: .compute) }
        #expect(try nodes().control(for: .utility).nodes.count == 1)
        unlink(tree.host("/dev/nvidiactl"))
        try tree.node("/dev/nvidiactl", 195, 254)
        #expect(throws: DriverError.self) { try nodes().control(for: .utility) }
    }

    static let selections: [(capabilities: DriverCapabilities, names: [ByteString])] = [
        ([], ["nvidiactl"]), (.utility, ["nvidiactl"]), (.compute, ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"]),
        (.video, ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"]), (.graphics, ["nvidiactl", "nvidia-modeset"]),
        (.display, ["nvidiactl", "nvidia-modeset"]),
        (.all, ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"]),
    ]

    @Test(arguments: selections) func controlNodes(capabilities: DriverCapabilities, names: [ByteString]) throws {
        let set = try nodes().control(for: capabilities)
        #expect(set.nodes.map(\.path.lastPathComponent) == names)
        #expect(set.omissions.isEmpty)
    }

    /// P7: after boot nobody has made the nodes yet.
    @Test func missingNodesAreMadeAsTheModuleWantsThem() throws {
        try tree.file("/proc/driver/nvidia/params", nodeFixture("params/group-video"))
        let node = try nodes().gpu(gpu(5))
        #expect(node.permissions == 0o660 && node.group == 44 && node.owner == 0)
        let made = try status("/dev/nvidia5")
        #expect(made.kind == .characterDevice && made.major == 195 && made.minor == 5)
        #expect(made.permissions == 0o660 && made.group == 44)
        let control = try nodes().control(for: .compute)
        #expect(control.nodes.map(\.major) == [195, 510, 510])
        #expect(control.nodes.map(\.minor) == [255, 0, 1])
        #expect(try status("/dev/nvidia-uvm-tools").permissions == 0o660)
    }

    @Test func nodesAreNotMadeWhereTheModuleForbidsIt() throws {
        try tree.file("/proc/driver/nvidia/params", nodeFixture("params/not-modifiable"))
        #expect { try nodes().gpu(gpu(5)) } throws: {
            ($0 as? DriverError)?.description.contains("ModifyDeviceFiles") == true
        }
        try tree.node("/dev/nvidiactl", 195, 255)
        let control = try nodes().control(for: .all)
        #expect(control.nodes.map(\.path) == ["/dev/nvidiactl"])
        #expect(control.omissions.map(\.isCore) == [true, false, false])
        #expect(!FileManager.default.fileExists(atPath: tree.host("/dev/nvidia-uvm")))
    }

    @Test func aFolderThatIsNotThereIsAReason() throws {
        try FileManager.default.removeItem(atPath: tree.host("/dev"))
        #expect { try nodes().gpu(gpu(5)) } throws: {
            ($0 as? DriverError)?.description.contains("No such file or directory") == true
        }
    }

    @Test func withoutTheUVMModule() throws {
        try tree.file("/proc/devices", nodeFixture("devices/without-uvm"))
        try tree.node("/dev/nvidia-uvm", 510, 0)
        let control = try nodes().control(for: .default)
        #expect(control.nodes.map(\.path) == ["/dev/nvidiactl"])
        #expect(control.omissions.map(\.name) == ["/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"])
        #expect(control.omissions.map(\.isCore) == [true, false])
        guard case .refused(let reason) = try #require(control.omissions.first).cause else {
            Issue.record("no reason")
            return
        }
        #expect(reason.contains("modprobe nvidia-uvm"))
    }

    @Test func olderDriversHaveOneMajorForAll() throws {
        try tree.file("/proc/devices", nodeFixture("devices/frontend"))
        #expect(try nodes().control(for: .all).nodes.map(\.major) == [195, 237, 237, 195])
    }

    /// Q10: links lead to where the nodes are in the container, not to the dev root.
    @Test func graphicsNodes() throws {
        for name in ["card1", "renderD128"] { try tree.directory("/sys/bus/pci/devices/0000:07:00.0/drm/\(name)") }
        try tree.node("/dev/dri/card1", 226, 1, mode: 0o660)
        try tree.node("/dev/dri/renderD128", 226, 128)
        try tree.node("/dev/dri/card2", 226, 2)
        try tree.link("/dev/dri/by-path/pci-0000:07:00.0-card", to: "../card1")
        try tree.link("/dev/dri/by-path/pci-0000:07:00.0-render", to: "../renderD200")
        let set = try nodes().graphics(of: gpu(0))
        #expect(set.nodes.map(\.path) == ["/dev/dri/card1", "/dev/dri/renderD128"])
        #expect(set.nodes.map(\.minor) == [1, 128])
        #expect(
            set.links == [SymbolicLink(path: "/dev/dri/by-path/pci-0000:07:00.0-card", target: "../card1")])
        #expect(set.omissions.isEmpty)
    }

    @Test func graphicsNodesThatAreNotThereOrNotDRM() throws {
        #expect(try nodes().graphics(of: gpu(0)).omissions.map(\.name) == ["0000:07:00.0"])
        for name in ["card1", "renderD128"] { try tree.directory("/sys/bus/pci/devices/0000:07:00.0/drm/\(name)") }
        try tree.node("/dev/dri/card1", 1, 3)
        let set = try nodes().graphics(of: gpu(0))
        #expect(set.nodes.isEmpty)
        #expect(set.omissions.map(\.name) == ["/dev/dri/card1", "/dev/dri/renderD128"])
    }

    @Test func charLinksAreMade() throws {
        try tree.node("/dev/nvidia-caps/nvidia-cap12", 511, 12)
        try tree.node("/dev/nvidia-uvm", 510, 0)
        try tree.link("/dev/char/510:0", to: "../kept")
        try tree.node("/dev/kept", 510, 0)
        let devices = try nodes()
        let all =
            [try devices.gpu(gpu(0)), try devices.capability(CapabilityNode(accessFile: "", minor: 12))]
            + (try devices.control(for: .compute).nodes)
        #expect(devices.ensureCharLinks(all).isEmpty)
        for (name, target) in [
            ("195:0", "../nvidia0"), ("195:255", "../nvidiactl"), ("511:12", "../nvidia-caps/nvidia-cap12"),
            ("510:0", "../kept"), ("510:1", "../nvidia-uvm-tools"),
        ] {
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: tree.host("/dev/char/\(name)")) == target)
        }
        #expect(devices.ensureCharLinks(all).isEmpty)
    }

    @Test func charLinksAreMadeWithTheirFolder() throws {
        try FileManager.default.removeItem(atPath: tree.host("/dev/char"))
        let devices = try nodes()
        #expect(devices.ensureCharLinks([try devices.gpu(gpu(0))]).isEmpty)
        #expect(try FileStatus.of(ByteString(tree.host("/dev/char/195:0"))).kind == .characterDevice)
    }

    @Test func charLinksThatFailAreRecorded() throws {
        try tree.link("/dev/char/195:0", to: "../gone")
        let devices = try nodes()
        let list = [try devices.gpu(gpu(0)), try devices.gpu(gpu(1))]
        #expect(devices.ensureCharLinks(list).map(\.name) == ["/dev/char/195:0"])
        #expect(try FileStatus.of(ByteString(tree.host("/dev/char/195:1"))).minor == 1)
        try FileManager.default.removeItem(atPath: tree.host("/dev/char"))
        try tree.file("/dev/char")
        #expect(devices.ensureCharLinks(list).map(\.name) == ["/dev/char"])
    }
}
