// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Which GPUs a container asks for: the value of NVIDIA_VISIBLE_DEVICES.
package enum DeviceSelection: Hashable, Sendable {
    /// Every GPU of the node.
    case all
    /// The driver's files and control nodes, but no GPU.
    case driverOnly
    /// These, in the order asked for, each once.
    case devices([DeviceIdentifier])

    /// Reads the value of NVIDIA_VISIBLE_DEVICES. Returns nil where the container is to be left alone: the value is
    /// empty or has `void` in it.
    ///
    /// As in the original, elements are separated by commas, blanks around them don't count, empty ones are skipped,
    /// and the first of `all` and `none` decides. Unlike there, a device named twice is one device, and `none` never
    /// means all.
    package init?(parsing value: ByteString) throws(InjectionError) {
        guard Self.isMade(by: value) else { return nil }
        let names = value.commaSeparatedElements
        if let keyword = names.first(where: { $0 == "all" || $0 == "none" }) {
            self = keyword == "all" ? .all : .driverOnly
            return
        }
        var devices: [DeviceIdentifier] = []
        var seen: Set<DeviceIdentifier> = []
        for name in names {
            let device = try DeviceIdentifier(parsing: name)
            if seen.insert(device).inserted { devices.append(device) }
        }
        self = .devices(devices)
    }

    /// Whether `value` asks for anything: it has an element, and none is `void`.
    static func isMade(by value: ByteString) -> Bool {
        let names = value.commaSeparatedElements
        return !names.isEmpty && !names.contains("void")
    }
}

extension DeviceSelection: CustomStringConvertible {
    package var description: String {
        switch self {
        case .all: "all"
        case .driverOnly: "none"
        case .devices(let devices): devices.map(\.description).joined(separator: ",")
        }
    }
}
