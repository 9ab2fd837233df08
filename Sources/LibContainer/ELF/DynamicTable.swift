// SPDX-License-Identifier: Apache-2.0

/// The dynamic section: where the names are.
struct DynamicTable {
    /// DT_NEEDED, DT_SONAME: positions in the string table.
    private(set) var needed: [UInt64] = []
    private(set) var soname: UInt64?
    /// DT_STRTAB, a virtual address, and DT_STRSZ, bytes.
    private(set) var stringsAddress: UInt64?
    private(set) var stringsSize: UInt64?

    /// The most that is kept of a hostile file's list.
    private static let neededLimit = 512

    /// Reads `entries` up to DT_NULL or, where there is none, to the end.
    init(_ entries: LittleEndianBytes, is64Bit: Bool) throws(ELFFile.Failure) {
        let word = is64Bit ? 8 : 4
        var offset = 0
        while let tag = entries.loadWord(at: offset, is64Bit: is64Bit),
            let value = entries.loadWord(at: offset + word, is64Bit: is64Bit)
        {
            switch tag {
            case 0: return
            case 1:
                guard needed.count < Self.neededLimit else {
                    throw .malformed("more than \(Self.neededLimit) dependencies")
                }
                needed.append(value)
            case 5: stringsAddress = value
            case 10: stringsSize = value
            case 14: soname = value
            default: break
            }
            offset += 2 * word
        }
    }
}
