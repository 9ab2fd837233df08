// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension ELFFile {
    /// Bytes.
    private static let noteLimit: UInt64 = 64 << 10
    private static let noteHeaderSize = 12

    /// The description in the first note of the section `name`, without NULs at its ends; nil where `file` has no such
    /// section, or its note is not `owner`'s.
    ///
    /// The name is padded to 4 or 8 bytes, and linkers don't agree on which (elf(5), "Notes"), so padding is what is NUL;
    /// a description that is text does not start with one. NVIDIA's library for Orin promises more bytes than its section
    /// has: the section's end counts.
    static func note(
        inSection name: ByteString, ownedBy owner: ByteString, reading file: borrowing FileDescriptor
    ) throws(Failure) -> [UInt8]? {
        let head = LittleEndianBytes(try read(file, at: 0, count: 64))
        let header = try ELFHeader(head)
        let table = try SectionTable(head, is64Bit: header.is64Bit, reading: file)
        guard let section = table.section(named: name, type: SectionTable.note) else { return nil }
        guard section.size <= noteLimit else { throw .malformed("note of \(section.size) bytes") }
        let note = LittleEndianBytes(
            try read(file, at: section.offset, count: Int(truncatingIfNeeded: section.size)))
        guard let nameSize = note.load(at: 0, as: UInt32.self), let size = note.load(at: 4, as: UInt32.self),
            note.count >= noteHeaderSize
        else { throw .malformed("note is cut off") }
        let content = note.bytes.dropFirst(noteHeaderSize)
        guard content.prefix(Int(nameSize)).withoutNULsAtEnd.elementsEqual(owner.bytes) else { return nil }
        return Array(content.dropFirst(Int(nameSize)).drop { $0 == 0 }.prefix(Int(size)).withoutNULsAtEnd)
    }
}

extension ArraySlice<UInt8> {
    fileprivate var withoutNULsAtEnd: ArraySlice<UInt8> {
        self[..<(lastIndex { $0 != 0 }.map { $0 + 1 } ?? startIndex)]
    }
}
