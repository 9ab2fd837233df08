// SPDX-License-Identifier: Apache-2.0

/// Bytes of a file with checked little-endian loads.
struct LittleEndianBytes {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count }

    /// The integer at `offset`, or nil where it does not fit into the bytes.
    func load<Integer: FixedWidthInteger>(at offset: Int, as type: Integer.Type = Integer.self) -> Integer? {
        let size = MemoryLayout<Integer>.size
        guard offset >= 0, size <= bytes.count, offset <= bytes.count - size else { return nil }
        return bytes.withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
    }

    /// An address or size of the file's class: 64 or 32 bits.
    func loadWord(at offset: Int, is64Bit: Bool) -> UInt64? {
        is64Bit ? load(at: offset, as: UInt64.self) : load(at: offset, as: UInt32.self).map(UInt64.init)
    }
}
