// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The character device majors in `/proc/devices` that belong to NVIDIA's drivers and to those that work with them.
package struct DeviceMajors: Sendable {
    /// The major that NVIDIA has from LANANA, which `/dev/nvidia0` and `/dev/nvidiactl` have had ever since.
    package static let assignedToNVIDIA: UInt32 = 195

    /// GDRCopy's module and the verbs of RDMA.
    private static let others: [ByteString] = ["gdrdrv", "infiniband_verbs"]
    private static let prefix: ByteString = "nvidia"
    private static let nextSection: ByteString = "Block devices:"

    private struct Driver {
        let name: ByteString
        let major: UInt32
    }

    private var drivers: [Driver] = []

    /// Reads the first section, `Character devices:`, of the file's text. Lines of another shape are passed over.
    package init(parsing text: ByteString) {
        for line in text.lines {
            if line == Self.nextSection { break }
            let line = line.trimmed
            guard let space = line.bytes.firstIndex(of: UInt8(ascii: " ")),
                let major = ByteString(Array(line.bytes[..<space])).decimal(as: UInt32.self)
            else { continue }
            let name = ByteString(Array(line.bytes[(space + 1)...])).trimmed
            if name.hasPrefix(Self.prefix) || Self.others.contains(name) {
                drivers.append(Driver(name: name, major: major))
            }
        }
    }

    /// The major of the driver registered as `name`, or nil where no such driver is loaded. `nvidia-frontend` is what older
    /// drivers call `nvidia`.
    package subscript(name: ByteString) -> UInt32? {
        if let found = drivers.first(where: { $0.name == name }) { return found.major }
        switch name {
        case "nvidia": return drivers.first { $0.name == "nvidia-frontend" }?.major
        case "nvidia-frontend": return drivers.first { $0.name == "nvidia" }?.major
        default: return nil
        }
    }

    /// All majors of a driver that can have several.
    func all(of name: ByteString) -> [UInt32] { drivers.filter { $0.name == name }.map(\.major) }
}
