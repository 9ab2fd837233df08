// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux

@testable import LibContainer

extension DiscoveryTree {
    /// Makes what `line` says: `f PATH [TEXT]`, `d PATH`, `l PATH TARGET` or `c MAJOR:MINOR PATH`.
    func make(_ line: String) throws {
        let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        switch words[0] {
        case "f": try text(words[1], words.count > 2 ? words[2] : "")
        case "d": try directory(words[1])
        case "l": try link(words[1], to: words[2])
        case "c":
            let numbers = words[1].split(separator: ":").compactMap { UInt32($0) }
            try node(words[2], numbers[0], numbers[1])
        default: throw LinuxError("make", ByteString(line), code: EINVAL)
        }
    }

    /// `/proc/driver/nvidia/gpus/<bus id>` of one GPU.
    func gpu(_ busID: String, model: String, minor: Int) throws {
        try text(
            "/proc/driver/nvidia/gpus/\(busID)/information",
            "Model: \t\t \(model)\nGPU UUID: \t \(Self.uuid(minor))\nDevice Minor: \t \(minor)\n")
    }

    static func uuid(_ minor: Int) -> String {
        "GPU-5171a7ed-0000-4000-8000-0000000000\(minor < 10 ? "0" : "")\(minor)"
    }

    var kernel: KernelDriver { KernelDriver(procPath: bytes + "/proc", sysPath: bytes + "/sys") }

    /// The tree as a dev root, with a /proc/devices if it has none.
    func devices() throws -> DeviceNodes {
        if !FileManager.default.fileExists(atPath: host("/proc/devices")) {
            try file("/proc/devices", nodeFixture("devices/modern"))
        }
        return try DeviceNodes(root: RootDirectory(opening: bytes), kernel: kernel)
    }

    func root() throws -> DriverRoot { try DriverRoot(opening: bytes) }
}

/// The values in a JSON file of `testdata`.
func jsonFixture<Value: Decodable>(
    _ name: String, as type: Value.Type = Value.self, file: String = #filePath
) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(ScratchRoot.testData(name, file: file)))
}
