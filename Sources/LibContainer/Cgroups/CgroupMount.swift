// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A mount of a hierarchy of cgroups, as `/proc/PID/mountinfo` has it (proc_pid_mountinfo(5)).
struct CgroupMount: Equatable {
    enum Hierarchy: String {
        /// Version 1, with the controller `devices`.
        case devices
        /// Version 2.
        case unified
    }

    let hierarchy: Hierarchy
    /// The cgroup that is mounted, as a path from the root of our cgroup namespace: `/`, or another one for a bind mount
    /// and in a container, and with `/..` at its start for one outside the namespace.
    let root: ByteString
    let mountPoint: ByteString

    /// The mounts of the two hierarchies among those in the file's text, in its order. Lines of another shape are passed
    /// over.
    static func all(in text: ByteString) -> [CgroupMount] {
        text.lines.compactMap { line in
            // Most lines of a node that runs many containers are others.
            line.range(of: " - cgroup") == nil ? nil : CgroupMount(parsing: line)
        }
    }

    /// Reads `ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [FIELD...] - TYPE SOURCE SUPEROPTIONS`.
    private init?(parsing line: ByteString) {
        let fields = line.split(separator: UInt8(ascii: " "))
        // Optional fields are words with a colon, so the first lone dash is what ends them.
        guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), fields.count == dash + 4
        else { return nil }
        switch fields[dash + 1] {
        case "cgroup2": hierarchy = .unified
        case "cgroup" where fields[dash + 3].split(separator: UInt8(ascii: ",")).contains("devices"):
            hierarchy = .devices
        default: return nil
        }
        guard fields[3].isAbsolutePath, fields[4].isAbsolutePath else { return nil }
        root = fields[3].unescapingOctals
        mountPoint = fields[4].unescapingOctals
    }

    /// The path below the mount point of the cgroup `path` (of `/proc/PID/cgroup`): absolute, `/` for the mounted cgroup
    /// itself. Nil where this mount does not show it.
    func pathInMount(of path: ByteString) -> ByteString? {
        if root == "/" { return path }
        guard let rest = path.droppingPrefix(root) else { return nil }
        return rest.isEmpty ? "/" : rest.isAbsolutePath ? rest : nil
    }
}

extension ByteString {
    /// Whether the path of a cgroup leads out of the cgroup namespace of who reads it (cgroup_namespaces(7)).
    var isOutsideCgroupNamespace: Bool { self == "/.." || hasPrefix("/../") }

    /// With `\040` and the like, by which the kernel writes blanks, line feeds and backslashes in its tables of mounts
    /// (mangle_path), turned into their bytes.
    fileprivate var unescapingOctals: ByteString {
        guard bytes.contains(UInt8(ascii: "\\")) else { return self }
        var result: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let escaped = Self.octal(rest.prefix(3)) {
                result.append(escaped)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return ByteString(result)
    }

    private static func octal(_ digits: ArraySlice<UInt8>) -> UInt8? {
        guard digits.count == 3 else { return nil }
        var value: UInt = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { return nil }
            value = value << 3 | UInt(digit - UInt8(ascii: "0"))
        }
        return UInt8(exactly: value)
    }
}
