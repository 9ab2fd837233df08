// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// `/etc/ld.so.cache` of a root.
enum LibraryCacheFile {
    static let path: ByteString = "/etc/ld.so.cache"

    /// Bytes. A cache of 10,000 libraries has about 1 MiB.
    static let sizeLimit = 16 << 20

    /// Merges `additions` into the root's cache and writes it where that changes it. Returns whether it did.
    ///
    /// A cache that is missing, empty or damaged is written anew with the additions alone: the loader then searches its
    /// own directories for the rest, as it did with the damaged one. A link is replaced and its target left alone.
    static func merge(_ additions: [LibraryCache.Entry], into root: borrowing RootDirectory) throws(LinuxError) -> Bool
    {
        let current = try root.readFile(path, limit: sizeLimit)
        var cache = parse(current ?? [])
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
