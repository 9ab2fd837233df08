// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The ELF header, as far as it leads to the program headers.
struct ELFHeader {
    let is64Bit: Bool
    let machine: UInt16
    private let segmentsOffset: UInt64
    private let segmentCount: Int

    /// A program header.
    struct Segment {
        static let load: UInt32 = 1
        static let dynamic: UInt32 = 2

        let type: UInt32
        let offset: UInt64
        let address: UInt64
        let fileSize: UInt64

        /// Whether the byte at the virtual address is in the file.
        func contains(_ address: UInt64) -> Bool {
            address >= self.address && address - self.address < fileSize
        }
    }

    /// A large library has about 12; 0xFFFF (PN_XNUM) stands for a count kept elsewhere, which only core dumps need.
    private static let segmentCountLimit = 512

    init(_ head: LittleEndianBytes) throws(ELFFile.Failure) {
        guard head.bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { throw .notELF }
        guard let fileClass = head.load(at: 4, as: UInt8.self), let order = head.load(at: 5, as: UInt8.self) else {
            throw .malformed("header is cut off")
        }
        guard order == 1 else { throw .unsupported("not little-endian") }
        guard fileClass == 1 || fileClass == 2 else { throw .unsupported("class \(fileClass)") }
        is64Bit = fileClass == 2
        guard let machine = head.load(at: 18, as: UInt16.self),
            let offset = head.loadWord(at: is64Bit ? 32 : 28, is64Bit: is64Bit),
            let entrySize = head.load(at: is64Bit ? 54 : 42, as: UInt16.self),
            let count = head.load(at: is64Bit ? 56 : 44, as: UInt16.self)
        else { throw .malformed("header is cut off") }
        self.machine = machine
        segmentsOffset = offset
        segmentCount = Int(count)
        guard segmentCount <= Self.segmentCountLimit else { throw .malformed("\(count) program headers") }
        guard segmentCount == 0 || Int(entrySize) == segmentSize else {
            throw .malformed("program headers of \(entrySize) bytes")
        }
    }

    private var segmentSize: Int { is64Bit ? 56 : 32 }

    /// The program headers, out of `head` (the start of the file) where they are in it.
    func segments(
        head: LittleEndianBytes, reading file: borrowing FileDescriptor
    ) throws(ELFFile.Failure) -> [Segment] {
        let size = segmentCount * segmentSize
        var table = head
        var start = Int(clamping: segmentsOffset)
        if size > head.count || start > head.count - size {
            table = LittleEndianBytes(try ELFFile.read(file, at: segmentsOffset, count: size))
            start = 0
        }
        var segments: [Segment] = []
        for index in 0..<segmentCount {
            let entry = start + index * segmentSize
            guard let type = table.load(at: entry, as: UInt32.self),
                let offset = table.loadWord(at: entry + (is64Bit ? 8 : 4), is64Bit: is64Bit),
                let address = table.loadWord(at: entry + (is64Bit ? 16 : 8), is64Bit: is64Bit),
                let fileSize = table.loadWord(at: entry + (is64Bit ? 32 : 16), is64Bit: is64Bit)
            else { throw .malformed("program headers are cut off") }
            if type == Segment.load || type == Segment.dynamic {
                segments.append(Segment(type: type, offset: offset, address: address, fileSize: fileSize))
            }
        }
        return segments
    }
}
