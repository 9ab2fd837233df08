// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

/// The extended program, run by an interpreter.
@Suite struct DeviceFilterTests {
    /// As a low-level runtime sets them: nodes may be made, and the usual devices opened.
    private static let usual: [ModelRule] = [
        ModelRule(isCharacter: true, access: .makeNode), ModelRule(isCharacter: false, access: .makeNode),
        ModelRule(isCharacter: true, major: 1, minor: 3), ModelRule(isCharacter: true, major: 136),
        ModelRule(isCharacter: true, major: 195, minor: 9, access: .read),
        ModelRule(isCharacter: true, major: 10, minor: 200, isAllowed: false),
        ModelRule(isCharacter: true, major: 10, access: [.read]),
    ]

    private static func wanted() throws -> [DeviceCgroup.Rule] {
        [
            try DeviceCgroup.Rule(major: 195, minor: 0), try DeviceCgroup.Rule(major: 195, minor: 255),
            try DeviceCgroup.Rule(major: 510, minor: 1, access: .read),
            try DeviceCgroup.Rule(major: 10, minor: 200, access: .write),
        ]
    }

    private static func access(
        _ major: UInt32, _ minor: UInt32, _ access: DeviceCgroup.Access, isCharacter: Bool = true
    ) -> DeviceAccess { DeviceAccess(isCharacter: isCharacter, major: major, minor: minor, access: access) }

    static let decisions: [(DeviceAccess, before: Bool, after: Bool)] = [
        // Allowed before.
        (access(1, 3, [.read, .write]), true, true), (access(136, 7, .write), true, true),
        (access(1, 8, .makeNode), true, true), (access(195, 9, .read), true, true),
        // Newly allowed, all of it and parts.
        (access(195, 0, [.read, .write]), false, true), (access(195, 0, .read), false, true),
        (access(195, 0, .write), false, true), (access(195, 255, [.read, .write]), false, true),
        (access(510, 1, .read), false, true), (access(10, 200, .write), false, true),
        // Refused: more than the rule, other numbers, block devices, parts of two rules.
        (access(195, 0, .all), false, false), (access(195, 0, [.read, .makeNode]), false, false),
        (access(510, 1, .write), false, false), (access(510, 1, [.read, .write]), false, false),
        (access(195, 1, .read), false, false), (access(194, 0, .read), false, false),
        (access(1, 8, .read), false, false),
        (access(195, 0, .read, isCharacter: false), false, false), (access(10, 200, .read), false, false),
        (access(195, 9, [.read, .write]), false, false), (access(195 | 1 << 31, 0, .read), false, false),
        // Nothing wanted of it: access(2) with F_OK and the like.
        (access(195, 0, []), true, true), (access(10, 200, [], isCharacter: false), true, true),
    ]

    @Test(arguments: ProgramShape.allCases, decisions)
    func decides(shape: ProgramShape, decision: (access: DeviceAccess, before: Bool, after: Bool)) throws {
        let before = shape.program(Self.usual)
        let after = before.allowing(try Self.wanted())
        #expect(try BPFInterpreter.allows(before, decision.access) == decision.before)
        #expect(try BPFInterpreter.allows(after, decision.access) == decision.after)
    }

    /// For random rules, allowed is what was allowed, and what the new rules allow.
    @Test func isTheUnion() throws {
        var random = SeededGenerator(seed: 42)
        var newlyAllowed = 0
        for _ in 0..<400 {
            let old = (0..<Int.random(in: 0..<12, using: &random)).map { _ in Self.anyRule(&random) }
            var rules: [DeviceCgroup.Rule] = []
            for _ in 0..<Int.random(in: 0..<12, using: &random) {
                rules.append(
                    try DeviceCgroup.Rule(
                        major: Self.number(&random), minor: Self.number(&random),
                        access: DeviceCgroup.Access(rawValue: .random(in: 0..<8, using: &random))))
            }
            let program = (ProgramShape.allCases.randomElement(using: &random) ?? .runc).program(old)
            let extended = program.allowing(rules)
            // Once more, as it is with several prestart hooks.
            let twice = extended.allowing(rules.reversed())
            for _ in 0..<100 {
                let access = DeviceAccess(
                    isCharacter: .random(using: &random), major: Self.number(&random), minor: Self.number(&random),
                    access: DeviceCgroup.Access(rawValue: .random(in: 0..<8, using: &random)))
                let before = ProgramShape.allows(old, access)
                let added =
                    access.isCharacter
                    && rules.contains {
                        $0.major == access.major && $0.minor == access.minor && $0.access.isSuperset(of: access.access)
                    }
                #expect(try BPFInterpreter.allows(program, access) == before)
                #expect(try BPFInterpreter.allows(extended, access) == (before || added), "\(access)")
                #expect(try BPFInterpreter.allows(twice, access) == (before || added), "\(access)")
                if added, !before { newlyAllowed += 1 }
            }
        }
        #expect(newlyAllowed > 100)
    }

