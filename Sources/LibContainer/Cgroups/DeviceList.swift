// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// What a version 1 cgroup allows (`devices.list`).
struct DeviceList {
    private struct Entry {
        /// For `a` the kernel prints `*:*`, and for the other kinds `*` where any number is meant.
        let isForAllKinds: Bool
        let major: UInt32?
        let minor: UInt32?
        let access: DeviceCgroup.Access
    }

    /// Those that say something of character devices.
    private var entries: [Entry] = []

    /// Reads lines such as `c 195:* rw`. Those of another shape are passed over, so that nothing is taken for allowed that
    /// is not.
    init(parsing text: ByteString) {
        for line in text.lines {
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count == 3, fields[0] == "a" || fields[0] == "c" else { continue }
            let numbers = fields[1].split(separator: UInt8(ascii: ":"))
            guard numbers.count == 2 else { continue }
            let major = numbers[0].decimal(as: UInt32.self)
            let minor = numbers[1].decimal(as: UInt32.self)
            guard major != nil || numbers[0] == "*", minor != nil || numbers[1] == "*",
                let access = DeviceCgroup.Access(letters: fields[2])
            else { continue }
            entries.append(Entry(isForAllKinds: fields[0] == "a", major: major, minor: minor, access: access))
        }
    }

    /// Whether one line allows all of the rule; the kernel does not put lines together (match_exception).
    func allows(_ rule: DeviceCgroup.Rule) -> Bool {
        entries.contains { entry in
            (entry.major ?? rule.major) == rule.major && (entry.minor ?? rule.minor) == rule.minor
                && entry.access.isSuperset(of: rule.access)
        }
    }

    /// What the line for just the rule's device allows: the kernel has one at most, and adds access to it.
    func accessOfSingleDevice(_ rule: DeviceCgroup.Rule) -> DeviceCgroup.Access {
        entries.reduce(into: []) { access, entry in
            if !entry.isForAllKinds, entry.major == rule.major, entry.minor == rule.minor {
                access.formUnion(entry.access)
            }
        }
    }
}

extension DeviceCgroup.Access {
    /// Nil where there is another letter than `r`, `w` and `m`.
    fileprivate init?(letters: ByteString) {
        self = []
        for letter in letters.bytes {
            switch letter {
            case UInt8(ascii: "r"): insert(.read)
            case UInt8(ascii: "w"): insert(.write)
            case UInt8(ascii: "m"): insert(.makeNode)
            default: return nil
            }
        }
    }
}
