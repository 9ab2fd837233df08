// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

private let version = "535.261.03"
private let folder = "/usr/lib64"

/// Everything that is not a library: programs, configuration, firmware, sockets.
@Suite struct DriverDataTests {
    let tree: DiscoveryTree

    init() throws { tree = try DiscoveryTree() }

    func locate(_ capabilities: DriverCapabilities = .default) throws -> DriverFiles {
        try DriverRoot(opening: tree.bytes, sysPath: tree.bytes + "/sys")
            .locateFiles(for: capabilities, version: ByteString(version))
    }

    func paths(_ files: DriverFiles) -> [String] { files.found.map(\.containerPath.description) }

    @Test func binaries() throws {
        try tree.file("/usr/bin/nvidia-smi", mode: 0o755)
        try tree.file("/usr/sbin/nvidia-cuda-mps-server", mode: 0o755)
        try tree.file("/usr/bin/nvidia-debugdump", mode: 0o644)
        try tree.file("/usr/local/bin/nvidia-debugdump", mode: 0o755)
        try tree.file("/bin/nvidia-imex", mode: 0o755)
        let files = try locate()
        #expect(
            files.found.map { "\($0.hostPath) \($0.containerPath) \($0.foundIn)" } == [
                "\(tree.path)/usr/bin/nvidia-smi /usr/bin/nvidia-smi /usr/bin",
                "\(tree.path)/usr/local/bin/nvidia-debugdump /usr/bin/nvidia-debugdump /usr/local/bin",
                "\(tree.path)/bin/nvidia-imex /usr/bin/nvidia-imex /bin",
                "\(tree.path)/usr/sbin/nvidia-cuda-mps-server /usr/bin/nvidia-cuda-mps-server /usr/sbin",
            ])
        #expect(try locate(.utility).found.count == 3)
        #expect(files.omission("nvidia-persistenced") != nil)
    }

    @Test func configuration() throws {
        let names = [
            "/usr/share/glvnd/egl_vendor.d/10_nvidia.json", "/etc/vulkan/icd.d/nvidia_icd.json",
            "/usr/share/nvidia/nvoptix.bin", "/etc/OpenCL/vendors/nvidia.icd",
        ]
        for name in names { try tree.text(name, "{}") }
        #expect(try Set(paths(locate(.graphics))) == Set(names))
        #expect(try paths(locate(.compute)) == ["/etc/OpenCL/vendors/nvidia.icd"])
        // The administrator's comes first, and the container's place stays the same.
        try tree.text("/etc/glvnd/egl_vendor.d/10_nvidia.json", "{}")
        try tree.text("/vulkan/implicit_layer.d/nvidia_layers.json", "{}")
        let files = try locate(.graphics)
        let vendor = try #require(files.found.first { $0.containerPath == ByteString(names[0]) })
        #expect(vendor.hostPath == tree.bytes + "/etc/glvnd/egl_vendor.d/10_nvidia.json")
        let layer = try #require(files.file("nvidia_layers.json"))
        #expect(layer.containerPath == "/etc/vulkan/implicit_layer.d/nvidia_layers.json")
    }

    @Test func xorgModules() throws {
        try tree.library(folder, "libnvidia-glcore.so.\(version)", soname: nil)
        try tree.file("/usr/lib64/xorg/modules/drivers/nvidia_drv.so")
        try tree.file("/usr/lib64/nvidia/xorg/libglxserver_nvidia.so.\(version)")
        let files = try locate(.display)
        #expect(files.file("nvidia_drv.so")?.containerPath == "/usr/lib64/xorg/modules/drivers/nvidia_drv.so")
        let glx = try #require(files.file("libglxserver_nvidia.so.\(version)"))
        #expect(
            glx.links == [
                SymbolicLink(
                    path: "/usr/lib64/nvidia/xorg/libglxserver_nvidia.so",
                    target: ByteString("libglxserver_nvidia.so.\(version)"))
            ])
        #expect(try locate(.compute).file("nvidia_drv.so") == nil)
    }

    @Test func firmware() throws {
        try tree.link("/lib", to: "usr/lib")
        try tree.text("/usr/lib/firmware/nvidia/\(version)/gsp_ga10x.bin", "x")
        try tree.text("/usr/lib/firmware/nvidia/\(version)/gsp_tu10x.bin", "x")
        try tree.text("/usr/lib/firmware/nvidia/\(version)/other.bin", "x")
        try tree.text("/usr/lib/firmware/nvidia/550.1/gsp.bin", "x")
        try tree.text("/opt/firmware/nvidia/\(version)/gsp.bin", "x")
        let files = try locate(.ngx)
        #expect(
            paths(files).sorted() == [
                "/lib/firmware/nvidia/\(version)/gsp_ga10x.bin", "/lib/firmware/nvidia/\(version)/gsp_tu10x.bin",
            ])
        #expect(files.found.first?.hostPath == tree.bytes + "/usr/lib/firmware/nvidia/535.261.03/gsp_ga10x.bin")
        try tree.text("/sys/module/firmware_class/parameters/path", "/opt/firmware\n")
        #expect(try paths(locate(.ngx)).first == "/opt/firmware/nvidia/\(version)/gsp.bin")
    }

    @Test func sockets() throws {
        try tree.link("/var/run", to: "/run")
        try tree.socket("/run/nvidia-persistenced/socket")
        try tree.file("/run/nvidia-fabricmanager/socket")
        let files = try locate(.utility)
        #expect(paths(files) == ["/run/nvidia-persistenced/socket"])
        #expect(files.found.first?.kind == .socket)
        if case .refused = try #require(files.omission("nvidia-fabricmanager/socket")).cause {
        } else {
            Issue.record("taken for absent")
        }
        #expect(try locate(.compute).found.isEmpty)
    }
}