    private static func number(_ random: inout SeededGenerator) -> UInt32 {
        [0, 1, 2, 195, 255, 4095][Int.random(in: 0..<6, using: &random)]
    }

    private static func anyRule(_ random: inout SeededGenerator) -> ModelRule {
        ModelRule(
            isCharacter: [true, false, nil].randomElement(using: &random) ?? nil,
            major: Bool.random(using: &random) ? number(&random) : nil,
            minor: Bool.random(using: &random) ? number(&random) : nil,
            access: DeviceCgroup.Access(rawValue: .random(in: 1..<8, using: &random)),
            isAllowed: .random(using: &random))
    }

    /// More rules than a jump can pass over.
    @Test func manyRules() throws {
        var rules: [DeviceCgroup.Rule] = []
        for minor in 0..<20_000 as Range<UInt32> { rules.append(try DeviceCgroup.Rule(major: 195, minor: minor)) }
        let filter = ProgramShape.runc.program([]).allowing(rules)
        for minor in [0, 1, 6_553, 9_999, 10_000, 19_999] as [UInt32] {
            #expect(try BPFInterpreter.allows(filter, Self.access(195, minor, .read)))
        }
        #expect(try !BPFInterpreter.allows(filter, Self.access(195, 20_000, .read)))
        #expect(try !BPFInterpreter.allows(filter, Self.access(195, 1, .read, isCharacter: false)))
    }

    /// What the kernel shows of a program is what was loaded, but for what its verifier adds.
    @Test func additionsOfTheKernelAreTakenBack() throws {
        let program = ProgramShape.crun.program(Self.usual)
        #expect(try DeviceFilter(readBack: program.instructions) == program)
        // A marked zero extension after 32-bit arithmetic, and the same without its mark.
        let marked = [BPFInstruction(0xBC, destination: 2, source: 2, immediate: 1)] + program.instructions
        let plain = [BPFInstruction(0xBC, destination: 2, source: 2)] + program.instructions
        #expect(try DeviceFilter(readBack: marked) == DeviceFilter(plain))
    }

