// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Where a process is in the cgroup hierarchies that can decide on devices (`/proc/PID/cgroup`, cgroups(7)).
struct CgroupMembership: Equatable {
    /// The path in the hierarchy of the version 1 controller `devices`.
    private(set) var devices: ByteString?
    /// The path in the version 2 hierarchy.
    private(set) var unified: ByteString?

    /// Reads the file's text, lines of `ID:CONTROLLERS:PATH`. A path may have colons; the kernel allows no line feed in it.
    /// Lines of another shape are passed over, and the first of a kind counts.
    init(parsing text: ByteString) {
        for line in text.lines {
            let fields = line.bytes.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].first == UInt8(ascii: "/") else { continue }
            let controllers = ByteString(fields[1])
            if controllers.isEmpty {
                if fields[0].elementsEqual([UInt8(ascii: "0")]), unified == nil { unified = ByteString(fields[2]) }
            } else if devices == nil, controllers.split(separator: UInt8(ascii: ",")).contains("devices") {
                devices = ByteString(fields[2])
            }
        }
    }
}
