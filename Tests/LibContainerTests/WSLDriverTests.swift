// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

private let stores = "/usr/lib/wsl/drivers"
private let store = "\(stores)/nv_dispi.inf_amd64_0a1b2c3d4e5f6071"

@Suite(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) struct WSLDriverTests {
    let tree: DiscoveryTree

    init() throws {
        tree = try DiscoveryTree()
        try tree.text("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n")
        try tree.text("/proc/misc", "126 udmabuf\n127 dxg\n  1 psaux\n")
    }

    func library(_ path: String, soname: String?) throws {
        var image = ELFImage()
        image.soname = soname
        try tree.file(path, image.bytes, mode: 0o555)
    }

    func addStore(_ path: String = store) throws {
        try library("\(path)/libcuda.so.1.1", soname: "libcuda.so.1")
        try library("\(path)/libcuda_loader.so", soname: "libcuda.so.1")
        try library("\(path)/libnvidia-ml.so.1", soname: "libnvidia-ml.so.1")
        try library("\(path)/libnvidia-ml_loader.so", soname: "libnvidia-ml.so.1")
        try library("\(path)/libnvidia-ptxjitcompiler.so.1", soname: "libnvidia-ptxjitcompiler.so.1")
        try library("\(path)/libnvdxgdmal.so.1", soname: "libnvdxgdmal.so.1")
        for name in ["nvcubins.bin", "libnvoptix.so.1", "nvoptix.bin", "nvwgf2umx.dll", "nv_dispi.inf", "nvcpl.exe"] {
            try tree.file("\(path)/\(name)", mode: 0o555)
        }
        try tree.file("\(path)/nvidia-smi", mode: 0o555)
    }

    /// A PC with an Intel and an NVIDIA GPU.
    func addAll() throws {
        try tree.node("/dev/dxg", 10, 127)
        try library("/usr/lib/wsl/lib/libdxcore.so", soname: "libdxcore.so")
        for name in ["1394.inf_amd64_1", "iigd_dch.inf_amd64_51f685305808e3a5", "nvhda.inf_amd64_2"] {
            try tree.text("\(stores)/\(name)/\(name)", "")
        }
        try tree.text("\(stores)/iigd_dch.inf_amd64_51f685305808e3a5/libigd12dxva64.so", "")
        try addStore()
    }

    func locate(_ capabilities: DriverCapabilities = .default) throws -> WSLInventory {
        try WSLDriver.locate(for: capabilities, in: tree.root(), devices: tree.devices())
    }

