// SPDX-License-Identifier: Apache-2.0

import Linux

/// A shared object of nothing but headers: two program headers, a dynamic section and its strings.
struct ELFImage {
    #if arch(arm64)
        static let nativeMachine: UInt16 = 183
        static let compat32Machine: UInt16 = 40
    #else
        static let nativeMachine: UInt16 = 62
        static let compat32Machine: UInt16 = 3
    #endif

    var is64Bit = true
    var machine = ELFImage.nativeMachine
    var soname: String?
    var needed: [String] = []
    /// Where the file is mapped; not 0, so that addresses and offsets differ.
    var base: UInt64 = 0x10000
    /// Bytes between the program headers and the rest.
    var padding = 0

    static var compat32: ELFImage { ELFImage(is64Bit: false, machine: compat32Machine) }

    var bytes: [UInt8] {
        var strings: [UInt8] = [0]
        func place(_ text: String) -> UInt64 {
            defer { strings += Array(text.utf8) + [0] }
            return UInt64(strings.count)
        }
        var dynamic: [(UInt64, UInt64)] = needed.map { (1, place($0)) }
        if let soname { dynamic.append((14, place(soname))) }
        let headerSize = is64Bit ? 64 : 52
        let segmentSize = is64Bit ? 56 : 32
        let dynamicOffset = UInt64(headerSize + 2 * segmentSize + padding)
        let dynamicSize = UInt64((dynamic.count + 3) * (is64Bit ? 16 : 8))
        let stringsOffset = dynamicOffset + dynamicSize
        dynamic += [(5, base + stringsOffset), (10, UInt64(strings.count)), (0, 0)]
        let total = stringsOffset + UInt64(strings.count)

        var out: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, is64Bit ? 2 : 1, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
        out += Self.little(UInt16(3)) + Self.little(machine) + Self.little(UInt32(1))
        out += word(0) + word(UInt64(headerSize)) + word(0) + Self.little(UInt32(0))
        out += Self.little(UInt16(headerSize)) + Self.little(UInt16(segmentSize)) + Self.little(UInt16(2))
        out += Self.little(UInt16(0)) + Self.little(UInt16(0)) + Self.little(UInt16(0))
        out += segment(type: 1, offset: 0, address: base, size: total)
        out += segment(type: 2, offset: dynamicOffset, address: base + dynamicOffset, size: dynamicSize)
        out += [UInt8](repeating: 0xAA, count: padding)
        for (tag, value) in dynamic { out += word(tag) + word(value) }
        return out + strings
    }

    private func segment(type: UInt32, offset: UInt64, address: UInt64, size: UInt64) -> [UInt8] {
        is64Bit
            ? Self.little(type) + Self.little(UInt32(4)) + word(offset) + word(address) + word(address) + word(size)
                + word(size) + word(8)
            : Self.little(type) + word(offset) + word(address) + word(address) + word(size) + word(size)
                + Self.little(UInt32(4)) + word(4)
    }

    private func word(_ value: UInt64) -> [UInt8] {
        is64Bit ? Self.little(value) : Self.little(UInt32(truncatingIfNeeded: value))
    }

    static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
