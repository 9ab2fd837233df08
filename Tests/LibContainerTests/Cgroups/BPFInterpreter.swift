// SPDX-License-Identifier: Apache-2.0

@testable import LibContainer

/// An access to a device, as the kernel describes it to a program.
struct DeviceAccess: Hashable, CustomStringConvertible {
    var isCharacter = true
    var major: UInt32
    var minor: UInt32
    var access: DeviceCgroup.Access

    var description: String { "\(isCharacter ? "c" : "b") \(major):\(minor) \(access.letters)" }
}

/// Runs a device program by the words of Documentation/bpf/standardization/instruction-set.rst, as far as such programs go.
/// It is as strict as the verifier in what matters here: nothing may be read before it is written.
struct BPFInterpreter {
    enum Fault: Error, Equatable {
        case endless, outside(Int), unknown(UInt8), unset(UInt8)
    }

    private var registers: [UInt64?] = Array(repeating: nil, count: 10)
    private let context: [UInt8]

    /// Stands for the pointer to the context.
    private static let contextAddress: UInt64 = 0x1000

    static func allows(_ filter: DeviceFilter, _ access: DeviceAccess) throws -> Bool {
        var interpreter = BPFInterpreter(access)
        return try interpreter.run(filter.instructions) & 0xFFFF_FFFF != 0
    }

    private init(_ access: DeviceAccess) {
        let words = [UInt32(access.access.rawValue) << 16 | (access.isCharacter ? 2 : 1), access.major, access.minor]
        context = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        registers[1] = Self.contextAddress
    }

    private mutating func run(_ program: [BPFInstruction]) throws -> UInt64 {
        var index = 0
        for _ in 0..<100_000 {
            guard program.indices.contains(index) else { throw Fault.outside(index) }
            let instruction = program[index]
            index += 1
            switch instruction.class {
            case .arithmetic32, .arithmetic64: try calculate(instruction)
            case .loadFromRegister: try load(instruction)
            case .jump where instruction.operation == BPFInstruction.exitOperation: return try value(0)
            case .jump, .jump32: if try isTaken(instruction) { index += Int(instruction.offset) }
            default: throw Fault.unknown(instruction.code)
            }
        }
        throw Fault.endless
    }

    private func value(_ register: UInt8) throws -> UInt64 {
        guard register < 10, let value = registers[Int(register)] else { throw Fault.unset(register) }
        return value
    }

    private func operand(_ instruction: BPFInstruction) throws -> UInt64 {
        instruction.code & 8 == 0
            ? UInt64(bitPattern: Int64(instruction.immediate)) : try value(instruction.source)
    }

    private mutating func calculate(_ instruction: BPFInstruction) throws {
        let is32 = instruction.class == .arithmetic32
        let mask: UInt64 = is32 ? 0xFFFF_FFFF : .max
        let right = try operand(instruction) & mask
        let result: UInt64
        switch instruction.operation {
        case 0xB0: result = right
        default:
            let left = try value(instruction.destination) & mask
            switch instruction.operation {
            case 0x40: result = left | right
            case 0x50: result = left & right
            case 0x60: result = left << (right & (is32 ? 31 : 63))
            case 0x70: result = left >> (right & (is32 ? 31 : 63))
            case 0xA0: result = left ^ right
            default: throw Fault.unknown(instruction.code)
            }
        }
        registers[Int(instruction.destination)] = result & mask
    }

    private mutating func load(_ instruction: BPFInstruction) throws {
        let sizes: [UInt8: Int] = [0x00: 4, 0x08: 2, 0x10: 1]
        let address = try value(instruction.source)
        let start = Int(instruction.offset)
        guard let size = sizes[instruction.code & 0x18], address == Self.contextAddress, start >= 0, start % size == 0,
            start + size <= context.count
        else { throw Fault.outside(start) }
        registers[Int(instruction.destination)] = (0..<size).reduce(0) { $0 | UInt64(context[start + $1]) << (8 * $1) }
    }

    private func isTaken(_ instruction: BPFInstruction) throws -> Bool {
        if instruction.operation == 0 { return true }
        let mask: UInt64 = instruction.class == .jump32 ? 0xFFFF_FFFF : .max
        let left = try value(instruction.destination) & mask
        let right = try operand(instruction) & mask
        switch instruction.operation {
        case 0x10: return left == right
        case 0x20: return left > right
        case 0x40: return left & right != 0
        case 0x50: return left != right
        default: throw Fault.unknown(instruction.code)
        }
    }
}
