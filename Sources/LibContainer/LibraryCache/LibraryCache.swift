// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// The dynamic loader's cache, `/etc/ld.so.cache`, as glibc's ldconfig writes it (sysdeps/generic/dl-cache.h).
///
/// The file is read bounds-checked and without trust: a count or an offset that points outside of the file makes the
/// parse fail or the entry invisible, never a read outside of the buffer. Three layouts exist: the old one (magic
/// `ld.so-1.7.0`), the new one (`glibc-ld.so.cache1.1`, glibc 2.2 and later), and the new one behind the old one, which
/// ldconfig wrote until glibc 2.32. Only the new part is read where there is one.
package struct LibraryCache {
    /// One library.
    package struct Entry: Hashable, Sendable {
        /// FLAG_ELF_LIBC6 (3) and the architecture (`& 0xFF00`): 0x0300 x86-64, 0x0A00 aarch64, 0 i386.
        package var flags: UInt32
        /// The SONAME that the loader looks for.
        package var name: ByteString
        /// The file that the loader opens.
        package var path: ByteString
        /// dl_hwcap of the entry; with bit 62 set, the low half is an index into the glibc-hwcaps names.
        package var hardwareCapabilities: UInt64
        /// The kernel version an entry needs (`osversion`); 0 in caches of current glibc.
        package var kernelVersion: UInt32

        package init(
            flags: UInt32, name: ByteString, path: ByteString, hardwareCapabilities: UInt64 = 0,
            kernelVersion: UInt32 = 0
        ) {
            self.flags = flags
            self.name = name
            self.path = path
            self.hardwareCapabilities = hardwareCapabilities
            self.kernelVersion = kernelVersion
        }
    }

    package enum Failure: Error, Equatable {
        /// Neither magic was found.
        case notACache
        /// The header promises more entries than the file holds.
        case truncated
        /// The entries share so much text that they are several times as large as the file; no ldconfig writes that.
        case inflated
    }

    /// In the file's order.
    package internal(set) var entries: [Entry] = []

    /// The names of the glibc-hwcaps subdirectories that entries name by index, such as `x86-64-v3`.
    package internal(set) var hardwareCapabilityNames: [ByteString] = []

    /// An empty cache.
    package init() {}

    /// Reads the cache in `bytes` (the whole file). Only entries for whose name `isWanted` returns true are copied, so
    /// the time of a search does not grow with what the host has installed. The buffer given to `isWanted` holds the
    /// name without its NUL and is valid for the call only.
    package init(
        parsing bytes: [UInt8], where isWanted: (UnsafeRawBufferPointer) -> Bool = { _ in true }
    ) throws(Failure) {
        var failure: Failure?
        bytes.withUnsafeBytes { buffer in
            do throws(Failure) { try parse(buffer, where: isWanted) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private static let oldMagic: StaticString = "ld.so-1.7.0"
    static let newMagic: StaticString = "glibc-ld.so.cache1.1"
    private static let oldHeaderSize = 16
    private static let oldEntrySize = 12
    static let newHeaderSize = 48
    static let newEntrySize = 24
    static let extensionMagic: UInt32 = 0xEAA4_2174
    static let generatorTag: UInt32 = 0
    static let hardwareCapabilitiesTag: UInt32 = 1
    private static let inflationLimit = 4
    /// glibc knows three names; a file with more than this is hostile.
    private static let nameLimit = 64

    /// Bytes of names and paths so far.
    private var copied = 0

    private mutating func parse(
        _ file: UnsafeRawBufferPointer, where isWanted: (UnsafeRawBufferPointer) -> Bool
    ) throws(Failure) {
        if Self.starts(file, with: Self.newMagic, at: 0) {
            return try parseNew(file, at: 0, where: isWanted)
        }
        guard Self.starts(file, with: Self.oldMagic, at: 0), file.count >= Self.oldHeaderSize else {
            throw .notACache
        }
        let count = Int(Self.load(file, at: 12) as UInt32)
        let (size, overflowed) = count.multipliedReportingOverflow(by: Self.oldEntrySize)
        guard !overflowed, size <= file.count - Self.oldHeaderSize else { throw .truncated }
        let end = Self.oldHeaderSize + size
        let aligned = (end + 7) & ~7  // the alignment of the new header
        if Self.starts(file, with: Self.newMagic, at: aligned) {
            return try parseNew(file, at: aligned, where: isWanted)
        }
        for index in 0..<count {
            let offset = Self.oldHeaderSize + index * Self.oldEntrySize
            // In the old layout strings are counted from the end of the entries.
            try append(
                from: file, strings: end, flags: Self.load(file, at: offset), name: Self.load(file, at: offset + 4),
                path: Self.load(file, at: offset + 8), hardwareCapabilities: 0, kernelVersion: 0, where: isWanted)
        }
    }

    private mutating func parseNew(
        _ file: UnsafeRawBufferPointer, at start: Int, where isWanted: (UnsafeRawBufferPointer) -> Bool
    ) throws(Failure) {
        guard file.count - start >= Self.newHeaderSize else { throw .truncated }
        let count = Int(Self.load(file, at: start + 20) as UInt32)
        let (size, overflowed) = count.multipliedReportingOverflow(by: Self.newEntrySize)
        guard !overflowed, size <= file.count - start - Self.newHeaderSize else { throw .truncated }
        readHardwareCapabilityNames(file, strings: start)
        for index in 0..<count {
            let offset = start + Self.newHeaderSize + index * Self.newEntrySize
            // In the new layout strings are counted from the start of the new header.
            try append(
                from: file, strings: start, flags: Self.load(file, at: offset), name: Self.load(file, at: offset + 4),
                path: Self.load(file, at: offset + 8), hardwareCapabilities: Self.load(file, at: offset + 16),
                kernelVersion: Self.load(file, at: offset + 12), where: isWanted)
        }
    }

    private mutating func append(
        from file: UnsafeRawBufferPointer, strings: Int, flags: UInt32, name: UInt32, path: UInt32,
        hardwareCapabilities: UInt64, kernelVersion: UInt32, where isWanted: (UnsafeRawBufferPointer) -> Bool
    ) throws(Failure) {
        guard let name = Self.string(file, at: strings + Int(name)), isWanted(name),
            let path = Self.string(file, at: strings + Int(path)), !path.isEmpty
        else { return }
        copied += name.count + path.count
        guard copied <= file.count * Self.inflationLimit else { throw .inflated }
        entries.append(
            Entry(
                flags: flags, name: ByteString(Array(name)), path: ByteString(Array(path)),
                hardwareCapabilities: hardwareCapabilities, kernelVersion: kernelVersion))
    }

    /// Reads the extension section of the tag for glibc-hwcaps (dl-cache.h, struct cache_extension; glibc 2.33 and
    /// later). Where it is malformed there are no names, and the entries that need one are of no use.
    ///
    /// Strings are counted from `strings`, the new header. Behind an old part glibc 2.33 and later write them so and
    /// read them from the start of the file, so that its loader finds no name there.
    private mutating func readHardwareCapabilityNames(_ file: UnsafeRawBufferPointer, strings: Int) {
        let offset = Int(Self.load(file, at: strings + 32) as UInt32)
        guard offset > 0, offset % 4 == 0, offset <= file.count, file.count - offset >= 8,
            Self.load(file, at: offset) as UInt32 == Self.extensionMagic
        else { return }
        let count = min(Int(Self.load(file, at: offset + 4) as UInt32), (file.count - offset - 8) / 16)
        for index in 0..<count {
            let section = offset + 8 + index * 16
            guard Self.load(file, at: section) as UInt32 == Self.hardwareCapabilitiesTag else { continue }
            let start = Int(Self.load(file, at: section + 8) as UInt32)
            let size = Int(Self.load(file, at: section + 12) as UInt32)
            guard start % 4 == 0, start <= file.count, size <= min(file.count - start, Self.nameLimit * 4) else {
                return
            }
            hardwareCapabilityNames = stride(from: start, to: start + size / 4 * 4, by: 4).map {
                let name = Self.string(file, at: strings + Int(Self.load(file, at: $0) as UInt32))
                return ByteString(name.map { Array($0) } ?? [])
            }
            return
        }
    }

    /// The NUL-terminated string at `offset`, without its NUL; nil where it starts or ends outside of the file or is
    /// longer than a path can be. Without that limit a file of entries that share one long string takes quadratic time.
    private static func string(_ file: UnsafeRawBufferPointer, at offset: Int) -> UnsafeRawBufferPointer? {
        guard offset >= 0, offset < file.count, let start = file.baseAddress?.advanced(by: offset),
            let end = memchr(start, 0, min(file.count - offset, Int(PATH_MAX)))
        else { return nil }
        return UnsafeRawBufferPointer(start: start, count: UnsafeRawPointer(end) - start)
    }

    /// A little-endian integer; every architecture the driver runs on is little-endian. `offset` must be checked.
    private static func load<Integer: FixedWidthInteger>(_ file: UnsafeRawBufferPointer, at offset: Int) -> Integer {
        Integer(littleEndian: file.loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    private static func starts(_ file: UnsafeRawBufferPointer, with magic: StaticString, at offset: Int) -> Bool {
        guard offset <= file.count, file.count - offset >= magic.utf8CodeUnitCount else { return false }
        return magic.withUTF8Buffer { magic in
            file[offset..<(offset + magic.count)].elementsEqual(magic)
        }
    }
}
