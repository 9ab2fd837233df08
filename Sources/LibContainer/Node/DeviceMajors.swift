// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The character device majors in `/proc/devices` that belong to NVIDIA's drivers.
package struct DeviceMajors: Sendable {
    /// The major that NVIDIA has from LANANA, which `/dev/nvidia0` and `/dev/nvidiactl` have had ever since.
    package static let assignedToNVIDIA: UInt32 = 195

    private var majors: [(name: ByteString, major: UInt32)] = []

    /// Reads the first section, `Character devices:`, of the file's text. Lines of another shape are passed over.
    package init(parsing text: ByteString) {
        for line in text.lines {
            if line == "Block devices:" { break }
            let line = line.trimmed
            guard let space = line.bytes.firstIndex(of: UInt8(ascii: " ")),
                let major = ByteString(Array(line.bytes[..<space])).decimal(as: UInt32.self)
            else { continue }
            let name = ByteString(Array(line.bytes[(space + 1)...])).trimmed
            if name.hasPrefix("nvidia") { majors.append((name, major)) }
        }
    }

    /// The major of the driver registered as `name`, or nil where no such driver is loaded. `nvidia-frontend` is what older
    /// drivers call `nvidia`.
    package subscript(name: ByteString) -> UInt32? {
        if let found = majors.first(where: { $0.name == name }) { return found.major }
        switch name {
        case "nvidia": return majors.first { $0.name == "nvidia-frontend" }?.major
        case "nvidia-frontend": return majors.first { $0.name == "nvidia" }?.major
        default: return nil
        }
    }
}
