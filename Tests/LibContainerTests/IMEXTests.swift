// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) struct IMEXTests {
    let tree: DiscoveryTree
    let kernel: KernelDriver
    static let folder = "/dev/nvidia-caps-imex-channels"

    init() throws {
        tree = try DiscoveryTree()
        kernel = KernelDriver(procPath: tree.bytes + "/proc", sysPath: tree.bytes + "/sys")
        try tree.file("/proc/devices", nodeFixture("devices/modern"))
        try tree.directory("/dev")
    }

    func nodes() throws -> DeviceNodes {
        try DeviceNodes(root: RootDirectory(opening: tree.bytes), kernel: kernel)
    }

    @Test func aChannel() throws {
        try tree.node(Self.folder + "/channel17", 507, 17, mode: 0o660)
        let node = try nodes().imexChannel(17)
        #expect(node.path == "/dev/nvidia-caps-imex-channels/channel17")
        #expect(node.major == 507 && node.minor == 17 && node.permissions == 0o660)
    }

    /// D-10
    @Test func channelsOutOfRange() throws {
        try tree.node(Self.folder + "/channel1048575", 507, 1_048_575)
        #expect(try nodes().imexChannel(1_048_575).minor == 1_048_575)
        for number: UInt32 in [1_048_576, .max] {
            #expect(throws: DriverError.channelOutOfRange(number)) { try nodes().imexChannel(number) }
        }
        #expect("\(DriverError.channelOutOfRange(1_048_576))".contains("1048575"))
    }

    /// D-10: a channel is an access right, so it is there or it is not.
    @Test func channelsAreNeverMade() throws {
        let path = tree.bytes + ByteString(Self.folder + "/channel0")
        #expect(throws: DriverError.missingChannel(path: path, reason: "it does not exist")) {
            try nodes().imexChannel(0)
        }
        #expect(!FileManager.default.fileExists(atPath: tree.host(Self.folder)))
        #expect(try nodes().imexChannels().nodes.isEmpty)
        #expect(try nodes().imexChannels().omissions.isEmpty)
    }

    @Test func aModuleWithoutChannels() throws {
        try tree.file("/proc/devices", nodeFixture("devices/frontend"))
        try tree.node(Self.folder + "/channel0", 507, 0)
        #expect {
            try nodes().imexChannel(0)
        } throws: {
            guard case .missingChannel(_, let reason) = $0 as? DriverError else { return false }
            return reason == "the kernel module offers no IMEX channels"
        }
        #expect(try nodes().imexChannels().nodes.isEmpty)
        #expect(try nodes().imexChannels().omissions.map(\.name) == ["/dev/nvidia-caps-imex-channels/channel0"])
    }

    /// P-08
    @Test(arguments: DiscoveryTree.impostors) func somethingElseThanAChannel(_ kind: String) throws {
        try tree.node(Self.folder + "/channel4", 507, 4)
        try tree.impostor(kind, at: Self.folder + "/channel3", 507, 3)
        #expect {
            try nodes().imexChannel(3)
        } throws: {
            guard case .unsuitableNode = $0 as? DriverError else { return false }
            return true
        }
        let all = try nodes().imexChannels()
        #expect(all.nodes.map(\.minor) == [4])
        #expect(all.omissions.map(\.name) == ["/dev/nvidia-caps-imex-channels/channel3"])
    }

    @Test func allChannelsByNumber() throws {
        for number in [10, 9, 2047, 0] as [UInt32] { try tree.node(Self.folder + "/channel\(number)", 507, number) }
        for name in ["channel", "channel01", "channel1x", "xchannel1", "channel-1", "channel4294967297", "nvidia0"] {
            try tree.node(Self.folder + "/" + name, 507, 1)
        }
        try tree.node(Self.folder + "/channel1048576", 507, 0)
        let set = try nodes().imexChannels()
        #expect(set.nodes.map(\.minor) == [0, 9, 10, 2047])
        #expect(set.nodes.map(\.path.lastPathComponent) == ["channel0", "channel9", "channel10", "channel2047"])
        #expect(set.omissions.map(\.name) == ["/dev/nvidia-caps-imex-channels/channel1048576"])
    }

    @Test func aFolderThatIsNone() throws {
        try tree.file(Self.folder)
        #expect(try nodes().imexChannels().nodes.isEmpty)
        #expect(throws: DriverError.self) { try nodes().imexChannel(0) }
    }
}
