// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What the kernel module says of the device node of one of its capabilities, `/dev/nvidia-caps/nvidia-cap<minor>`: a MIG
/// instance, or the right to configure MIG. Whoever can open the node has the capability.
///
/// The source is an access file below `/proc/driver/nvidia/capabilities` (nv_cap_procfs_read in
/// kernel-open/nvidia/nv-caps.c).
package struct CapabilityNode: Hashable, Sendable {
    /// Where the kernel module tells of it.
    package var accessFile: ByteString
    package var minor: UInt32
    /// How the node is made where it is missing; `areModifiable` is false where that is not known.
    package var parameters: NodeParameters

    /// The folder of these nodes, and the node in it.
    package static let directory: ByteString = "/dev/nvidia-caps"
    package static func path(minor: UInt32) -> ByteString {
        directory.appending(component: ByteString("nvidia-cap").appending(number: minor))
    }

    /// The kernel's minors have 20 bits.
    static let minorLimit: UInt32 = 1 << 20

    /// A node of which only the number is known.
    init(accessFile: ByteString, minor: UInt32) {
        self.accessFile = accessFile
        self.minor = minor
        parameters = NodeParameters()
        parameters.areModifiable = false
    }

    /// Reads an access file's lines `DeviceFileMinor`, `DeviceFileMode` and `DeviceFileModify` with decimal numbers. Nil
    /// where it has not exactly one minor; it has none where the module was loaded without these nodes
    /// (`nv_cap_enable_devfs=0`).
    init?(accessFile: ByteString, parsing text: ByteString) {
        var minors: [UInt32?] = []
        var permissions: UInt32?
        var isModifiable = false
        KeyValueLines(text).forEach { key, value in
            let number = ByteString(Array(value)).decimal(as: UInt32.self)
            if key.isEqual(to: "DeviceFileMinor") {
                minors.append(number)
            } else if key.isEqual(to: "DeviceFileMode") {
                permissions = number
            } else if key.isEqual(to: "DeviceFileModify") {
                isModifiable = number == 1
            }
        }
        guard minors.count == 1, let minor = minors[0], minor < Self.minorLimit else { return nil }
        self.init(accessFile: accessFile, minor: minor)
        if let permissions, isModifiable {
            parameters.areModifiable = true
            parameters.permissions = permissions & 0o777
        }
    }
}
