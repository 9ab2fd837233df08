// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

private let libraries = TegraTree.libraries

/// What CSV files list, on a board with one GPU.
@Suite(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) struct TegraDriverTests {
    let board: TegraTree
    let tree: DiscoveryTree

    init() throws {
        board = try TegraTree()
        tree = board.tree
    }

    /// The example of nvidia-container-toolkit's internal/modifier/csv_test.go.
    @Test func theOriginalsExample() throws {
        try board.csv("devices.csv", ["dev, /dev/nvidia0"])
        try board.csv(
            "drivers.csv",
            ["lib, \(libraries)/nvidia/libcuda.so.1.1", "lib, \(libraries)/nvidia/libnvidia-ml.so.1"])
        try board.library("nvidia/libcuda.so.1.1", soname: "libcuda.so.1")
        try board.library("nvidia/libnvidia-ml.so.1", soname: "libnvidia-ml.so.1")
        try tree.node("/dev/nvidia0", 99, 0, mode: 0o660)
        #expect(chown(tree.host("/dev/nvidia0"), 0, 44) == 0)
        let inventory = try board.locate()
        #expect(inventory.omissions.isEmpty)
        #expect(
            inventory.list == [
                "\(libraries)/nvidia/libcuda.so.1.1 [libcuda.so.1]",
                "\(libraries)/nvidia/libnvidia-ml.so.1 [libnvidia-ml.so.1]", "/etc/nv_tegra_release",
            ])
        #expect(
            inventory.linkList == [
                "\(libraries)/nvidia/libcuda.so.1 -> libcuda.so.1.1", "\(libraries)/nvidia/libcuda.so -> libcuda.so.1",
            ])
        #expect(
            inventory.nodes == [
                DeviceNode(
                    path: "/dev/nvidia0", hostPath: tree.bytes + "/dev/nvidia0", major: 99, minor: 0,
                    permissions: 0o660, owner: 0, group: 44)
            ])
        #expect(inventory.release == "36.4.3")
        #expect(inventory.coreFailure == nil)
    }

    @Test func whatAnOrinHas() throws {
        try board.board("orin")
        for (minor, name) in ["nvmap", "nvhost-gpu", "nvhost-ctrl-gpu", "nvgpu/igpu0/ctrl", "dri/card0"].enumerated() {
            try tree.node("/dev/\(name)", 500, UInt32(minor))
        }
        // JetPack's udev rules make it a /dev/null; older releases a link to it.
        try tree.node("/dev/null", 1, 3)
        try tree.link("/dev/v4l2-nvdec", to: "/dev/null")
        try tree.link("/dev/dri/by-path/platform-13800000.display-card", to: "../card0")
        try board.library("nvidia/libcuda.so.1.1", soname: "libcuda.so.1")
        try tree.link("\(libraries)/nvidia/libcuda.so.1", to: "libcuda.so.1.1")
        try tree.link("\(libraries)/nvidia/libcuda.so", to: "libcuda.so.1.1")
        try tree.link("\(libraries)/libcuda.so", to: "nvidia/libcuda.so")
        try board.library("nvidia/libnvos.so", soname: "libnvos.so")
        try tree.text("/lib/firmware/tegra23x/nvhost_nvdec050_desc_prod.bin", "firmware")
        try tree.file("/usr/sbin/nvidia-smi", Array("#!/bin/sh\n".utf8), mode: 0o755)
        try tree.text("\(libraries)/tegra-egl/nvidia.json", "{}")
        try tree.text("/usr/share/real/10_nvidia.json", "{}")
        try tree.link("/usr/share/glvnd/egl_vendor.d/10_nvidia.json", to: "/usr/share/real/10_nvidia.json")

        let inventory = try board.locate()
        #expect(
            inventory.nodes.map { "\($0.path) \($0.major):\($0.minor)" } == [
                "/dev/nvhost-ctrl-gpu 500:2", "/dev/nvhost-gpu 500:1", "/dev/nvgpu/igpu0/ctrl 500:3",
                "/dev/nvmap 500:0", "/dev/v4l2-nvdec 1:3", "/dev/dri/card0 500:4",
            ])
        #expect(
            inventory.list == [
                "/dev/dri/by-path", "\(libraries)/tegra-egl", "\(libraries)/nvidia/libcuda.so.1.1 [libcuda.so.1]",
                "\(libraries)/nvidia/libnvos.so [libnvos.so]",
                "/lib/firmware/tegra23x/nvhost_nvdec050_desc_prod.bin", "/usr/sbin/nvidia-smi",
                "/usr/share/real/10_nvidia.json", "/etc/nv_tegra_release",
            ])
        #expect(inventory.files.map(\.kind).filter { $0 == .binary }.count == 1)
        // The host's own text of a link, each once, although three lines lead over the same.
        #expect(
            inventory.linkList == [
                "\(libraries)/libcuda.so -> nvidia/libcuda.so", "\(libraries)/nvidia/libcuda.so -> libcuda.so.1.1",
                "\(libraries)/nvidia/libcuda.so.1 -> libcuda.so.1.1",
                "/usr/share/glvnd/egl_vendor.d/10_nvidia.json -> /usr/share/real/10_nvidia.json",
            ])
        #expect(inventory.coreFailure == nil)
        #expect(inventory.csvFiles.map(\.lastPathComponent) == ["devices.csv", "drivers.csv"])
        // Everything else is listed and not there, and says so.
        #expect(inventory.omission("/dev/fb0")?.hasSuffix("devices.csv, but it does not exist") == true)
        #expect(inventory.omission("/dev/dri/renderD*")?.hasSuffix("but nothing matches it") == true)
        #expect(
            inventory.omission(ByteString("\(libraries)/nvidia/libnvdla_compiler.so"))?
                .hasSuffix("drivers.csv, but it does not exist") == true)
        #expect(inventory.omissions.allSatisfy { !$0.isCore })

        #expect(inventory.gpus.gpus.map(\.index) == [0])
        let gpu = try #require(inventory.gpus.gpus.first)
        #expect(gpu.uuid.isEmpty)
        #expect(inventory.gpus.omissions.isEmpty)
        #expect(try inventory.nodes(of: gpu, for: .default, in: tree.devices()).nodes == inventory.nodes)
    }

    /// P27: CUDA is listed and not there.
    @Test func theBoardLacksCUDA() throws {
        try board.csv("drivers.csv", ["lib, \(libraries)/nvidia/libcuda.so.1.1", "sym, \(libraries)/libcuda.so"])
        let inventory = try board.locate()
        #expect(inventory.omissions.filter(\.isCore).count == 2)
        guard case .libraryRefused(let name, let reason) = inventory.coreFailure else {
            Issue.record("no failure")
            return
        }
        #expect(name == ByteString("\(libraries)/nvidia/libcuda.so.1.1"))
        #expect(reason.hasSuffix("drivers.csv, but it does not exist"))
        // Who does not compute does not need it, and a board that does not list it is not meant to have it.
        #expect(try board.locate(.utility).coreFailure == nil)
        try board.csv("drivers.csv", ["lib, \(libraries)/libnvos.so"])
        #expect(try board.locate().coreFailure == nil)
    }

    @Test func noNodeOfThoseListed() throws {
        try board.csv("devices.csv", ["dev, /dev/nvmap", "dev, /dev/nvhost-*"])
        let inventory = try board.locate()
        let gpu = try #require(inventory.gpus.gpus.first)
        let error = TegraError.noDevices(listed: 2, first: "/dev/nvmap")
        #expect(throws: error) { try inventory.nodes(of: gpu, for: .default, in: tree.devices()) }
        #expect(
            error.description == "none of the 2 device nodes in the CSV files exists, such as /dev/nvmap")
        try board.csv("devices.csv", ["lib, /x"])
        let other = try board.locate()
        #expect(throws: TegraError.noDevices(listed: 0, first: "")) {
            try other.nodes(of: gpu, for: .default, in: tree.devices())
        }
    }

    /// Every link of a chain is made, by its path in the container: Q10, the original leaves the driver root in it.
    @Test func chainsOfLinks() throws {
        try board.csv("drivers.csv", ["sym, \(libraries)/libv4l/plugins/nv/liba.so", "sym, /opt/cuda"])
        try board.library("nvidia/liba.so.1.2", soname: "liba.so.1")
        try tree.link("\(libraries)/libv4l/plugins/nv/liba.so", to: "../../../liba.so.1")
        try tree.link("\(libraries)/liba.so.1", to: "/alias/liba.so.1")
        try tree.link("/alias", to: "\(String(libraries.dropFirst()))/nvidia")
        try tree.link("\(libraries)/nvidia/liba.so.1", to: "liba.so.1.2")
        try tree.directory("/opt/cuda-12.6/lib")
        try tree.link("/opt/cuda", to: "cuda-12.6")
        let inventory = try board.locate()
        #expect(
            inventory.list == [
                "/opt/cuda-12.6", "\(libraries)/nvidia/liba.so.1.2 [liba.so.1]", "/etc/nv_tegra_release",
            ])
        #expect(
            inventory.linkList == [
                "/opt/cuda -> cuda-12.6", "\(libraries)/libv4l/plugins/nv/liba.so -> ../../../liba.so.1",
                "\(libraries)/liba.so.1 -> /alias/liba.so.1", "\(libraries)/nvidia/liba.so.1 -> liba.so.1.2",
            ])
        #expect(inventory.files.allSatisfy { $0.hostPath == tree.bytes + $0.containerPath })
    }

    @Test func linksOfLibraries() throws {
        try board.csv("drivers.csv", ["lib, /l/*"])
        let files: KeyValuePairs<String, String?> = [
            "libnvidia-opticalflow.so.540.4.0": "libnvidia-opticalflow.so.1",
            "libGLX_nvidia.so.540.4.0": "libGLX_nvidia.so.0", "libdeveloped.so.3": "libdeveloped.so.3",
            "libplain.so": nil, "libother.so.2.1": "libother.so.2", "libv4l2.so.0.0.9": "../libv4l2.so.0",
        ]
        for (name, soname) in files { try board.library("/l/\(name)", soname: soname) }
        try tree.link("/l/libdeveloped.so", to: "libdeveloped.so.3")
        let inventory = try board.locate(.all)
        #expect(
            Set(inventory.linkList) == [
                "/l/libnvidia-opticalflow.so.1 -> libnvidia-opticalflow.so.540.4.0",
                "/l/libnvidia-opticalflow.so -> libnvidia-opticalflow.so.1",
                "/l/libGLX_nvidia.so.0 -> libGLX_nvidia.so.540.4.0",
                "/l/libGLX_indirect.so.0 -> libGLX_nvidia.so.540.4.0", "/l/libdeveloped.so -> libdeveloped.so.3",
                "/l/libother.so.2 -> libother.so.2.1",
            ])
        // A SONAME that is a path is none.
        #expect(inventory.list.contains("/l/libv4l2.so.0.0.9 [libv4l2.so.0.0.9]"))
        #expect(inventory.list.contains("/l/libplain.so [libplain.so]"))
    }

    @Test func ignoredLinks() throws {
        try board.csv("drivers.csv", ["sym, /l/liba.so", "sym, /l/libb.so", "lib, /l/liba.so.1"])
        for name in ["liba", "libb"] {
            try board.library("/l/\(name).so.1", soname: "\(name).so.1")
            try tree.link("/l/\(name).so", to: "\(name).so.1")
        }
        for (pattern, expected) in [
            ("**/*a.so", ["liba", "libb"]), ("/l/*.so", ["liba"]), ("*.so", ["liba", "libb"]),
        ] {
            let inventory = try board.locate(ignoring: [ByteString(pattern)])
            #expect(
                Set(inventory.files.map(\.containerPath.description)).subtracting(["/etc/nv_tegra_release"])
                    == Set(expected.map { "/l/\($0).so.1" }), "\(pattern)")
        }
        // A pattern for the name leaves the line for the library, whose link the host has all the same.
        #expect(try board.locate(ignoring: ["/l/*.so"]).linkList == ["/l/liba.so -> liba.so.1"])
    }

    @Test func theReleaseFile() {
        for (text, release) in [
            (TegraTree.release, "36.4.3"), ("# R38 (release), REVISION: 2.0, GCID: 1\n", "38.2.0"),
            ("# R32 (release), REVISION: 7.1\n", "32.7.1"), ("", ""), ("# R36\n", ""),
            ("# R36 (release), REVISION: ../..\n", ""), ("R36, REVISION: 1\n", ""),
        ] {
            #expect(TegraFiles.release(in: ByteString(text)) == ByteString(release), "\(text)")
        }
    }
}
