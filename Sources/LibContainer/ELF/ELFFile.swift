// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// What the loader and ldconfig read of a shared object: class, machine, SONAME and dependencies (elf(5)).
///
/// The file is read with pread(2) and without trust. Every offset and count is checked and bounded, and nothing is
/// mapped, so a file that changes meanwhile gives an error or other values, never a fault. All of it comes from the
/// program headers, as for the loader; section headers, which `strip` may drop, only lead to notes.
package struct ELFFile: Sendable {
    package enum Failure: Error, Equatable {
        case unreadable(LinuxError)
        case notELF
        /// Big-endian, or of a class or layout that no library of the driver has.
        case unsupported(String)
        case malformed(String)
    }

    /// ELFCLASS64; ELFCLASS32 where false.
    package let is64Bit: Bool
    /// e_machine: 62 x86-64, 183 aarch64, 3 i386, 40 arm.
    package let machine: UInt16
    /// DT_SONAME; nil where the file has none.
    package let soname: ByteString?

    private let strings: StringTable?
    private let neededOffsets: [UInt64]

    /// Reads the headers, the dynamic section and the SONAME of `file`, which must be open for reading. The position
    /// of the descriptor does not matter and does not change.
    package init(reading file: borrowing FileDescriptor) throws(Failure) {
        // The program headers follow the header in every file that a linker writes: one read gives both.
        let head = LittleEndianBytes(try Self.read(file, at: 0, count: 2048))
        let header = try ELFHeader(head)
        is64Bit = header.is64Bit
        machine = header.machine
        let segments = try header.segments(head: head, reading: file)
        guard let dynamic = segments.first(where: { $0.type == ELFHeader.Segment.dynamic }) else {
            soname = nil
            strings = nil
            neededOffsets = []
            return
        }
        guard dynamic.fileSize <= Self.dynamicSizeLimit else {
            throw .malformed("dynamic section of \(dynamic.fileSize) bytes")
        }
        let entries = LittleEndianBytes(
            try Self.read(file, at: dynamic.offset, count: Int(truncatingIfNeeded: dynamic.fileSize)))
        guard entries.count == Int(truncatingIfNeeded: dynamic.fileSize) else {
            throw .malformed("dynamic section is cut off")
        }
        let table = try DynamicTable(entries, is64Bit: header.is64Bit)
        neededOffsets = table.needed
        guard let address = table.stringsAddress, let size = table.stringsSize else {
            guard table.soname == nil, table.needed.isEmpty else { throw .malformed("no string table") }
            soname = nil
            strings = nil
            return
        }
        guard let segment = segments.first(where: { $0.type == ELFHeader.Segment.load && $0.contains(address) }) else {
            throw .malformed("string table outside of the file")
        }
        let (offset, overflowed) = segment.offset.addingReportingOverflow(address &- segment.address)
        guard !overflowed else { throw .malformed("string table outside of the file") }
        let strings = StringTable(offset: offset, size: size)
        self.strings = strings
        if let position = table.soname {
            soname = try strings.string(at: position, reading: file)
        } else {
            soname = nil
        }
    }

    /// The names of the libraries that the file needs (DT_NEEDED), in its order. `file` is the one that the value was
    /// made from; the names are read only here, since a search by SONAME does not want them.
    package func needed(reading file: borrowing FileDescriptor) throws(Failure) -> [ByteString] {
        guard let strings else { return [] }
        var names: [ByteString] = []
        for offset in neededOffsets { names.append(try strings.string(at: offset, reading: file)) }
        return names
    }

    /// 4,096 entries; a big library has about 40.
    private static let dynamicSizeLimit: UInt64 = 64 << 10

    /// Reads `count` bytes at `offset`, fewer at the end of the file.
    static func read(_ file: borrowing FileDescriptor, at offset: UInt64, count: Int) throws(Failure) -> [UInt8] {
        guard let start = Int64(exactly: offset) else { throw .malformed("offset \(offset)") }
        do throws(LinuxError) {
            return try file.read(at: start, count: count)
        } catch {
            // pread(2) refuses an offset that no file reaches.
            if error.code == EINVAL || error.code == EOVERFLOW { throw .malformed("offset \(offset)") }
            throw .unreadable(error)
        }
    }
}

extension ELFFile {
    /// The string table of the dynamic section, by its place in the file.
    struct StringTable {
        let offset: UInt64
        let size: UInt64

        /// The string at `position` in the table. Names are file names, so more than NAME_MAX bytes are an error.
        func string(at position: UInt64, reading file: borrowing FileDescriptor) throws(Failure) -> ByteString {
            let (start, overflowed) = offset.addingReportingOverflow(position)
            guard position < size, !overflowed else { throw .malformed("name outside of the string table") }
            let bytes = try ELFFile.read(file, at: start, count: Int(min(size - position, UInt64(NAME_MAX) + 1)))
            guard let end = bytes.firstIndex(of: 0) else { throw .malformed("name without an end") }
            return ByteString(Array(bytes[..<end]))
        }
    }
}

extension ELFFile.Failure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable(let error): error.description
        case .notELF: "not an ELF file"
        case .unsupported(let what): "unsupported ELF file: \(what)"
        case .malformed(let what): "malformed ELF file: \(what)"
        }
    }
}
