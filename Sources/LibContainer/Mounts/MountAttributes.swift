// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Linux

/// What a mount does not allow.
package struct MountAttributes: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let readOnly = MountAttributes(rawValue: 1)
    package static let noSetID = MountAttributes(rawValue: 2)
    package static let noDevices = MountAttributes(rawValue: 4)
    package static let noExecution = MountAttributes(rawValue: 8)

    /// From the options of a bind mount in a config.json (runtime-spec, config.md, "Linux mount options"). Nil where one of
    /// them is another than those for attributes, for binding and for keeping the mount private.
    package init?(options: [ByteString]) {
        self = []
        for option in options {
            switch option {
            case "ro": insert(.readOnly)
            case "nosuid": insert(.noSetID)
            case "nodev": insert(.noDevices)
            case "noexec": insert(.noExecution)
            case "bind", "rbind", "private", "rprivate", "rw": continue
            default: return nil
            }
        }
    }

    /// As mount_setattr(2) and fsmount(2) have them.
    var attributeBits: UInt32 {
        var bits = 0 as CInt
        if contains(.readOnly) { bits |= CLX_MOUNT_ATTR_RDONLY }
        if contains(.noSetID) { bits |= CLX_MOUNT_ATTR_NOSUID }
        if contains(.noDevices) { bits |= CLX_MOUNT_ATTR_NODEV }
        if contains(.noExecution) { bits |= CLX_MOUNT_ATTR_NOEXEC }
        return UInt32(bits)
    }

    /// As mount(2) has them.
    var mountFlags: UInt64 {
        var flags = 0 as CInt
        if contains(.readOnly) { flags |= CLX_MS_RDONLY }
        if contains(.noSetID) { flags |= CLX_MS_NOSUID }
        if contains(.noDevices) { flags |= CLX_MS_NODEV }
        if contains(.noExecution) { flags |= CLX_MS_NOEXEC }
        return UInt64(flags)
    }
}
