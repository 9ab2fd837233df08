// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

/// GDS, MOFED, GDRCopy and NVSwitch.
@Suite(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) struct DeviceGateTests {
    let tree: DiscoveryTree
    let kernel: KernelDriver

    init() throws {
        tree = try DiscoveryTree()
        kernel = KernelDriver(procPath: tree.bytes + "/proc", sysPath: tree.bytes + "/sys")
        try tree.file("/proc/devices", nodeFixture("devices/gates"))
        try tree.file("/proc/misc", nodeFixture("misc/rdma"))
        try tree.directory("/dev")
    }

    func found(_ gate: DeviceGate) throws -> NodeSet {
        try DeviceNodes(root: RootDirectory(opening: tree.bytes), kernel: kernel).nodes(for: gate)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let gate: DeviceGate
        /// Where, major, minor.
        let nodes: [(path: String, major: UInt32, minor: UInt32)]
        /// Entries that begin like the nodes and are none.
        let others: [String]
        let patterns: [ByteString]
        var testDescription: String { "\(gate)" }
    }

    static let cases: [Case] = [
        Case(
            gate: .gds,
            nodes: [("/dev/nvidia-fs0", 505, 0), ("/dev/nvidia-fs2", 505, 2), ("/dev/nvidia-fs10", 505, 10)],
            others: ["/dev/nvidia-fs", "/dev/nvidia-fs-control", "/dev/nvidia-fs01", "/dev/nvidia-fs1 "],
            patterns: ["/dev/nvidia-fs*"]),
        Case(
            gate: .mofed,
            nodes: [
                ("/dev/infiniband/uverbs0", 231, 192), ("/dev/infiniband/uverbs31", 231, 223),
                ("/dev/infiniband/uverbs32", 504, 0), ("/dev/infiniband/uverbs40", 504, 8),
                ("/dev/infiniband/rdma_cm", 10, 58),
            ],
            others: ["/dev/infiniband/uverbs", "/dev/infiniband/umad0", "/dev/infiniband/uverbsx", "/dev/uverbs1"],
            patterns: ["/dev/infiniband/uverbs*", "/dev/infiniband/rdma_cm"]),
        Case(gate: .gdrcopy, nodes: [("/dev/gdrdrv", 506, 0)], others: ["/dev/gdrdrv0"], patterns: ["/dev/gdrdrv"]),
        Case(
            gate: .nvswitch,
            nodes: [
                ("/dev/nvidia-nvswitchctl", 508, 255), ("/dev/nvidia-nvswitch0", 508, 0),
                ("/dev/nvidia-nvswitch5", 508, 5),
            ],
            others: ["/dev/nvidia-nvswitch", "/dev/nvidia-nvswitchx", "/dev/nvidia-nvlink"],
            patterns: ["/dev/nvidia-nvswitchctl", "/dev/nvidia-nvswitch*"]),
    ]

    @Test(arguments: cases) func nodesOfAGate(_ gate: Case) throws {
        for node in gate.nodes.reversed() { try tree.node(node.path, node.major, node.minor, mode: 0o640) }
        for path in gate.others { try tree.node(path, 1, 3) }
        let set = try found(gate.gate)
        #expect(set.nodes.map(\.path.description) == gate.nodes.map(\.path))
        #expect(set.nodes.map(\.major) == gate.nodes.map(\.major))
        #expect(set.nodes.map(\.minor) == gate.nodes.map(\.minor))
        #expect(set.nodes.allSatisfy { $0.permissions == 0o640 })
        #expect(set.omissions.isEmpty)
        for other in DeviceGate.allCases where other != gate.gate { #expect(try found(other).nodes.isEmpty) }
    }

    /// Nothing there is no error, and nothing is made.
    @Test(arguments: cases) func anEmptyGate(_ gate: Case) throws {
        let set = try found(gate.gate)
        #expect(set.nodes.isEmpty)
        #expect(set.omissions.map(\.name) == gate.patterns)
        #expect(!set.omissions.contains { $0.isCore })
        #expect(set.omissions.first?.cause == .notFound(searched: [tree.bytes]))
        #expect(try FileManager.default.contentsOfDirectory(atPath: tree.host("/dev")).isEmpty)
    }

    /// A node that was left when its driver went could be any device by now.
    @Test(arguments: cases) func nodesWithoutTheirDriver(_ gate: Case) throws {
        try tree.file("/proc/devices", nodeFixture("devices/without-uvm"))
        try tree.remove("/proc/misc")
        for node in gate.nodes { try tree.node(node.path, node.major, node.minor) }
        let set = try found(gate.gate)
        #expect(set.nodes.isEmpty)
        #expect(set.omissions.map(\.name.description) == gate.nodes.map(\.path))
    }

    /// P-08
    @Test(arguments: cases, DiscoveryTree.impostors) func somethingElse(_ gate: Case, _ kind: String) throws {
        let first = try #require(gate.nodes.first)
        try tree.impostor(kind, at: first.path, first.major, first.minor)
        for node in gate.nodes.dropFirst() { try tree.node(node.path, node.major, node.minor) }
        let set = try found(gate.gate)
        #expect(set.nodes.map(\.path.description) == gate.nodes.dropFirst().map(\.path))
        #expect(set.omissions.map(\.name.description) == [first.path])
    }

    static let miscellaneous: [(text: String, minor: UInt32?)] = [
        ("130 watchdog\n 58 rdma_cm\n", 58), ("58 rdma_cm", 58), ("58 rdma_cm_old\n", nil), ("58  rdma_cm\n", nil),
        ("x58 rdma_cm\n", nil), ("", nil), ("rdma_cm\n", nil), ("58 rdma_cm 1\n", nil),
    ]

    @Test(arguments: miscellaneous) func miscellaneousMinors(text: String, minor: UInt32?) throws {
        try tree.text("/proc/misc", text)
        #expect(kernel.miscellaneousMinor(of: "rdma_cm") == minor)
    }
}
