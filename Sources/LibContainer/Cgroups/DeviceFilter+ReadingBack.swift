// SPDX-License-Identifier: Apache-2.0

extension DeviceFilter {
    /// Why a program that the kernel shows can't be loaded again.
    enum Obstacle: String, Error {
        case calls = "it calls functions of the kernel, whose numbers the kernel does not show"
        case maps = "it uses a map"
        case constants = "the kernel has hidden its constants (sysctl net.core.bpf_jit_harden) beyond recovery"
        case unknown = "it has instructions that only the kernel can write"
    }

    /// The program as the kernel shows it, that is as its verifier left it (kernel/bpf/verifier.c), made fit to be loaded
    /// again.
    ///
    /// For this type of program the verifier does not rewrite what it reads from its context, and dead instructions that it
    /// removed are not missed. What it adds is not always accepted from us. Where the processor needs it, a `w1 = w1` after
    /// 32-bit arithmetic is marked by an immediate value of 1. And with net.core.bpf_jit_harden constants are hidden
    /// (`restoringConstants`).
    init(readBack instructions: [BPFInstruction]) throws(Obstacle) {
        let restored = Self.restoringConstants(instructions)
        var index = 0
        while index < restored.count {
            try Self.check(restored[index])
            index += restored[index].code == BPFInstruction.loadConstantCode ? 2 : 1
        }
        self.init(restored.map(Self.withoutMark))
    }

    private static func check(_ instruction: BPFInstruction) throws(Obstacle) {
        switch instruction.class {
        case .arithmetic32, .arithmetic64: break
        case .jump, .jump32:
            if instruction.operation == BPFInstruction.callOperation { throw .calls }
            // What follows are jumps of the kernel, to other programs and out of loops.
            if instruction.operation >= 0xE0 { throw .unknown }
        case .loadFromRegister, .store, .storeRegister:
            if instruction.mode != BPFInstruction.memoryMode { throw .unknown }
        case .load:
            guard instruction.code == BPFInstruction.loadConstantCode else { throw .unknown }
            if instruction.source != 0 { throw .maps }
        }
        let register = max(instruction.source, instruction.destination)
        if register == BPFInstruction.kernelRegister { throw .constants }
        if register > BPFInstruction.kernelRegister { throw .unknown }
    }

    private static func withoutMark(_ instruction: BPFInstruction) -> BPFInstruction {
        let isMarked = instruction.code == BPFInstruction.move32Code && instruction.immediate == 1
        guard isMarked else { return instruction }
        return BPFInstruction(instruction.code, destination: instruction.destination, source: instruction.source)
    }

    /// The program with the constants that the kernel hid (bpf_jit_blind_constants of kernel/bpf/core.c).
    ///
    /// It writes `if r4 != 195` as `r11 = X; r11 ^= Y; if r4 != r11`, where X ^ Y is 195 and register 11 its own. As many
    /// instructions are left, since there are jumps over them: two that do nothing, which the verifier removes. 0 is
    /// hidden as `r0 ^= r0`, which the verifier takes from nobody else where nothing is in the register.
    private static func restoringConstants(_ instructions: [BPFInstruction]) -> [BPFInstruction] {
        var result = instructions
        for index in result.indices {
            if result[index].isExclusiveOrWithItself {
                result[index] = .move(result[index].destination, constant: 0)
            }
            guard index >= 2, let constant = hiddenConstant(result[index - 2], result[index - 1], usedBy: result[index])
            else { continue }
            result[index - 2] = .nothing
            result[index - 1] = .nothing
            result[index] = result[index].with(constant: constant)
        }
        return result
    }

    private static func hiddenConstant(
        _ move: BPFInstruction, _ exclusiveOr: BPFInstruction, usedBy user: BPFInstruction
    ) -> Int32? {
        let register = BPFInstruction.kernelRegister
        guard move.destination == register, exclusiveOr.destination == register else { return nil }
        let is32Bits: Bool
        switch (move.code, exclusiveOr.code) {
        case (0xB7, 0xA7): is32Bits = false
        case (0xB4, 0xA4): is32Bits = true
        default: return nil
        }
        let users: [BPFInstruction.Class] = is32Bits ? [.arithmetic32, .jump32] : [.arithmetic64, .jump]
        guard users.contains(user.class), user.takesRegister, user.source == register, user.destination < register
        else { return nil }
        return move.immediate ^ exclusiveOr.immediate
    }
}
