// SPDX-License-Identifier: Apache-2.0

/// The instructions of a cgroup's device program: it gets a `struct bpf_cgroup_dev_ctx` (linux/bpf.h) in register 1 and
/// returns 1 where the access is allowed.
struct DeviceFilter: Equatable {
    let instructions: [BPFInstruction]

    /// A program with these instructions, which are sound as they are.
    init(_ instructions: [BPFInstruction]) { self.instructions = instructions }

    /// What allows what `rules` and this program allow: the rules are asked first, and the rest is as it was.
    ///
    /// The instructions before leave register 1 as it is, and no program can count on what the others hold at its start.
    func allowing(_ rules: [DeviceCgroup.Rule]) -> DeviceFilter {
        let block = rules.flatMap(Self.block)
        guard let count = Int16(exactly: block.count) else {
            // More than a jump can pass over: half of them at a time.
            return allowing(Array(rules[(rules.count / 2)...])).allowing(Array(rules[..<(rules.count / 2)]))
        }
        return DeviceFilter(Self.head(skipping: count) + block + instructions)
    }

    /// Registers while the rules are asked.
    private static let result: UInt8 = 0
    private static let context: UInt8 = 1
    private static let access: UInt8 = 2
    private static let major: UInt8 = 3
    private static let minor: UInt8 = 4
    private static let kind: UInt8 = 5

    /// BPF_DEVCG_DEV_CHAR
    private static let characterDevice: Int32 = 2

    /// Reads the context, and passes over what is for character devices only.
    private static func head(skipping count: Int16) -> [BPFInstruction] {
        [
            // access_type: the kind of the device, and the access in the upper half.
            .load32(access, from: context, offset: 0),
            .load32(major, from: context, offset: 4),
            .load32(minor, from: context, offset: 8),
            .move(kind, access),
            .and(kind, 0xFFFF),
            .shiftRight(access, 16),
            .skip(count, ifNot: characterDevice, kind),
        ]
    }

    private static func block(_ rule: DeviceCgroup.Rule) -> [BPFInstruction] {
        [
            .skip(4, ifNot: Int32(truncatingIfNeeded: rule.major), major),
            .skip(3, ifNot: Int32(truncatingIfNeeded: rule.minor), minor),
            // Any access beyond the rule's, one that the kernel may invent later too.
            .skip(2, ifAnyOf: ~Int32(rule.access.rawValue), in: access),
            .move(result, constant: 1),
            .exit,
        ]
    }
}
