// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

extension MIGControl {
    /// Reads a value of `--mig-config` or `--mig-monitor`: `all` and nothing else, as in libnvidia-container.
    func take(_ value: ByteString, in controls: inout [MIGControl]) throws(Interruption) {
        for element in value.split(separator: UInt8(ascii: ",")) where !element.isEmpty {
            guard element.lowercased == "all" else {
                throw .invalid(
                    Failure(area, "\(element.abbreviated): only 'all' devices are currently supported"))
            }
            if !controls.contains(self) { controls.append(self) }
            return
        }
    }

    /// The option that asks for it.
    var option: String {
        switch self {
        case .config: "mig-config"
        case .monitor: "mig-monitor"
        }
    }

    var area: Failure.Area {
        switch self {
        case .config: .migConfig
        case .monitor: .migMonitor
        }
    }
}

extension [UInt32] {
    /// Reads a value of `--imex-channel`: numbers separated by commas.
    mutating func takeIMEXChannels(_ value: ByteString) throws(Interruption) {
        for element in value.split(separator: UInt8(ascii: ",")) where !element.isEmpty {
            guard let number = element.decimal(as: UInt32.self), number <= IMEXChannel.last else {
                throw .invalid(
                    Failure(
                        .imex, "invalid IMEX channel: \(element.abbreviated)",
                        hint: "a channel is a number of 0 to \(IMEXChannel.last)"))
            }
            if !contains(number) { append(number) }
        }
    }
}
