// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// `/etc/ld.so.cache` of a root.
enum LibraryCacheFile {
    static let path: ByteString = "/etc/ld.so.cache"

    /// Bytes. A cache of 10,000 libraries has about 1 MiB.
    static let sizeLimit = 16 << 20

    /// Merges `additions` into the root's cache, takes out what leads to `unused`, and writes it where that changes it.
    /// Returns whether it did.
    ///
    /// A cache that is missing, empty or damaged is written anew with the additions alone: the loader then searches its
    /// own directories for the rest, as it did with the damaged one. A link is replaced and its target left alone.
    static func merge(
        _ additions: [LibraryCache.Entry], dropping unused: CompatibilityListing? = nil,
        into root: borrowing RootDirectory
    ) throws(LinuxError) -> Bool {
        if additions.isEmpty, unused == nil { return false }
        let current = try root.readFile(path, limit: sizeLimit)
        var cache = parse(current ?? [])
        let count = cache.entries.count
        if let unused { cache.drop(unused, in: root) }
        if additions.isEmpty, cache.entries.count == count { return false }
        cache.merge(additions)
        guard let merged = cache.serialized() else { throw LinuxError("write", path, code: EFBIG) }
        if merged == current { return false }
        try root.replaceFile(at: path, contents: merged)
        return true
    }

    /// The paths in the root's cache; none where it can't be read.
    static func paths(in root: borrowing RootDirectory) -> [ByteString] {
        let current: [UInt8]?
        do throws(LinuxError) { current = try root.readFile(path, limit: sizeLimit) } catch { return [] }
        return parse(current ?? []).entries.map(\.path)
    }

    private static func parse(_ bytes: [UInt8]) -> LibraryCache {
        do throws(LibraryCache.Failure) { return try LibraryCache(parsing: bytes) } catch { return LibraryCache() }
    }
}

extension LibraryCache {
    /// Takes out what leads to an image's compat libraries.
    fileprivate mutating func drop(_ unused: CompatibilityListing, in root: borrowing RootDirectory) {
        var known: [ByteString: Bool] = [:]
        var kept: [Entry] = []
        kept.reserveCapacity(entries.count)
        for entry in entries {
            if CompatibilityLibrary.mayBeNamed(entry.name), unused.contains(entry.path, in: root, known: &known) {
                continue
            }
            kept.append(entry)
        }
        entries = kept
    }
}

extension LoaderUpdate.Library {
    /// The library in the loader's cache under `name`, which is a file beside it (dl-cache.h, FLAG_ELF_LIBC6 and the
    /// architecture).
    func cacheEntry(named name: ByteString) -> LibraryCache.Entry {
        #if arch(x86_64)
            let (native, compat32) = (0x0303 as UInt32, 0x0003 as UInt32)
        #elseif arch(arm64)
            let (native, compat32) = (0x0A03 as UInt32, 0x0903 as UInt32)
        #endif
        return LibraryCache.Entry(
            flags: libraryClass == .native ? native : compat32, name: name,
            path: directory.appending(component: name))
    }
}
