// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux

extension RequestReader {
    /// What else the container asks for. All of it but IMEX channels by mounts is said by its environment, and so is
    /// under the same rule as NVIDIA_VISIBLE_DEVICES.
    mutating func extras(of container: ContainerDescription) throws(Diagnostic) -> RequestedExtras {
        var extras = RequestedExtras()
        let asked = DeviceGate.allCases.filter { container.value(of: $0.variable) == "enabled" }
        if !asked.isEmpty, try accepts(container, asked.map { "\($0.variable)" }.joined(separator: ", ")) {
            extras.gates = asked
        }
        if container.value(of: "NVIDIA_MPS") == "enabled", try accepts(container, "NVIDIA_MPS") { extras.mps = true }
        extras.migAccess = try migAccess(of: container)
        extras.allCSVFiles = container.value(of: "NVIDIA_REQUIRE_JETPACK") == "csv-mounts=all"
        extras.imexChannels = try imexChannels(of: container)
        return extras
    }

    /// To repartition GPUs, or to watch how they are, is for privileged containers only, as in the original.
    private mutating func migAccess(of container: ContainerDescription) throws(Diagnostic) -> [MIGControl] {
        var access: [MIGControl] = []
        for kind in [MIGControl.config, .monitor] {
            guard let list = DeviceList((container.value(of: kind.variable) ?? "").commaSeparatedElements),
                list.content != .none
            else { continue }
            guard container.isPrivileged else {
                throw Diagnostic(
                    .migAccessNotPrivileged, "\(kind.variable) is set in a container that is not privileged",
                    hint: "give the container CAP_SYS_ADMIN, or leave the variable out")
            }
            if try accepts(container, "\(kind.variable)") { access.append(kind) }
        }
        return access
    }

    /// `all` and an image's silence ask for no channel, as in the original; `none` asks for none.
    private mutating func imexChannels(of container: ContainerDescription) throws(Diagnostic) -> [UInt32] {
        if ignoresIMEXChannels { return [] }
        var names = markedIMEXChannels(of: container)
        if names.isEmpty {
            let variable: ByteString = "NVIDIA_IMEX_CHANNELS"
            guard let list = DeviceList((container.value(of: variable) ?? "").commaSeparatedElements),
                case .names(let given) = list.content, try accepts(container, "\(variable)")
            else { return [] }
            names = given
        }
        var channels: [UInt32] = []
        for name in names {
            let number: UInt32? = (name.droppingPrefix("channel") ?? name).decimal()
            guard let number, number <= IMEXChannel.last else {
                throw Diagnostic(
                    .imexChannelMalformed, "\"\(name.abbreviated)\" is not an IMEX channel",
                    hint: "a channel is a number of 0 to \(IMEXChannel.last)")
            }
            if !channels.contains(number) { channels.append(number) }
        }
        return channels
    }
}

extension DeviceGate {
    fileprivate var variable: ByteString {
        switch self {
        case .gds: "NVIDIA_GDS"
        case .mofed: "NVIDIA_MOFED"
        case .gdrcopy: "NVIDIA_GDRCOPY"
        case .nvswitch: "NVIDIA_NVSWITCH"
        }
    }
}

extension MIGControl {
    fileprivate var variable: ByteString {
        switch self {
        case .config: "NVIDIA_MIG_CONFIG_DEVICES"
        case .monitor: "NVIDIA_MIG_MONITOR_DEVICES"
        }
    }
}
