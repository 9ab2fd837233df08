// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite struct KernelDriverTests {
    let tree: DiscoveryTree
    let driver: KernelDriver

    init() throws {
        tree = try DiscoveryTree()
        driver = KernelDriver(procPath: tree.bytes.appending(component: "proc"), sysPath: tree.bytes + "/sys")
    }

    static let versions: [(fixture: String, version: ByteString)] = [
        ("535.261.03", "535.261.03"), ("570.86.15-open", "570.86.15"), ("580.95.05-open-aarch64", "580.95.05"),
        ("565.77-open-two-numbers", "565.77"), ("595.71.05-open-one-space", "595.71.05"),
        ("470.256.02-crlf", "470.256.02"),
    ]

    @Test(arguments: versions) func versionOf(fixture: String, expected: ByteString) throws {
        try tree.file("/proc/driver/nvidia/version", nodeFixture("version/\(fixture)"))
        #expect(try driver.version() == expected)
    }

    @Test func theModuleIsNotLoaded() throws {
        try tree.directory("/proc")
        let path = tree.bytes + "/proc/driver/nvidia/version"
        #expect(throws: DriverError.moduleNotLoaded(path: path)) { try driver.version() }
        #expect(throws: DriverError.moduleNotLoaded(path: path)) { try driver.gpus() }
        let error = DriverError.moduleNotLoaded(path: "/proc/driver/nvidia/version")
        #expect(
            error.description
                == "NVIDIA kernel module is not loaded: /proc/driver/nvidia/version does not exist")
        #expect(error.hint.contains("modprobe nvidia"))
    }

    /// P-06: whatever is in the file, or in its place, the reader comes back with an error.
    @Test(arguments: ["empty", "binary", "no version", "path", "huge", "FIFO", "directory"])
    func versionOfABrokenFile(_ kind: String) throws {
        let path = "/proc/driver/nvidia/version"
        switch kind {
        case "empty": try tree.file(path)
        case "binary": try tree.file(path, (0...255).map { UInt8($0) })
        case "no version": try tree.text(path, "NVRM version: NVIDIA UNIX x86_64 Kernel Module\n")
        case "path": try tree.text(path, "NVRM version: NVIDIA UNIX x86_64 Kernel Module  ../..  535..1 5a5.1\n")
        case "huge":
            try tree.file(path)
            #expect(truncate(tree.host(path), 1 << 30) == 0)
        case "FIFO": try tree.fifo(path)
        default: try tree.directory(path)
        }
        #expect(throws: DriverError.self) { try driver.version() }
    }

    func information(_ busID: String, _ fixture: String, replacing: [(String, String)] = []) throws {
        var text = String(decoding: try nodeFixture("information/\(fixture)"), as: UTF8.self)
        for (old, new) in replacing { text = text.replacingOccurrences(of: old, with: new) }
        try tree.text("/proc/driver/nvidia/gpus/\(busID)/information", text)
    }

    @Test func oneGPU() throws {
        try information("0000:07:00.0", "a100")
        let inventory = try driver.gpus()
        #expect(
            inventory.gpus == [
                GPU(
                    index: 0, uuid: "GPU-12345678-1234-1234-1234-1234567800af", minor: 3, busID: "0000:07:00.0",
                    model: "NVIDIA A100-SXM4-40GB")
            ])
        #expect(inventory.omissions.isEmpty)
    }

    @Test func carriageReturnsDoNotMatter() throws {
        try information("0000:07:00.0", "crlf")
        #expect(try driver.gpus().gpus.first?.minor == 3)
        #expect(try driver.gpus().gpus.first?.model == "NVIDIA A100-SXM4-40GB")
    }

    /// NVML's order is the bus's, in which 10000 comes after ffff, and neither the directory's nor the minors'.
    @Test func gpusAreInBusOrder() throws {
        let busIDs = ["10000:01:00.0", "0000:bd:00.0", "ffff:01:00.0", "0000:0f:00.0", "0000:0f:00.1", "0000:07:10.0"]
        for (minor, busID) in busIDs.enumerated() {
            try information(busID, "a100", replacing: [("Device Minor: \t 3", "Device Minor: \t \(minor)")])
        }
        let gpus = try driver.gpus().gpus
        #expect(
            gpus.map(\.busID) == [
                "0000:07:10.0", "0000:0f:00.0", "0000:0f:00.1", "0000:bd:00.0", "ffff:01:00.0", "10000:01:00.0",
            ])
        #expect(gpus.map(\.minor) == [5, 3, 4, 1, 2, 0])
        #expect(gpus.map(\.index) == [0, 1, 2, 3, 4, 5])
    }

    @Test func aDomainOfEightDigitsIsTheSameBus() throws {
        try information("00000000:0F:00.0", "a100")
        #expect(try driver.gpus().gpus.first?.busID == "0000:0f:00.0")
    }

    /// One bad GPU must not hurt the others, nor move their indices.
    @Test func unusableGPUsKeepTheirIndex() throws {
        try information("0000:01:00.0", "lost")
        try information("0000:02:00.0", "a100")
        try information("0000:03:00.0", "empty")
        try information("0000:04:00.0", "without-minor")
        try tree.directory("/proc/driver/nvidia/gpus/0000:05:00.0")
        try information("0000:06:00.0", "a100", replacing: [("Device Minor: \t 3", "Device Minor: \t -1")])
        try information("0000:07:00.0", "a100", replacing: [("Device Minor: \t 3", "Device Minor: \t 9")])
        try tree.directory("/proc/driver/nvidia/gpus/not a bus id")
        let inventory = try driver.gpus()
        #expect(inventory.gpus.map(\.index) == [1, 6])
        #expect(inventory.gpus.map(\.minor) == [3, 9])
        #expect(inventory.unusable.map(\.index) == [0, 2, 3, 4, 5])
        #expect(inventory.unusable.first?.reason.contains("fallen off the bus") == true)
        #expect(inventory.omissions.count == 5)
    }

    @Test func aGPUThatIsNotInitialisedHasNoUUIDYet() throws {
        try information("0000:02:03.0", "not-initialised")
        let inventory = try driver.gpus()
        #expect(inventory.gpus.map(\.minor) == [0])
        #expect(inventory.gpus.first?.uuid == "")
        #expect(inventory.omissions.map(\.name) == ["0000:02:03.0"])
    }

    /// NVML does not count GPUs that NVreg_ExcludedGpus takes out.
    @Test func excludedGPUsHaveNoIndex() throws {
        try information("0000:01:00.0", "excluded")
        try information("0000:02:00.0", "a100")
        let inventory = try driver.gpus()
        #expect(inventory.gpus.map(\.index) == [0])
        #expect(inventory.gpus.map(\.busID) == ["0000:02:00.0"])
        #expect(inventory.unusable.isEmpty)
    }

    @Test func aModuleWithoutGPUs() throws {
        try tree.file("/proc/driver/nvidia/version", nodeFixture("version/535.261.03"))
        #expect(try driver.gpus().gpus.isEmpty)
    }

    /// P-06
    @Test func hugeInformationIsUnusable() throws {
        try information("0000:01:00.0", "empty")
        #expect(truncate(tree.host("/proc/driver/nvidia/gpus/0000:01:00.0/information"), 1 << 30) == 0)
        #expect(try driver.gpus().unusable.count == 1)
    }

    static let majors: [(fixture: String, name: ByteString, major: UInt32?)] = [
        ("modern", "nvidia", 195), ("modern", "nvidia-frontend", 195), ("modern", "nvidia-modeset", 195),
        ("modern", "nvidia-uvm", 510), ("modern", "nvidia-caps", 511), ("modern", "nvidia-caps-imex-channels", 507),
        ("modern", "nvidia-block", nil), ("frontend", "nvidia", 195), ("frontend", "nvidia-frontend", 195),
        ("frontend", "nvidia-modeset", nil), ("frontend", "nvidia-uvm", 237), ("without-uvm", "nvidia-uvm", nil),
    ]

    @Test(arguments: majors) func majorOfDriver(fixture: String, name: ByteString, major: UInt32?) throws {
        try tree.file("/proc/devices", nodeFixture("devices/\(fixture)"))
        #expect(try driver.majors()[name] == major)
    }

    @Test func nodeParameters() throws {
        #expect(driver.nodeParameters() == NodeParameters())
        try tree.file("/proc/driver/nvidia/params", nodeFixture("params/default"))
        #expect(driver.nodeParameters() == NodeParameters())
        try tree.file("/proc/driver/nvidia/params", nodeFixture("params/not-modifiable"))
        #expect(!driver.nodeParameters().areModifiable)
        try tree.file("/proc/driver/nvidia/params", nodeFixture("params/group-video"))
        #expect(driver.nodeParameters().permissions == 0o660)
        #expect(driver.nodeParameters().group == 44)
        try tree.text("/proc/driver/nvidia/params", "DeviceFileMode: 4294967295\nDeviceFileUID: 99999999999\n")
        #expect(driver.nodeParameters().permissions == 0o777)
        #expect(driver.nodeParameters().owner == 0)
    }

    @Test func drmNodes() throws {
        let gpu = GPU(index: 0, uuid: "", minor: 0, busID: "0000:07:00.0", model: "")
        #expect(try driver.drmNodes(of: gpu) == [])
        for name in ["renderD128", "card1", "controlD65", "card1-DP-1", "cardboard", "version"] {
            try tree.directory("/sys/bus/pci/devices/0000:07:00.0/drm/\(name)")
        }
        #expect(try driver.drmNodes(of: gpu) == ["card1", "renderD128"])
    }

    /// Whatever bytes the kernel's files hold, the parsers come to an end without a trap.
    @Test func mutatedFilesDoNotTrap() throws {
        var generator = FixedGenerator(state: 1)
        let seeds = try [
            nodeFixture("information/a100"), nodeFixture("devices/modern"), nodeFixture("params/default"),
            nodeFixture("version/535.261.03"),
        ]
        for _ in 0..<2000 {
            guard var bytes = seeds.randomElement(using: &generator) else { continue }
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                let position = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[position] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
            let text = ByteString(bytes)
            let majors = DeviceMajors(parsing: text)
            #expect((majors["nvidia-uvm"] ?? 0) >= 0)
            #expect(NodeParameters(parsing: text).permissions <= 0o777)
            guard let address = PCIAddress("0000:07:00.0") else { continue }
            if case .usable(let gpu) = GPUInformation(parsing: text).gpu(index: 0, address: address) {
                #expect(gpu.uuid.isEmpty || gpu.uuid.count == 40)
            }
            _ = PCIAddress(text)
        }
    }
}
