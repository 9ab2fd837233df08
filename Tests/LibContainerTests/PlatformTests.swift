// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite struct PlatformTests {
    struct Decision: Decodable {
        let dxcore, nvml, tegra, integrated: Bool
        let platform: String
    }

    /// go-nvlib's rule, as nvidia-container-toolkit tests it (internal/info/auto_test.go).
    @Test func decisions() throws {
        let decisions = try jsonFixture("platform/decisions.json", as: [Decision].self)
        #expect(decisions.count == 12)
        for decision in decisions {
            let platform = Platform.decide(
                hasDXCore: decision.dxcore, hasTegraFiles: decision.tegra, hasNVML: decision.nvml,
                hasIntegratedGPU: decision.integrated)
            #expect(platform.rawValue == decision.platform, "\(decision)")
        }
    }

    struct Machine: Decodable {
        let name: String
        let isARM: Bool
        let files: [String]
        let platform: String
    }

    @Test(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) func machines() throws {
        for machine in try jsonFixture("platform/trees.json", as: [Machine].self) {
            let tree = try DiscoveryTree()
            for line in machine.files { try tree.make(line) }
            let root = try RootDirectory(opening: tree.bytes)
            let platform = Platform.detect(in: root, kernel: tree.kernel, isARM: machine.isARM)
            #expect(platform.rawValue == machine.platform, "\(machine.name)")
        }
    }

    /// Links of the tree lead nowhere outside of it.
    @Test func linksStayInside() throws {
        let (tree, outside) = (try DiscoveryTree(), try DiscoveryTree())
        try outside.text("/nv_tegra_release", "# R36 (release)\n")
        try tree.link("/etc/nv_tegra_release", to: outside.host("/nv_tegra_release"))
        try outside.directory("/nvgpu/igpu0")
        try tree.link("/dev/nvgpu", to: outside.host("/nvgpu"))
        let root = try RootDirectory(opening: tree.bytes)
        #expect(Platform.detect(in: root, kernel: tree.kernel, isARM: true) == .nvidia)
    }

    /// It is in the way of every container that gets a GPU.
    @Test func anOrdinaryNodeIsToldQuickly() throws {
        let tree = try DiscoveryTree()
        try tree.text("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05\n")
        let root = try RootDirectory(opening: tree.bytes)
        let kernel = tree.kernel
        var best = Duration.seconds(1)
        for _ in 0..<200 {
            best = min(best, ContinuousClock().measure { _ = Platform.detect(in: root, kernel: kernel) })
        }
        // In an unoptimized build; an optimized one takes a tenth of this.
        #expect(best < .microseconds(500))
    }
}
