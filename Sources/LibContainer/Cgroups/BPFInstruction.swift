// SPDX-License-Identifier: Apache-2.0

/// An instruction of eBPF (Documentation/bpf/standardization/instruction-set.rst), as bpf(2) has it in 64 bits.
struct BPFInstruction: Hashable, Sendable {
    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    /// `destination` and `source` are registers, 4 bits each.
    init(_ code: UInt8, destination: UInt8 = 0, source: UInt8 = 0, offset: Int16 = 0, immediate: Int32 = 0) {
        let registers = UInt64(destination & 0xF) | UInt64(source & 0xF) << 4
        rawValue =
            UInt64(code) | registers << 8 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: immediate)) << 32
    }

    var code: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    var destination: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) & 0xF }
    var source: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 12) & 0xF }
    var offset: Int16 { Int16(truncatingIfNeeded: rawValue >> 16) }
    var immediate: Int32 { Int32(truncatingIfNeeded: rawValue >> 32) }

    /// The parts of an operation code.
    enum Class: UInt8 {
        case load, loadFromRegister, store, storeRegister, arithmetic32, jump, jump32, arithmetic64
    }

    var `class`: Class { Class(rawValue: code & 7) ?? .load }
    /// Of a load or store: how the address is made. 0x60 is "register plus offset".
    var mode: UInt8 { code & 0xE0 }
    /// Of arithmetic and a jump.
    var operation: UInt8 { code & 0xF0 }

    static let memoryMode: UInt8 = 0x60
    static let callOperation: UInt8 = 0x80
    static let exitOperation: UInt8 = 0x90
    /// A 64-bit constant, which takes the next instruction's immediate value for its upper half.
    static let loadConstantCode: UInt8 = 0x18
    /// `w1 = w1`, which sets the upper half of the register to 0.
    static let move32Code: UInt8 = 0xBC

    /// BPF_REG_AX of include/linux/filter.h: the first that no program may use.
    static let kernelRegister: UInt8 = 11

    /// Of arithmetic and a conditional jump: whether the second operand is a register, and not the immediate value.
    var takesRegister: Bool { code & 8 != 0 }

    /// The same arithmetic or jump with a constant for the second operand.
    func with(constant: Int32) -> BPFInstruction {
        BPFInstruction(code & ~8, destination: destination, offset: offset, immediate: constant)
    }

    /// Whether it sets a register to 0 in the way of `r1 ^= r1`, with 32 or 64 bits: the upper half is 0 with both.
    var isExclusiveOrWithItself: Bool { (code == 0xAC || code == 0xAF) && destination == source }
}

/// Those that a program of ours is made of: of eBPF's first version, since jumps that compare 32 bits came with Linux 5.1.
extension BPFInstruction {
    /// `destination = *(u32 *)(base + offset)`
    static func load32(_ destination: UInt8, from base: UInt8, offset: Int16) -> BPFInstruction {
        BPFInstruction(0x61, destination: destination, source: base, offset: offset)
    }

    /// `destination = source`, 64 bits as all that follow.
    static func move(_ destination: UInt8, _ source: UInt8) -> BPFInstruction {
        BPFInstruction(0xBF, destination: destination, source: source)
    }

    static func move(_ destination: UInt8, constant: Int32) -> BPFInstruction {
        BPFInstruction(0xB7, destination: destination, immediate: constant)
    }

    /// `destination &= constant`
    static func and(_ destination: UInt8, _ constant: Int32) -> BPFInstruction {
        BPFInstruction(0x57, destination: destination, immediate: constant)
    }

    /// `destination >>= bits`, with zeroes.
    static func shiftRight(_ destination: UInt8, _ bits: Int32) -> BPFInstruction {
        BPFInstruction(0x77, destination: destination, immediate: bits)
    }

    /// Passes over the next `count` instructions where the register is not `constant`.
    static func skip(_ count: Int16, ifNot constant: Int32, _ register: UInt8) -> BPFInstruction {
        BPFInstruction(0x55, destination: register, offset: count, immediate: constant)
    }

    /// Passes over the next `count` instructions where the register has one of the bits in `mask`.
    static func skip(_ count: Int16, ifAnyOf mask: Int32, in register: UInt8) -> BPFInstruction {
        BPFInstruction(0x45, destination: register, offset: count, immediate: mask)
    }

    static let exit = BPFInstruction(0x95)

    /// A jump to the next instruction.
    static let nothing = BPFInstruction(0x05)
}
