// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
package import LibContainer
package import Linux

extension DriverCapabilities {
    /// Reads the value of NVIDIA_DRIVER_CAPABILITIES. Unset and empty mean `utility,compute`, `all` means everything
    /// that is `supported` (the administrator's `supported-driver-capabilities`).
    package init(parsing value: ByteString, supported: DriverCapabilities) throws(Diagnostic) {
        let names = value.commaSeparatedElements
        if names.isEmpty {
            self = supported.intersection(.default)
            return
        }
        try self.init(names: names, supported: supported)
    }

    /// Those that `value` asks for by their names; `all` is no name of one.
    init(namedIn value: ByteString, supported: DriverCapabilities) throws(Diagnostic) {
        try self.init(names: value.commaSeparatedElements.filter { $0 != "all" }, supported: supported)
    }

    private init(names: [ByteString], supported: DriverCapabilities) throws(Diagnostic) {
        var capabilities = DriverCapabilities(rawValue: 0)
        for name in names {
            if name == "all" {
                capabilities.formUnion(supported)
            } else if let capability = Self.named.first(where: { $0.name == name })?.capability {
                guard supported.contains(capability) else {
                    throw Diagnostic(
                        .capabilityNotSupported,
                        "NVIDIA_DRIVER_CAPABILITIES asks for \"\(name)\", which this node does not allow",
                        hint: "allowed are \(supported); see supported-driver-capabilities in config.toml")
                }
                capabilities.formUnion(capability)
            } else {
                throw Diagnostic(
                    .capabilityUnknown,
                    "NVIDIA_DRIVER_CAPABILITIES has the unknown capability \"\(name.abbreviated)\"",
                    hint: "allowed are all, \(supported)")
            }
        }
        self = capabilities
    }

    /// Reads the value of the administrator's `setting`.
    package init(configured value: ByteString, setting: String) throws(Diagnostic) {
        var capabilities = DriverCapabilities(rawValue: 0)
        for name in value.commaSeparatedElements {
            if name == "all" {
                capabilities = .all
            } else if let capability = Self.named.first(where: { $0.name == name })?.capability {
                capabilities.formUnion(capability)
            } else {
                throw Diagnostic(
                    .settingsCapabilities, "\(setting) has the unknown capability \"\(name.abbreviated)\"",
                    hint: "allowed are all, \(DriverCapabilities.all)")
            }
        }
        self = capabilities
    }
}

extension DriverCapabilities: CustomStringConvertible {
    /// The names, separated by commas.
    package var description: String {
        Self.named.filter { contains($0.capability) }.map(\.name.description).joined(separator: ",")
    }
}
