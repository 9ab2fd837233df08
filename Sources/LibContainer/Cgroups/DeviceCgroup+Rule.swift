// SPDX-License-Identifier: Apache-2.0

extension DeviceCgroup {
    /// What a process may do with a device; the bits are those of the kernel's `BPF_DEVCG_ACC_*`.
    package struct Access: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let makeNode = Access(rawValue: 1)
        package static let read = Access(rawValue: 2)
        package static let write = Access(rawValue: 4)
        static let all: Access = [.makeNode, .read, .write]

        /// `rwm`, or what there is of it.
        var letters: String {
            (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.makeNode) ? "m" : "")
        }
    }

    /// A character device that a container's processes may open.
    package struct Rule: Hashable, Sendable {
        package let major: UInt32
        package let minor: UInt32
        package let access: Access

        /// MINORBITS of include/linux/kdev_t.h, and what is left of a dev_t's 32 bits.
        private static let limits: (major: UInt32, minor: UInt32) = (1 << 12, 1 << 20)

        /// Without the right to make nodes, which a container that gets its nodes does not need, by default.
        ///
        /// Throws `noSuchDevice` for numbers that no device can have: 4294967295 is the wildcard of the kernel's
        /// security/device_cgroup.c.
        package init(major: UInt32, minor: UInt32, access: Access = [.read, .write]) throws(CgroupError) {
            guard major < Self.limits.major, minor < Self.limits.minor else {
                throw .noSuchDevice(major: major, minor: minor)
            }
            self.major = major
            self.minor = minor
            self.access = access
        }

        private init(_ rule: Rule, access: Access) {
            major = rule.major
            minor = rule.minor
            self.access = access
        }

        /// The same device with other access.
        func with(_ access: Access) -> Rule { Rule(self, access: access) }
    }
}

extension DeviceCgroup.Rule: CustomStringConvertible {
    /// As `devices.allow` reads it: `c 195:0 rw`.
    package var description: String { "c \(major):\(minor) \(access.letters)" }
}
