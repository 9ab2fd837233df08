// SPDX-License-Identifier: Apache-2.0

package import LibContainer
package import Linux

/// What a container asks for.
package struct DeviceRequest: Hashable, Sendable {
    /// Who says so. Environment variables are the only channel read today; the others have their own trust and order.
    package enum Origin: Hashable, Sendable {
        /// The environment variable of that name.
        case environment(ByteString)
    }

    package var selection: DeviceSelection
    package var capabilities: DriverCapabilities
    package var origin: Origin

    package init(selection: DeviceSelection, capabilities: DriverCapabilities, origin: Origin) {
        self.selection = selection
        self.capabilities = capabilities
        self.origin = origin
    }

    private static let devicesVariable: ByteString = "NVIDIA_VISIBLE_DEVICES"
    private static let capabilitiesVariable: ByteString = "NVIDIA_DRIVER_CAPABILITIES"

    /// The words that must stand somewhere in a config.json that asks for a GPU; a file without them needs no parsing.
    package static let triggers: [StaticString] = ["NVIDIA_VISIBLE_DEVICES"]

    /// Whether a container with this environment asks for anything, good or bad: what can be known before the
    /// administrator's settings are.
    package static func isMade(by environment: [ByteString]) -> Bool {
        guard let value = environment.value(of: devicesVariable) else { return false }
        return DeviceSelection.isMade(by: value)
    }

    /// Reads the container's environment (`process.env`, entries `NAME=VALUE`; of two with one name the last counts,
    /// as it does for the process). `supported` is what the administrator allows. Returns nil where no GPU is asked
    /// for.
    package init?(
        environment: [ByteString], supported: DriverCapabilities = .all
    ) throws(InjectionError) {
        guard let value = environment.value(of: Self.devicesVariable),
            let selection = try DeviceSelection(parsing: value)
        else { return nil }
        self.init(
            selection: selection,
            capabilities: try DriverCapabilities(
                parsing: environment.value(of: Self.capabilitiesVariable) ?? "", supported: supported),
            origin: .environment(Self.devicesVariable))
    }
}

extension [ByteString] {
    /// The value of the last entry `NAME=…`.
    fileprivate func value(of name: ByteString) -> ByteString? {
        last { $0.hasPrefix(name) && $0.bytes.dropFirst(name.count).first == UInt8(ascii: "=") }
            .map { ByteString($0.bytes.dropFirst(name.count + 1)) }
    }
}
