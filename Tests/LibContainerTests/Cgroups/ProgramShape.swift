// SPDX-License-Identifier: Apache-2.0

@testable import LibContainer

/// A rule of a device cgroup as low-level runtimes have them; nil is a wildcard.
struct ModelRule {
    var isCharacter: Bool?
    var major: UInt32?
    var minor: UInt32?
    var access: DeviceCgroup.Access = .all
    var isAllowed = true

    func matches(_ wanted: DeviceAccess) -> Bool {
        (isCharacter ?? wanted.isCharacter) == wanted.isCharacter && (major ?? wanted.major) == wanted.major
            && (minor ?? wanted.minor) == wanted.minor && access.isSuperset(of: wanted.access)
    }
}

/// How those who attach device programs lay them out: a head that reads the context, a block for each rule that is passed
/// over where the rule does not match, and an end for what no rule is about.
enum ProgramShape: CaseIterable {
    /// libcontainer/cgroups/devices/devicefilter.go: the kind is a 16-bit load, constants are moved with 32 bits.
    case runc
    /// src/libcrun/ebpf.c
    case crun
    /// src/core/bpf-devices.c: blocks jump to one end.
    case systemd

    /// What the program decides, by the first rule that matches.
    static func allows(_ rules: [ModelRule], _ access: DeviceAccess) -> Bool {
        rules.first { $0.matches(access) }?.isAllowed ?? false
    }

    func program(_ rules: [ModelRule]) -> DeviceFilter {
        // The first rule without conditions ends the program: what follows would be unreachable.
        let last = rules.firstIndex {
            $0.isCharacter == nil && $0.major == nil && $0.minor == nil && $0.access == .all
        }
        let kept = rules.prefix((last ?? rules.count) + 1)
        let end = last == nil ? [move(0, 0)] + [.exit] : []
        var blocks: [BPFInstruction] = []
        if self == .systemd {
            // The end: deny; jump; allow: exit.
            let tail = [move(0, 0), jump(1), move(0, 1), .exit]
            for rule in kept.reversed() {
                let distance = Int16(blocks.count) + (rule.isAllowed ? 2 : 0)
                blocks = conditions(rule, skipping: 1) + [jump(distance)] + blocks
            }
            return DeviceFilter(head + blocks + tail)
        }
        for rule in kept { blocks += conditions(rule, skipping: 2) + [move(0, rule.isAllowed ? 1 : 0), .exit] }
        return DeviceFilter(head + blocks + end)
    }

    private var head: [BPFInstruction] {
        let kind: [BPFInstruction] =
            self == .runc
            ? [BPFInstruction(0x69, destination: 2, source: 1)]
            : [.load32(2, from: 1, offset: 0), BPFInstruction(0x54, destination: 2, immediate: 0xFFFF)]
        return kind + [
            .load32(3, from: 1, offset: 0), BPFInstruction(0x74, destination: 3, immediate: 16),
            .load32(4, from: 1, offset: 4), .load32(5, from: 1, offset: 8),
        ]
    }

    /// In the order of all three: kind, access, numbers.
    private func conditions(_ rule: ModelRule, skipping length: Int16) -> [BPFInstruction] {
        var result: [BPFInstruction] = []
        var skip = length
        if let minor = rule.minor { result.insert(.skip(skip, ifNot: Int32(minor), 5), at: 0) }
        skip = length + Int16(result.count)
        if let major = rule.major { result.insert(.skip(skip, ifNot: Int32(major), 4), at: 0) }
        skip = length + Int16(result.count)
        if rule.access != .all {
            result.insert(
                contentsOf: [
                    BPFInstruction(0xBC, destination: 1, source: 3),
                    BPFInstruction(0x54, destination: 1, immediate: Int32(rule.access.rawValue)),
                    BPFInstruction(0x5D, destination: 1, source: 3, offset: skip),
                ], at: 0)
        }
        skip = length + Int16(result.count)
        if let isCharacter = rule.isCharacter { result.insert(.skip(skip, ifNot: isCharacter ? 2 : 1, 2), at: 0) }
        return result
    }

    private func move(_ register: UInt8, _ constant: Int32) -> BPFInstruction {
        BPFInstruction(self == .runc ? 0xB4 : 0xB7, destination: register, immediate: constant)
    }

    private func jump(_ count: Int16) -> BPFInstruction { BPFInstruction(0x05, offset: count) }
}
