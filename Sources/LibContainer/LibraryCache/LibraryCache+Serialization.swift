// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension LibraryCache {
    /// What `ldconfig -p` names as the generator. Without a version, so that an update of ours changes no file.
    private static let generator: StaticString = "nvidia-runtime"

    /// The file for these entries, which must be in order: the layout that every glibc since 2.2 reads, with the
    /// extension sections of 2.33, which older ones skip.
    ///
    /// A name that is the end of its path shares the path's bytes, as it is for everything ldconfig writes. Returns nil
    /// where offsets would not fit into 32 bits.
    package func serialized() -> [UInt8]? {
        let names = usedHardwareCapabilityNames
        var strings = StringTable(offset: Self.newHeaderSize + entries.count * Self.newEntrySize)
        var file: [UInt8] = []
        file.reserveCapacity(Self.newHeaderSize + entries.count * (Self.newEntrySize + 64))
        Self.newMagic.withUTF8Buffer { file += $0 }
        file.append(UInt32(truncatingIfNeeded: entries.count))
        let lengthPosition = file.count
        file.append(0 as UInt32)  // the length of the strings, filled in below
        file.append(2 as UInt32)  // cache_file_new_flags_endian_little and three bytes of padding
        file.append(0 as UInt32)  // where the extensions start, filled in below
        for _ in 0..<3 { file.append(0 as UInt32) }

        for entry in entries {
            let path = strings.add(entry.path)
            let name =
                entry.path.hasSuffix(entry.name) ? path + entry.path.count - entry.name.count : strings.add(entry.name)
            file.append(entry.flags)
            file.append(UInt32(truncatingIfNeeded: name))
            file.append(UInt32(truncatingIfNeeded: path))
            file.append(entry.kernelVersion)
            file.append(Self.hardwareCapabilities(of: entry, names: names.indices))
        }
        let nameOffsets = names.sorted.map { strings.add($0) }
        let length = strings.bytes.count
        file += strings.bytes
        while file.count % 4 != 0 { file.append(0 as UInt8) }
        let extensions = file.count
        appendExtensions(to: &file, nameOffsets: nameOffsets)
        guard file.count <= Int(Int32.max) else { return nil }
        file.replace(at: lengthPosition, with: UInt32(truncatingIfNeeded: length))
        file.replace(at: lengthPosition + 8, with: UInt32(truncatingIfNeeded: extensions))
        return file
    }

    /// The names of glibc-hwcaps subdirectories that entries use, in the order that the loader expects (strcmp), and
    /// the index in it for each of `hardwareCapabilityNames`.
    private var usedHardwareCapabilityNames: (sorted: [ByteString], indices: [Int: Int]) {
        let used = Set(entries.compactMap(\.hardwareCapabilityIndex))
        let sorted = Set(used.map(hardwareCapabilityName)).sorted()
        var indices: [Int: Int] = [:]
        for index in used { indices[index] = sorted.firstIndex(of: hardwareCapabilityName(index)) }
        return (sorted, indices)
    }

    private static func hardwareCapabilities(of entry: Entry, names: [Int: Int]) -> UInt64 {
        guard let index = entry.hardwareCapabilityIndex, let newIndex = names[index] else {
            return entry.hardwareCapabilities
        }
        return entry.hardwareCapabilities & ~0xFFFF_FFFF | UInt64(newIndex)
    }

    /// The directory of the extensions and their data (dl-cache.h, `struct cache_extension`).
    private func appendExtensions(to file: inout [UInt8], nameOffsets: [Int]) {
        let sectionCount = nameOffsets.isEmpty ? 1 : 2
        let namesStart = file.count + 8 + sectionCount * 16
        let namesSize = nameOffsets.count * 4
        file.append(Self.extensionMagic)
        file.append(UInt32(sectionCount))
        for value in [Self.generatorTag, 0] { file.append(value) }
        file.append(UInt32(truncatingIfNeeded: namesStart + namesSize))
        file.append(UInt32(truncatingIfNeeded: Self.generator.utf8CodeUnitCount))
        if !nameOffsets.isEmpty {
            for value in [Self.hardwareCapabilitiesTag, 0] { file.append(value) }
            file.append(UInt32(truncatingIfNeeded: namesStart))
            file.append(UInt32(truncatingIfNeeded: namesSize))
        }
        for offset in nameOffsets { file.append(UInt32(truncatingIfNeeded: offset)) }
        Self.generator.withUTF8Buffer { file += $0 }
    }
}

/// The strings of a file, each with its NUL.
private struct StringTable {
    /// Where the table starts in the file.
    let offset: Int
    private(set) var bytes: [UInt8] = []

    init(offset: Int) { self.offset = offset }

    /// Returns where in the file the string is.
    mutating func add(_ string: ByteString) -> Int {
        let position = offset + bytes.count
        bytes += string.bytes
        bytes.append(0)
        return position
    }
}

extension [UInt8] {
    fileprivate mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func replace(at position: Int, with value: UInt32) {
        Swift.withUnsafeBytes(of: value.littleEndian) { source in
            for (index, byte) in source.enumerated() { self[position + index] = byte }
        }
    }
}
