// SPDX-License-Identifier: Apache-2.0

import CLinux
import Linux
import Testing

@testable import LibContainer

/// What decides how something is mounted, without mounting it.
struct MountDataTests {
    @Test func attributesOfOptions() {
        let rows: [(options: [ByteString], attributes: MountAttributes?)] = [
            (["ro", "nosuid", "nodev", "rbind", "rprivate"], [.readOnly, .noSetID, .noDevices]),
            (["nosuid", "nodev", "rbind", "rprivate", "noexec"], [.noSetID, .noDevices, .noExecution]),
            (["bind", "rw"], []), ([], []), (["bind", "relatime"], nil), (["rshared"], nil), (["RO"], nil), ([""], nil),
        ]
        for row in rows { #expect(MountAttributes(options: row.options) == row.attributes, "\(row.options)") }
    }

    @Test func attributesAsTheKernelHasThem() {
        let all: MountAttributes = [.readOnly, .noSetID, .noDevices, .noExecution]
        #expect(all.attributeBits == 0xF && all.mountFlags == 0xF)
        #expect(MountAttributes.noDevices.attributeBits == UInt32(CLX_MOUNT_ATTR_NODEV))
        #expect(MountAttributes.noSetID.mountFlags == UInt64(CLX_MS_NOSUID))
    }

    /// S-17. The optional fields end at a dash; a path can look like one of them.
    @Test(
        arguments: [
            ("36 35 98:0 / /mnt rw shared:7 - ext4 /dev/sda rw", "shared:7"),
            ("36 35 98:0 / /mnt rw shared:7 master:1 - ext4 /dev/sda rw", "shared:7"),
            ("36 35 98:0 / /mnt rw master:1 shared:8 - ext4 /dev/sda rw", "shared:8"),
            ("36 35 98:0 / /mnt rw master:1 propagate_from:2 - ext4 /dev/sda rw", nil),
            ("36 35 98:0 / /mnt rw - shared:7 shared:7 rw", nil), ("36 35 98:0 shared:7 shared:8 rw - ext4 x rw", nil),
            ("36 35", nil), ("", nil),
        ] as [(ByteString, ByteString?)])
    func peerGroup(line: ByteString, group: ByteString?) { #expect(SharedMounts.peerGroup(in: line) == group) }

    @Test(
        arguments: [
            (
                "Mobile: 0\nModifyDeviceFiles: 1\nDeviceFileUID: 0\n",
                "Mobile: 0\nModifyDeviceFiles: 0\nDeviceFileUID: 0\n"
            ),
            ("ModifyDeviceFiles: 1", "ModifyDeviceFiles: 0\n"), ("ModifyDeviceFiles: 0\n", nil), ("", nil),
            ("ModifyDeviceFiles: 11\n", nil), (" ModifyDeviceFiles: 1\n", nil), ("XModifyDeviceFiles: 1\n", nil),
        ] as [(ByteString, ByteString?)])
    func parametersThatForbidNodes(text: ByteString, changed: ByteString?) {
        #expect(NodeParameters.withoutModification(text) == changed)
    }
}
