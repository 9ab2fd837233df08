// SPDX-License-Identifier: Apache-2.0

package import Linux

/// How the kernel module wants its device nodes: the module parameters `NVreg_ModifyDeviceFiles`, `NVreg_DeviceFileMode`,
/// `NVreg_DeviceFileUID` and `NVreg_DeviceFileGID` as `/proc/driver/nvidia/params` shows them.
package struct NodeParameters: Hashable, Sendable {
    /// Whether programs may make and change the nodes.
    package var areModifiable = true
    /// Permission bits.
    package var permissions: UInt32 = 0o666
    package var owner: UInt32 = 0
    package var group: UInt32 = 0

    package init() {}

    /// Reads lines of `Key: decimal`. A key that is missing or has no such value keeps the module's default.
    package init(parsing text: ByteString) {
        var parameters = NodeParameters()
        KeyValueLines(text).forEach { key, value in
            guard let value = ByteString(Array(value)).decimal(as: UInt32.self) else { return }
            if key.isEqual(to: "ModifyDeviceFiles") {
                parameters.areModifiable = value != 0
            } else if key.isEqual(to: "DeviceFileMode") {
                parameters.permissions = value & 0o777
            } else if key.isEqual(to: "DeviceFileUID") {
                parameters.owner = value
            } else if key.isEqual(to: "DeviceFileGID") {
                parameters.group = value
            }
        }
        self = parameters
    }

    /// The text of `params` with the one line changed that lets programs make and change device nodes; nil where there is
    /// no such line.
    static func withoutModification(_ text: ByteString) -> ByteString? {
        let (enabled, disabled) = ("ModifyDeviceFiles: 1" as ByteString, "ModifyDeviceFiles: 0" as ByteString)
        let lines = text.lines
        guard lines.contains(enabled) else { return nil }
        return ByteString(lines.flatMap { ($0 == enabled ? disabled : $0).bytes + [UInt8(ascii: "\n")] })
    }
}