    /// With net.core.bpf_jit_harden, `if r4 != 195` is `r11 = X; r11 ^= Y; if r4 != r11`.
    @Test func hiddenConstantsAreRestored() throws {
        let ways: [(move: UInt8, exclusiveOr: UInt8, user: UInt8, plain: UInt8)] = [
            (0xB7, 0xA7, 0x5D, 0x55), (0xB4, 0xA4, 0x5E, 0x56), (0xB7, 0xA7, 0x1F, 0x17), (0xB4, 0xA4, 0xBC, 0xB4),
        ]
        for constant in [195, 0, -1, .min, .max] as [Int32] {
            for way in ways {
                let hidden: [BPFInstruction] = [
                    BPFInstruction(way.move, destination: 11, immediate: constant ^ 0x1234_5678),
                    BPFInstruction(way.exclusiveOr, destination: 11, immediate: 0x1234_5678),
                    BPFInstruction(way.user, destination: 4, source: 11, offset: 2),
                ]
                let plain = BPFInstruction(way.plain, destination: 4, offset: 2, immediate: constant)
                let filter = try DeviceFilter(readBack: hidden + [.exit])
                #expect(filter.instructions == [.nothing, .nothing, plain, .exit])
            }
        }
        // `r0 = 0` is `r0 ^= r0`; that of two registers is what it says.
        let exclusiveOr = [BPFInstruction(0xAF, destination: 2, source: 3), BPFInstruction(0xAC), .exit]
        #expect(
            try DeviceFilter(readBack: exclusiveOr).instructions == [exclusiveOr[0], .move(0, constant: 0), .exit])
    }

    /// What else the kernel does with its register.
    @Test func hiddenConstantsOfOtherInstructions() {
        let move = BPFInstruction(0xB7, destination: 11, immediate: 5)
        let exclusiveOr = BPFInstruction(0xA7, destination: 11, immediate: 6)
        let use = BPFInstruction(0x5D, destination: 4, source: 11)
        let programs: [[BPFInstruction]] = [
            [move, exclusiveOr, BPFInstruction(0x7B, destination: 10, source: 11, offset: -8)], [move, use], [use],
            [exclusiveOr, move, use], [move, exclusiveOr], [move, BPFInstruction(0xA4, destination: 11), use],
            [move, exclusiveOr, BPFInstruction(0x5E, destination: 4, source: 11)],
            [move, exclusiveOr, BPFInstruction(0x0F, destination: 11, source: 11)],
        ]
        for program in programs {
            #expect(throws: DeviceFilter.Obstacle.constants) { try DeviceFilter(readBack: program + [.exit]) }
        }
    }

    static let obstacles: [(BPFInstruction, DeviceFilter.Obstacle)] = [
        // A helper; a function of the program; one of the kernel; a tail call.
        (BPFInstruction(0x85, immediate: 7), .calls), (BPFInstruction(0x85, source: 1, immediate: 3), .calls),
        (BPFInstruction(0x85, source: 2, immediate: 3), .calls), (BPFInstruction(0xF5), .unknown),
        // A map by its descriptor, a value in one.
        (BPFInstruction(0x18, destination: 1, source: 1, immediate: 5), .maps),
        (BPFInstruction(0x18, destination: 1, source: 2, immediate: 5), .maps),
        // may_goto; a barrier; an atomic addition; packet data; a probe; register 12.
        (BPFInstruction(0xE5, offset: 1), .unknown), (BPFInstruction(0xC2), .unknown),
        (BPFInstruction(0xDB, destination: 10, source: 1), .unknown), (BPFInstruction(0x20), .unknown),
        (BPFInstruction(0x21), .unknown), (BPFInstruction(0xBF, destination: 12), .unknown),
    ]

    @Test(arguments: obstacles)
    func whatCanNotBeLoadedAgain(instruction: BPFInstruction, obstacle: DeviceFilter.Obstacle) {
        #expect(throws: obstacle) { try DeviceFilter(readBack: [instruction, .move(0, constant: 1), .exit]) }
    }

    /// The second half of a 64-bit constant is no instruction, whatever it looks like.
    @Test func longConstants() throws {
        let program = [
            BPFInstruction(0x18, destination: 3, immediate: 0x85), BPFInstruction(rawValue: 0x0000_0085_0000_0000),
            .move(0, constant: 1), .exit,
        ]
        #expect(try DeviceFilter(readBack: program).instructions == program)
        #expect(try DeviceFilter(readBack: [BPFInstruction(0x18, destination: 3)]).instructions.count == 1)
        #expect(try DeviceFilter(readBack: []).instructions.isEmpty)
    }

    /// Never traps, and what it takes is fit to be loaded.
    @Test func hostilePrograms() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<5_000 {
            let words = (0..<Int.random(in: 0..<20, using: &random)).map { _ in
                BPFInstruction(rawValue: random.next() & (Bool.random(using: &random) ? .max : 0xFFFF_FFFF_FFFF_55FF))
            }
            if let filter = try? DeviceFilter(readBack: words) { #expect(filter.instructions.count == words.count) }
        }
    }

    @Test func instructionsAreLaidOutAsTheKernelHasThem() {
        let instruction = BPFInstruction(0x55, destination: 4, source: 3, offset: -2, immediate: -195)
        #expect(instruction.rawValue == 0xFFFF_FF3D_FFFE_3455)
        #expect(instruction.code == 0x55 && instruction.destination == 4 && instruction.source == 3)
        #expect(instruction.offset == -2 && instruction.immediate == -195)
        #expect(instruction.class == .jump)
        #expect(BPFInstruction.exit.rawValue == 0x95)
    }
}