    @Test func whatAContainerGets() throws {
        try addAll()
        let inventory = try locate()
        #expect(inventory.store == ByteString(store))
        #expect(inventory.nodes.nodes.map { "\($0.path) \($0.major):\($0.minor)" } == ["/dev/dxg 10:127"])
        #expect(
            inventory.files.map { "\($0.containerPath)" + ($0.soname.isEmpty ? "" : " [\($0.soname)]") } == [
                "/usr/lib/wsl/lib/libdxcore.so [libdxcore.so]", "\(store)/libcuda.so.1.1",
                "\(store)/libcuda_loader.so [libcuda.so.1]",
                "\(store)/libnvidia-ptxjitcompiler.so.1 [libnvidia-ptxjitcompiler.so.1]",
                "\(store)/libnvidia-ml.so.1 [libnvidia-ml.so.1]", "\(store)/libnvidia-ml_loader.so",
                "\(store)/libnvdxgdmal.so.1 [libnvdxgdmal.so.1]", "\(store)/nvcubins.bin", "\(store)/nvidia-smi",
                "\(store)/libnvoptix.so.1", "\(store)/nvoptix.bin", "\(store)/nvwgf2umx.dll",
            ])
        #expect(
            inventory.files.flatMap(\.links).map { "\($0.path) -> \($0.target)" } == [
                "\(store)/libcuda.so.1 -> libcuda_loader.so", "/usr/bin/nvidia-smi -> \(store)/nvidia-smi",
            ])
        #expect(inventory.files.allSatisfy { $0.hostPath == tree.bytes + $0.containerPath })
        #expect(inventory.omissions.isEmpty)
    }

    @Test func whatIsMissingAndNotNeeded() throws {
        try addAll()
        for name in ["nvidia-smi", "libnvdxgdmal.so.1"] {
            try FileManager.default.removeItem(atPath: tree.host("\(store)/\(name)"))
        }
        try tree.file("\(store)/libnvidia-ptxjitcompiler.so.1", Array("text".utf8))
        let inventory = try locate()
        #expect(
            inventory.omissions == [
                Omission(
                    name: "libnvidia-ptxjitcompiler.so.1",
                    cause: .refused("\(tree.path)\(store)/libnvidia-ptxjitcompiler.so.1: not an ELF file")),
                Omission(name: "libnvdxgdmal.so.1", cause: .notFound(searched: [ByteString(store)])),
                Omission(name: "nvidia-smi", cause: .notFound(searched: [ByteString(store)])),
            ])
    }

    /// Windows keeps old packages: the one in use is where its loader for CUDA comes from.
    @Test func severalPackages() throws {
        try addAll()
        let other = "\(stores)/nvltwi.inf_amd64_ffff"
        try addStore(other)
        func setTime(_ path: String, _ seconds: Int) throws {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: TimeInterval(seconds))], ofItemAtPath: tree.host(path))
        }
        // Of two that say nothing, the newer; of two of an age, the last by name.
        for path in [store, other] {
            try setTime("\(path)/libcuda.so.1.1", 1_700_000_000)
            try setTime("\(path)/libcuda_loader.so", 1_700_000_000)
        }
        #expect(try locate().store == ByteString(other))
        try setTime("\(store)/libcuda.so.1.1", 1_700_000_001)
        #expect(try locate().store == ByteString(store))
        // And the loader that Windows has put into place decides against both.
        try tree.file(
            "/usr/lib/wsl/lib/libcuda.so.1.1",
            [UInt8](#require(FileManager.default.contents(atPath: tree.host("\(other)/libcuda_loader.so")))))
        try setTime("/usr/lib/wsl/lib/libcuda.so.1.1", 1_600_000_000)
        #expect(try locate().store == ByteString(store))
        try setTime("\(other)/libcuda_loader.so", 1_600_000_000)
        let inventory = try locate()
        #expect(inventory.store == ByteString(other))
        #expect(inventory.omissions.map(\.name) == [ByteString(store)])
    }

    @Test func aPackageWithAnotherName() throws {
        try addAll()
        let renamed = "\(stores)/6_lenovo_disp.inf_amd64_1"
        try FileManager.default.moveItem(atPath: tree.host(store), toPath: tree.host(renamed))
        #expect(try locate().store == ByteString(renamed))
    }

    // P26, each cause by itself.

    @Test func noDevice() throws {
        #expect(throws: WSLError.noDevice(release: "5.15.153.1-microsoft-standard-WSL2", isServed: true)) {
            try locate()
        }
        try tree.text("/proc/misc", "126 udmabuf\n")
        #expect(throws: WSLError.noDevice(release: "5.15.153.1-microsoft-standard-WSL2", isServed: false)) {
            try locate()
        }
        try tree.text("/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n")
        #expect(throws: WSLError.versionOne(release: "4.4.0-19041-Microsoft")) { try locate() }
    }

    @Test func anotherDeviceInItsPlace() throws {
        try addAll()
        try FileManager.default.removeItem(atPath: tree.host("/dev/dxg"))
        try tree.node("/dev/dxg", 1, 1)
        #expect(
            throws: WSLError.unsuitableDevice(found: "character device 1:1", expected: "character device 10:127")
        ) { try locate() }
        try FileManager.default.removeItem(atPath: tree.host("/dev/dxg"))
        try tree.node("/dev/real", 10, 127)
        try tree.link("/dev/dxg", to: "real")
        #expect(throws: WSLError.unsuitableDevice(found: "no device", expected: "a character device")) {
            try locate()
        }
        // A kernel that does not tell the number is believed.
        try FileManager.default.removeItem(atPath: tree.host("/dev/dxg"))
        try tree.node("/dev/dxg", 10, 60)
        try tree.text("/proc/misc", "")
        #expect(try locate().nodes.nodes.map(\.minor) == [60])
    }

    @Test func noLibrariesOfWindows() throws {
        try tree.node("/dev/dxg", 10, 127)
        #expect(throws: WSLError.noDXCore(reason: "it does not exist")) { try locate() }
        try library("/usr/lib/wsl/lib/libdxcore.so", soname: "libdxcore.so")
        #expect(throws: WSLError.noStores(reason: "it does not exist")) { try locate() }
        try tree.directory(stores)
        #expect(throws: WSLError.noStores(reason: "it is empty")) { try locate() }
    }

    @Test func otherVendorsOnly() throws {
        try addAll()
        try FileManager.default.removeItem(atPath: tree.host(store))
        try tree.directory("\(stores)/u0420529.inf_amd64_94ad5a6c4d1a04e2")
        try tree.directory("\(stores)/nvmedisk.inf_amd64_1")
        let error = WSLError.noNVIDIAStore(
            count: 5, displays: ["iigd_dch.inf_amd64_51f685305808e3a5", "u0420529.inf_amd64_94ad5a6c4d1a04e2"])
        #expect(throws: error) { try locate() }
        #expect(
            error.description
                == "/dev/dxg is there, but none of 5 driver packages in /usr/lib/wsl/drivers is NVIDIA's; "
                + "iigd_dch.inf_amd64_51... (Intel), u0420529.inf_amd64_94... (AMD)")
    }

    @Test func anOldDriver() throws {
        try addAll()
        try FileManager.default.removeItem(atPath: tree.host("\(store)/libcuda.so.1.1"))
        let error = WSLError.driverTooOld(stores: ["nv_dispi.inf_amd64_0a1b2c3d4e5f6071"])
        #expect(throws: error) { try locate() }
        #expect(error.description.hasSuffix("no libcuda.so.1.1 in nv_dispi.inf_amd64_0a... (NVIDIA)"))
    }

    @Test func aDriverThatCanNotBeUsed() throws {
        try addAll()
        try tree.file("\(store)/libcuda.so.1.1", Array("no library".utf8))
        #expect {
            try locate()
        } throws: {
            guard case .unusableStore(ByteString(store), _) = $0 as? WSLError else { return false }
            return "\($0)".contains("libcuda.so.1.1: not an ELF file")
        }
        #expect(chmod(tree.host("\(store)/libcuda.so.1.1"), 0o666) == 0)
        #expect {
            try locate()
        } throws: {
            "\($0)".contains("can be changed by every user")
        }
    }

    @Test func descriptionsAreShort() {
        let long = ByteString(String(repeating: "é", count: 2000))
        let errors: [WSLError] = [
            .versionOne(release: long), .noDevice(release: long, isServed: true),
            .noDevice(release: long, isServed: false), .unsuitableDevice(found: "no device", expected: "x"),
            .noDXCore(reason: "it does not exist"), .noStores(reason: "it is empty"),
            .noNVIDIAStore(count: 16384, displays: [long, "nv" + long, long]), .noNVIDIAStore(count: 0, displays: []),
            .driverTooOld(stores: ["nv" + long, "nv" + long, long]),
            .unusableStore(store: long, reason: String(repeating: "x", count: 1000)),
        ]
        for error in errors {
            #expect(error.description.count <= 200, "\(error)")
            #expect(!error.hint.isEmpty && !error.description.contains("\n") && !error.description.hasSuffix("."))
        }
    }
}
