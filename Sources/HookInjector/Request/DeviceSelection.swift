// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
internal import Linux

/// Which GPUs of the node a container asks for.
package enum DeviceSelection: Hashable, Sendable {
    /// Every GPU, and of one that is partitioned every MIG device.
    case all
    /// The driver's files and control nodes, but no GPU.
    case driverOnly
    /// These, in the order asked for, each once.
    case devices([DeviceIdentifier])

    /// Reads the names of `list`. One name that is none fails the whole request.
    package init(_ list: DeviceList) throws(Diagnostic) {
        switch list.content {
        case .all: self = .all
        case .none: self = .driverOnly
        case .names(let names):
            var devices: [DeviceIdentifier] = []
            var seen: Set<DeviceIdentifier> = []
            for name in names {
                let device = try DeviceIdentifier(parsing: name)
                if seen.insert(device).inserted { devices.append(device) }
            }
            self = .devices(devices)
        }
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
