// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux

@testable import LibContainer

/// Whether this process may make device nodes: as root, in CI, it may.
let canMakeNodes: Bool = {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("mknod-\(UUID().uuidString)").path
    guard mknod(path, S_IFCHR | 0o600, makeDevice(195, 0)) == 0 else { return false }
    unlink(path)
    return true
}()

/// makedev(3), which is a macro.
private func makeDevice(_ major: UInt32, _ minor: UInt32) -> dev_t {
    let (major, minor) = (UInt64(major), UInt64(minor))
    return dev_t((major & 0xFFF) << 8 | (minor & 0xFF) | (minor & ~0xFF) << 12)
}

extension DiscoveryTree {
    /// What can stand where a device node should be (P-08).
    static let impostors = [
        "regular file", "symbolic link", "block device", "FIFO", "directory", "socket", "other major", "other minor",
    ]

    func node(_ path: String, _ major: UInt32, _ minor: UInt32, kind: mode_t = S_IFCHR, mode: mode_t = 0o666) throws {
        try directory((path as NSString).deletingLastPathComponent)
        guard mknod(host(path), kind | mode, makeDevice(major, minor)) == 0, chmod(host(path), mode) == 0
        else { throw LinuxError.last("mknod", ByteString(path)) }
    }

    /// Puts one of `impostors` in the place of the node `major`:`minor`.
    func impostor(_ kind: String, at path: String, _ major: UInt32, _ minor: UInt32) throws {
        switch kind {
        case "regular file": try file(path)
        case "symbolic link":
            try node(path + ".real", major, minor)
            try link(path, to: (path as NSString).lastPathComponent + ".real")
        case "block device": try node(path, major, minor, kind: S_IFBLK)
        case "FIFO": try fifo(path)
        case "directory": try directory(path)
        case "socket": try socket(path)
        case "other major": try node(path, 1, minor)
        default: try node(path, major, minor + 1)
        }
    }

    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: host(path)) }

    /// The minor that the kernel module gives an instance (nv_cap_assign_minors in kernel-open/nvidia/nv-caps.c).
    static func capabilityMinor(gpu: UInt32, _ gpuInstance: UInt32, _ computeInstance: UInt32? = nil) -> UInt32 {
        let base = 3 + (gpu * 15 + gpuInstance) * 9
        return computeInstance.map { base + 1 + $0 } ?? base
    }

    static func access(minor: UInt32, mode: UInt32 = 0o444, modify: UInt32 = 1) -> String {
        "DeviceFileMinor: \(minor)\nDeviceFileMode: \(mode)\nDeviceFileModify: \(modify)\n"
    }

    /// The folder of a GPU's instances.
    static func instances(gpu: UInt32) -> String { "/proc/driver/nvidia/capabilities/gpu\(gpu)/mig" }

    /// A GPU instance with its compute instances, as the kernel module shows them.
    func instance(gpu: UInt32, _ gpuInstance: UInt32, _ computeInstances: [UInt32]) throws {
        let folder = Self.instances(gpu: gpu) + "/gi\(gpuInstance)"
        try text(folder + "/access", Self.access(minor: Self.capabilityMinor(gpu: gpu, gpuInstance)))
        for number in computeInstances {
            try text(
                folder + "/ci\(number)/access",
                Self.access(minor: Self.capabilityMinor(gpu: gpu, gpuInstance, number)))
        }
    }

    /// The whole of `mig-minors`.
    static let migMinors: String = {
        var text = "config 1\nmonitor 2\n"
        for gpu in UInt32(0)..<32 {
            for gpuInstance in UInt32(0)..<15 {
                text += "gpu\(gpu)/gi\(gpuInstance)/access \(capabilityMinor(gpu: gpu, gpuInstance))\n"
                for number in UInt32(0)..<8 {
                    let minor = capabilityMinor(gpu: gpu, gpuInstance, number)
                    text += "gpu\(gpu)/gi\(gpuInstance)/ci\(number)/access \(minor)\n"
                }
            }
        }
        return text
    }()
}
