// SPDX-License-Identifier: Apache-2.0

package import CDI
package import LibContainer
package import Linux

/// What a container asks for, by whichever channel, under the administrator's settings.
package struct DeviceRequest: Sendable {
    package enum Devices: Hashable, Sendable {
        /// GPUs of this node, found now.
        case gpus(DeviceSelection)
        /// Devices of the CDI specifications on this node; none at all where `none` was asked for.
        case cdi([CDIQualifiedName])
    }

    package var devices: Devices
    package var capabilities: DriverCapabilities
    package var channel: RequestChannel
    /// Whether a node without a GPU starts the container without one.
    package var isOptional = false
    package var requirements = RequirementList()
    package var extras = RequestedExtras()

    package init(devices: Devices, capabilities: DriverCapabilities, channel: RequestChannel) {
        self.devices = devices
        self.capabilities = capabilities
        self.channel = channel
    }
}

/// What a container with GPUs can ask for beside them.
package struct RequestedExtras: Hashable, Sendable {
    /// Numbers of IMEX channels (NVIDIA_IMEX_CHANNELS or marker mounts).
    package var imexChannels: [UInt32] = []
    /// NVIDIA_GDS, NVIDIA_MOFED, NVIDIA_GDRCOPY, NVIDIA_NVSWITCH
    package var gates: [DeviceGate] = []
    /// NVIDIA_MIG_CONFIG_DEVICES, NVIDIA_MIG_MONITOR_DEVICES
    package var migAccess: [MIGControl] = []
    /// NVIDIA_MPS: the pipe directory of the host's MPS daemon. Ours; the original has no way to ask.
    package var mps = false
    /// Where that directory is.
    package var mpsDirectory = DriverRoot.usualMPSDirectory
    /// NVIDIA_REQUIRE_JETPACK: every CSV file of a Tegra system and not only the base ones.
    package var allCSVFiles = false

    package init() {}
}

extension DeviceRequest: CustomStringConvertible {
    package var description: String {
        let names: String
        switch devices {
        case .gpus(let selection): names = selection.description
        case .cdi(let devices): names = devices.isEmpty ? "none" : devices.map(\.description).joined(separator: ",")
        }
        return "devices \(names)\(isOptional ? " (optional)" : ""), capabilities \(capabilities), by \(channel)"
    }
}
