// SPDX-License-Identifier: Apache-2.0

/// `/etc/ld.so.cache` in the three layouts that ldconfig has written.
struct CacheImage {
    enum Format: CaseIterable {
        /// `ld.so-1.7.0` only.
        case old
        /// `glibc-ld.so.cache1.1` only.
        case new
        /// The new one behind an old one without entries of its own.
        case combined
    }

    struct Entry {
        var name: String
        var path: String
        var flags: UInt32
    }

    #if arch(arm64)
        static let native: UInt32 = 0x0A03
        static let compat32: UInt32 = 0x0903
    #else
        static let native: UInt32 = 0x0303
        static let compat32: UInt32 = 0x0003
    #endif

    var entries: [Entry]

    func bytes(_ format: Format) -> [UInt8] {
        switch format {
        case .old:
            let header = Array("ld.so-1.7.0".utf8) + [0] + ELFImage.little(UInt32(entries.count))
            let (table, strings) = entries(stringsAt: 0, isNew: false)
            return header + table + strings
        case .new: return newPart
        case .combined:
            return Array("ld.so-1.7.0".utf8) + [0] + ELFImage.little(UInt32(0)) + newPart
        }
    }

    private var newPart: [UInt8] {
        let (table, strings) = entries(stringsAt: 48 + 24 * entries.count, isNew: true)
        return Array("glibc-ld.so.cache1.1".utf8) + ELFImage.little(UInt32(entries.count))
            + ELFImage.little(UInt32(strings.count)) + [UInt8](repeating: 0, count: 20) + table + strings
    }

    private func entries(stringsAt start: Int, isNew: Bool) -> (table: [UInt8], strings: [UInt8]) {
        var table: [UInt8] = []
        var strings: [UInt8] = []
        for entry in entries {
            table += ELFImage.little(entry.flags) + ELFImage.little(UInt32(start + strings.count))
            strings += Array(entry.name.utf8) + [0]
            table += ELFImage.little(UInt32(start + strings.count))
            strings += Array(entry.path.utf8) + [0]
            if isNew { table += [UInt8](repeating: 0, count: 12) }
        }
        return (table, strings)
    }
}
