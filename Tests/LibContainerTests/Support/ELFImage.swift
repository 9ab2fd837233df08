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
    /// A note section, and section headers with it; none where nil.
    var note: Note?

    struct Note {
        var section = ".note.cuda.fwd_compatibility"
        var owner = "NVIDIA Corporation"
        var text: String
        /// What the owner's name is padded to.
        var alignment = 4
        /// Bytes that the header promises beyond the text.
        var excess = 0
        var type: UInt32 = 7

        var bytes: [UInt8] {
            let name = Array(owner.utf8) + [0]
            let end = 12 + name.count
            let padding = [UInt8](repeating: 0, count: (alignment - end % alignment) % alignment)
            var bytes = ELFImage.little(UInt32(name.count)) + ELFImage.little(UInt32(text.utf8.count + excess))
            bytes += ELFImage.little(UInt32(1)) + name + padding
            return bytes + Array(text.utf8)
        }
    }

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
        let sections = note.map { sectionPart(for: $0, at: total) }
        out += word(0) + word(UInt64(headerSize)) + word(sections?.headersOffset ?? 0) + Self.little(UInt32(0))
        out += Self.little(UInt16(headerSize)) + Self.little(UInt16(segmentSize)) + Self.little(UInt16(2))
        out += Self.little(UInt16(sections == nil ? 0 : is64Bit ? 64 : 40))
        out += Self.little(UInt16(sections == nil ? 0 : 3)) + Self.little(UInt16(sections == nil ? 0 : 2))
        out += segment(type: 1, offset: 0, address: base, size: total)
        out += segment(type: 2, offset: dynamicOffset, address: base + dynamicOffset, size: dynamicSize)
        out += [UInt8](repeating: 0xAA, count: padding)
        for (tag, value) in dynamic { out += word(tag) + word(value) }
        return out + strings + (sections?.bytes ?? [])
    }

    /// The note, the names, and three headers: none, the note, the names.
    private func sectionPart(for note: Note, at start: UInt64) -> (headersOffset: UInt64, bytes: [UInt8]) {
        let names = Array("\0\(note.section)\0.shstrtab\0".utf8)
        let content = note.bytes
        let namesOffset = start + UInt64(content.count)
        let headersOffset = namesOffset + UInt64(names.count)
        func header(name: Int, type: UInt32, offset: UInt64, size: Int) -> [UInt8] {
            var bytes = Self.little(UInt32(name)) + Self.little(type) + word(0) + word(0)
            bytes += word(offset) + word(UInt64(size)) + Self.little(UInt32(0)) + Self.little(UInt32(0))
            return bytes + word(4) + word(0)
        }
        let headers = [
            header(name: 0, type: 0, offset: 0, size: 0),
            header(name: 1, type: note.type, offset: start, size: content.count),
            header(name: note.section.utf8.count + 2, type: 3, offset: namesOffset, size: names.count),
        ]
        return (headersOffset, content + names + headers.flatMap { $0 })
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
