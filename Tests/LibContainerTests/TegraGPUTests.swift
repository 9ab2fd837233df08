// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

/// A Tegra with a discrete GPU beside its own.
@Suite(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) struct TegraGPUTests {
    let board: TegraTree
    let tree: DiscoveryTree

    init() throws {
        board = try TegraTree()
        tree = board.tree
        try board.board("thor")
        try tree.file("/proc/devices", nodeFixture("devices/modern"))
        try tree.gpu("0000:01:00.0", model: "NVIDIA Thor", minor: 0)
        for minor: UInt32 in 0...2 { try tree.node("/dev/nvidia\(minor)", 195, minor) }
        try tree.node("/dev/nvidiactl", 195, 255)
        try tree.node("/dev/nvidia-modeset", 195, 254)
        try tree.node("/dev/nvidia-uvm", 510, 0)
        try tree.node("/dev/nvidia-uvm-tools", 510, 1)
        try tree.node("/dev/nvmap", 400, 1)
        try tree.node("/dev/nvgpu/igpu-0000:01:00.0/ctrl", 401, 1)
        for (card, render) in [(0, 128), (1, 129), (2, 130)] {
            try tree.node("/dev/dri/card\(card)", 226, UInt32(card))
            try tree.node("/dev/dri/renderD\(render)", 226, UInt32(render))
        }
    }

    func addDiscrete(_ busID: String = "0005:01:00.0", minor: Int = 1, card: Int = 1) throws {
        try tree.gpu(busID, model: "NVIDIA RTX PRO 6000 Blackwell", minor: minor)
        for name in ["card\(card)", "renderD\(128 + card)"] {
            try tree.directory("/sys/bus/pci/devices/\(busID)/drm/\(name)")
        }
    }

    func paths(
        _ inventory: TegraInventory, _ index: Int, _ capabilities: DriverCapabilities = .default
    ) throws -> Set<String> {
        let gpu = try #require(inventory.gpus.gpus.first { $0.index == index })
        let set = try inventory.nodes(of: gpu, for: capabilities, in: tree.devices())
        #expect(Set(set.nodes.map(\.path)).count == set.nodes.count)
        return Set(set.nodes.map(\.path.description))
    }

    private let control: Set = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"]
    private let soc: Set = ["/dev/nvmap", "/dev/nvgpu/igpu-0000:01:00.0/ctrl"]

    @Test func onlyTheIntegratedOne() throws {
        let inventory = try board.locate()
        #expect(inventory.gpus.gpus.map(\.uuid) == [ByteString(DiscoveryTree.uuid(0))])
        #expect(inventory.gpus.gpus.map(\.model) == ["NVIDIA Thor"])
        // All that is listed, `/dev/nvidia1` too; `/dev/nvidia2` is not.
        #expect(
            try paths(inventory, 0)
                == control.union(soc).union([
                    "/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia-modeset", "/dev/dri/card0", "/dev/dri/card1",
                    "/dev/dri/card2", "/dev/dri/renderD128", "/dev/dri/renderD129", "/dev/dri/renderD130",
                ]))
    }

    @Test func both() throws {
        try addDiscrete()
        let inventory = try board.locate()
        #expect(inventory.gpus.gpus.map(\.index) == [0, 1])
        #expect(inventory.gpus.gpus.map(\.busID) == ["0000:01:00.0", "0005:01:00.0"])
        let drawing: Set = ["/dev/dri/card0", "/dev/dri/renderD128", "/dev/dri/card2", "/dev/dri/renderD130"]
        #expect(
            try paths(inventory, 0)
                == control.union(soc).union(drawing).union(["/dev/nvidia0", "/dev/nvidia2", "/dev/nvidia-modeset"]))
        #expect(
            try paths(inventory, 1)
                == control.union(soc).union(drawing).union([
                    "/dev/nvidia1", "/dev/dri/card1", "/dev/dri/renderD129",
                ]))
        #expect(try paths(inventory, 1, .all).contains("/dev/nvidia-modeset"))
        #expect(try paths(inventory, 1, .all).isSuperset(of: ["/dev/dri/card1", "/dev/dri/renderD129"]))
    }

    /// By the real minors: the original knows one discrete GPU, with minor 1.
    @Test func twoDiscreteOnes() throws {
        try addDiscrete("0009:01:00.0", minor: 2, card: 2)
        try addDiscrete()
        let inventory = try board.locate()
        #expect(inventory.gpus.gpus.map(\.busID) == ["0000:01:00.0", "0005:01:00.0", "0009:01:00.0"])
        let (own, first, second) = (try paths(inventory, 0), try paths(inventory, 1), try paths(inventory, 2))
        #expect(own.isDisjoint(with: ["/dev/nvidia1", "/dev/nvidia2", "/dev/dri/card1", "/dev/dri/renderD130"]))
        #expect(own.isSuperset(of: ["/dev/nvidia0", "/dev/dri/card0"]))
        #expect(first.contains("/dev/nvidia1"))
        #expect(first.isDisjoint(with: ["/dev/nvidia0", "/dev/nvidia2", "/dev/dri/card2", "/dev/dri/renderD130"]))
        #expect(second.contains("/dev/nvidia2"))
        #expect(second.isDisjoint(with: ["/dev/nvidia0", "/dev/nvidia1", "/dev/dri/card1"]))
    }

    /// nvgpu drives the integrated GPU, and the ordinary module knows only the discrete one.
    @Test func theIntegratedOneIsNotInProc() throws {
        try FileManager.default.removeItem(atPath: tree.host("/proc/driver/nvidia/gpus/0000:01:00.0"))
        try addDiscrete()
        let inventory = try board.locate()
        #expect(inventory.gpus.gpus.map(\.index) == [0, 1])
        #expect(inventory.gpus.gpus.map(\.busID) == ["", "0005:01:00.0"])
        #expect(inventory.gpus.gpus[1].minor == 1)
        #expect(try !paths(inventory, 0).contains("/dev/nvidia1"))
    }

    /// One that fell off the bus keeps its number, and its nodes are nobody else's.
    @Test func aBrokenDiscreteOne() throws {
        try tree.text("/proc/driver/nvidia/gpus/0005:01:00.0/information", "Model: Unknown\nDevice Minor: 1\n")
        try addDiscrete("0009:01:00.0", minor: 2, card: 2)
        let inventory = try board.locate()
        #expect(inventory.gpus.gpus.map(\.index) == [0, 2])
        #expect(inventory.gpus.unusable.map(\.index) == [1])
        #expect(try !paths(inventory, 0).contains("/dev/nvidia1"))
    }

    @Test func notSeparated() throws {
        try addDiscrete()
        let inventory = try board.locate(separatesGPUs: false)
        #expect(inventory.gpus.gpus.map(\.index) == [0])
        #expect(try paths(inventory, 0).isSuperset(of: ["/dev/nvidia0", "/dev/nvidia1"]))
    }

    /// A node of the discrete GPU that is something else is an error, not a container with half a GPU.
    @Test func anUnsuitableNode() throws {
        try addDiscrete()
        try FileManager.default.removeItem(atPath: tree.host("/dev/nvidia1"))
        try tree.node("/dev/nvidia1", 1, 1)
        let inventory = try board.locate()
        let gpu = try #require(inventory.gpus.gpus.last)
        #expect {
            try inventory.nodes(of: gpu, for: .default, in: tree.devices())
        } throws: { error in
            guard case .driver(.unsuitableNode) = error as? TegraError else { return false }
            return "\(error)".hasPrefix("not the NVIDIA device node")
        }
    }
}
