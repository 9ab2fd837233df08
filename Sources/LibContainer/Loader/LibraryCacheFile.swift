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
        return try update(in: root) { cache in
            let count = cache.entries.count
            if let unused { cache.drop(unused, in: root) }
            if additions.isEmpty, cache.entries.count == count { return false }
            cache.merge(additions)
            return true
        }
    }

    /// Has `change` change what the root's cache has, and writes it where `change` returns true and the file becomes
    /// another. Returns whether it did. As for `merge`, a file that is no cache counts as an empty one.
    static func update(
        in root: borrowing RootDirectory, _ change: (inout LibraryCache) -> Bool
    ) throws(LinuxError) -> Bool {
        let current = try root.readFile(path, limit: sizeLimit)
        var cache = parse(current ?? [])
        guard change(&cache) else { return false }
        // Entries can share text so that the file gets larger; the next start would refuse to read that, and a write beyond
        // the hook's limit of a file's size would kill it.
        guard let changed = cache.serialized(), changed.count <= sizeLimit else {
            throw LinuxError("write", path, code: EFBIG)
        }
        if changed == current { return false }
        try root.replaceFile(at: path, contents: changed)
        return true
    }

    /// The paths in the root's cache; none where it can't be read.
    static func paths(in root: borrowing RootDirectory) -> [ByteString] {
        let current: [UInt8]?
        do throws(LinuxError) { current = try root.readFile(path, limit: sizeLimit) } catch { return [] }
        return parse(current ?? []).entries.map(\.path)
    }

    /// The names in the root's cache that are a library's own, for each directory; none where it can't be read.
    static func names(
        in root: borrowing RootDirectory
    ) -> [ByteString: [ByteString: DriverFile.LibraryClass]] {
        let current: [UInt8]?
        do throws(LinuxError) { current = try root.readFile(path, limit: sizeLimit) } catch { return [:] }
        var names: [ByteString: [ByteString: DriverFile.LibraryClass]] = [:]
        for entry in parse(current ?? []).entries
        where entry.hardwareCapabilityIndex == nil && entry.path.lastPathComponent == entry.name {
            guard let libraryClass = DriverFile.LibraryClass(cacheFlags: entry.flags) else { continue }
            names[entry.path.parentPath, default: [:]][entry.name] = libraryClass
        }
        return names
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
    /// The library in the loader's cache under `name`, which is a file beside it.
    func cacheEntry(named name: ByteString) -> LibraryCache.Entry {
        LibraryCache.Entry(flags: libraryClass.cacheFlags, name: name, path: directory.appending(component: name))
    }
}

extension DriverFile.LibraryClass {
    /// The flags of an entry of the loader's cache (dl-cache.h, FLAG_ELF_LIBC6 and the architecture).
    var cacheFlags: UInt32 {
        #if arch(x86_64)
            self == .native ? 0x0303 : 0x0003
        #elseif arch(arm64)
            self == .native ? 0x0A03 : 0x0903
        #endif
    }
}
