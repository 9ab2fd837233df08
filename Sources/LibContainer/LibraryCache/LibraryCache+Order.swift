// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The order of a cache's entries. The loader searches by bisection, so a file in another order hides libraries.
extension LibraryCache {
    /// Compares two names as the loader does (elf/dl-cache.c, `_dl_cache_libcmp`): numbers by value, everything else by
    /// byte, digits after all other bytes. Negative, zero or positive as in strcmp(3).
    ///
    /// glibc adds up a number in an `int` without a check; a wrap is what it does in practice.
    package static func compareNames(_ left: ByteString, _ right: ByteString) -> Int {
        left.bytes.withUnsafeBufferPointer { left in
            right.bytes.withUnsafeBufferPointer { right in compare(left, right) }
        }
    }

    private static func compare(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
        var (i, j) = (0, 0)
        while i < left.count {
            let byte = left[i]
            let other = j < right.count ? right[j] : 0
            if isDigit(byte) {
                guard isDigit(other) else { return 1 }
                let (value, otherValue) = (number(in: left, at: &i), number(in: right, at: &j))
                if value != otherValue { return Int(value &- otherValue) }
            } else if isDigit(other) {
                return -1
            } else if byte != other {
                return character(byte) - character(other)
            } else {
                i += 1
                j += 1
            }
        }
        return j < right.count ? -character(right[j]) : 0
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func number(in bytes: UnsafeBufferPointer<UInt8>, at index: inout Int) -> Int32 {
        var value: Int32 = 0
        while index < bytes.count, isDigit(bytes[index]) {
            value = value &* 10 &+ Int32(bytes[index] - UInt8(ascii: "0"))
            index += 1
        }
        return value
    }

    /// The byte as a C `char`, which has a sign on x86-64 and none on aarch64.
    private static func character(_ byte: UInt8) -> Int {
        #if arch(x86_64)
            Int(Int8(bitPattern: byte))
        #else
            Int(byte)
        #endif
    }

    /// Whether `left` stands before `right` in a file (elf/cache.c, `compare`): names descending, then flags
    /// descending, then the glibc-hwcaps entries by the name of their subdirectory, then the others with the most
    /// specific hardware capabilities and the highest kernel version first.
    func precedes(_ left: Entry, _ right: Entry) -> Bool {
        let order = Self.compareNames(left.name, right.name)
        if order != 0 { return order > 0 }
        if left.flags != right.flags { return Int32(bitPattern: left.flags) > Int32(bitPattern: right.flags) }
        switch (left.hardwareCapabilityIndex, right.hardwareCapabilityIndex) {
        case (.some(let leftIndex), .some(let rightIndex)):
            let (leftName, rightName) = (hardwareCapabilityName(leftIndex), hardwareCapabilityName(rightIndex))
            if leftName != rightName { return leftName < rightName }
        case (.some, nil): return true
        case (nil, .some): return false
        case (nil, nil):
            let (leftBits, rightBits) = (left.hardwareCapabilities, right.hardwareCapabilities)
            if leftBits.nonzeroBitCount != rightBits.nonzeroBitCount {
                return leftBits.nonzeroBitCount > rightBits.nonzeroBitCount
            }
            if leftBits != rightBits { return leftBits > rightBits }
        }
        return left.kernelVersion > right.kernelVersion
    }

    /// The name of the subdirectory of that index; empty where the file has none.
    func hardwareCapabilityName(_ index: Int) -> ByteString {
        hardwareCapabilityNames.indices.contains(index) ? hardwareCapabilityNames[index] : ByteString()
    }

    /// Puts the entries in order; equal ones stay as they are to each other.
    mutating func sort() {
        if zip(entries, entries.dropFirst()).allSatisfy({ !precedes($1, $0) }) { return }
        let unsorted = entries
        entries = unsorted.indices.sorted { left, right in
            if precedes(unsorted[left], unsorted[right]) { return true }
            return left < right && !precedes(unsorted[right], unsorted[left])
        }.map { unsorted[$0] }
    }
}

extension LibraryCache.Entry {
    /// Bit 62 alone, but for the ISA level in bits 32 to 41, marks an entry of a glibc-hwcaps subdirectory, and the low
    /// half is the index of its name (dl-cache.h, `dl_cache_hwcap_extension`); nil for every other entry.
    var hardwareCapabilityIndex: Int? {
        (hardwareCapabilities >> 32) & ~0x3FF == 1 << 30 ? Int(UInt32(truncatingIfNeeded: hardwareCapabilities)) : nil
    }

    /// The architecture in the flags (dl-cache.h, FLAG_REQUIRED_MASK).
    var architecture: UInt32 { flags & 0xFF00 }
}
