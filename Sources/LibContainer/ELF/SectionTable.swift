// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The section headers. The loader needs none of them and `strip` may drop them, so they serve only to find what is
/// known by the name of its section.
struct SectionTable {
    struct Section {
        let offset: UInt64
        let size: UInt64
    }

    private struct Entry {
        /// Where in the strings.
        let name: UInt32
        let type: UInt32
        let section: Section
    }

    static let note: UInt32 = 7

    /// A large library has about 40; more are counted elsewhere (SHN_LORESERVE), which no library needs.
    private static let countLimit = 512
    /// Bytes; a large library has about 500.
    private static let stringsLimit: UInt64 = 64 << 10

    private let entries: [Entry]
    private let strings: [UInt8]

    /// Reads the table that `head`, the first 64 bytes of `file`, leads to; an empty one where there is none.
    init(_ head: LittleEndianBytes, is64Bit: Bool, reading file: borrowing FileDescriptor) throws(ELFFile.Failure) {
        guard let offset = head.loadWord(at: is64Bit ? 40 : 32, is64Bit: is64Bit),
            let entrySize = head.load(at: is64Bit ? 58 : 46, as: UInt16.self).map(Int.init),
            let count = head.load(at: is64Bit ? 60 : 48, as: UInt16.self).map(Int.init),
            let stringsIndex = head.load(at: is64Bit ? 62 : 50, as: UInt16.self).map(Int.init)
        else { throw .malformed("header is cut off") }
        guard offset != 0, count != 0 else {
            entries = []
            strings = []
            return
        }
        guard count <= Self.countLimit else { throw .malformed("\(count) section headers") }
        guard entrySize == (is64Bit ? 64 : 40) else { throw .malformed("section headers of \(entrySize) bytes") }
        let table = LittleEndianBytes(try ELFFile.read(file, at: offset, count: count * entrySize))
        var entries: [Entry] = []
        for start in stride(from: 0, to: count * entrySize, by: entrySize) {
            guard let name = table.load(at: start, as: UInt32.self),
                let type = table.load(at: start + 4, as: UInt32.self),
                let offset = table.loadWord(at: start + (is64Bit ? 24 : 16), is64Bit: is64Bit),
                let size = table.loadWord(at: start + (is64Bit ? 32 : 20), is64Bit: is64Bit)
            else { throw .malformed("section headers are cut off") }
            entries.append(Entry(name: name, type: type, section: Section(offset: offset, size: size)))
        }
        guard stringsIndex < entries.count else { throw .malformed("no names of sections") }
        let place = entries[stringsIndex].section
        guard place.size <= Self.stringsLimit else { throw .malformed("names of sections of \(place.size) bytes") }
        strings = try ELFFile.read(file, at: place.offset, count: Int(truncatingIfNeeded: place.size))
        self.entries = entries
    }

    /// The first section of that name and type.
    func section(named name: ByteString, type: UInt32) -> Section? {
        let wanted = name.bytes + [0]
        return entries.first { $0.type == type && strings.dropFirst(Int($0.name)).starts(with: wanted) }?.section
    }
}
