// SPDX-License-Identifier: Apache-2.0

import CLibseccomp
import Glibc
import Linux
import Testing

@testable import Sandbox

/// A filter as the kernel gets it, for any architecture, and what it answers.
struct FilterProgram {
    /// struct sock_filter of linux/filter.h.
    private struct Instruction {
        let code: UInt16
        let ifTrue, ifFalse: UInt8
        let operand: UInt32
    }

    enum Failure: Error { case seccomp(CInt), pipe, unknownInstruction(UInt16), endless }

    static let unlisted: UInt32 = 0x0005_0000 | UInt32(ENOTTY)

    private let instructions: [Instruction]
    /// By linux/audit.h, as libseccomp names it too.
    let architecture: UInt32

    /// Calls that have no rule get ENOTTY, which none has.
    init(_ phase: Sandbox.Phase, architecture: UInt32) throws {
        self.architecture = architecture
        guard let filter = seccomp_init(Self.unlisted) else { throw Failure.seccomp(ENOMEM) }
        defer { seccomp_release(filter) }
        if architecture != seccomp_arch_native() {
            for result in [seccomp_arch_add(filter, architecture), seccomp_arch_remove(filter, seccomp_arch_native())]
            where result != 0 { throw Failure.seccomp(result) }
        }
        try SystemCallFilter.add(phase, to: filter)
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure.pipe }
        let reading = FileDescriptor(owning: ends[0])
        let result = seccomp_export_bpf(filter, ends[1])
        close(ends[1])
        guard result == 0 else { throw Failure.seccomp(result) }
        let bytes = try reading.readToEnd(limit: 1 << 16)
        instructions = bytes.withUnsafeBytes { Array($0.bindMemory(to: Instruction.self)) }
    }

    var count: Int { instructions.count }

    /// What the filter answers to the call `number`.
    func answer(to number: Int32, _ arguments: [UInt64] = [], architecture other: UInt32? = nil) throws -> UInt32 {
        var words = [UInt32(bitPattern: number), other ?? architecture, 0, 0]
        for index in 0..<6 {
            let argument = index < arguments.count ? arguments[index] : 0
            words += [UInt32(truncatingIfNeeded: argument), UInt32(argument >> 32)]
        }
        var (accumulator, next) = (UInt32(0), 0)
        for _ in 0..<4096 {
            let instruction = instructions[next]
            next += 1
            let isTrue: Bool
            switch instruction.code {
            case 0x20:  // BPF_LD | BPF_W | BPF_ABS
                accumulator = words[Int(instruction.operand / 4)]
                continue
            case 0x54:  // BPF_ALU | BPF_AND
                accumulator &= instruction.operand
                continue
            case 0x05:  // BPF_JMP | BPF_JA
                next += Int(instruction.operand)
                continue
            case 0x06: return instruction.operand  // BPF_RET
            case 0x15: isTrue = accumulator == instruction.operand  // BPF_JEQ
            case 0x25: isTrue = accumulator > instruction.operand  // BPF_JGT
            case 0x35: isTrue = accumulator >= instruction.operand  // BPF_JGE
            case 0x45: isTrue = accumulator & instruction.operand != 0  // BPF_JSET
            default: throw Failure.unknownInstruction(instruction.code)
            }
            next += Int(isTrue ? instruction.ifTrue : instruction.ifFalse)
        }
        throw Failure.endless
    }
}
