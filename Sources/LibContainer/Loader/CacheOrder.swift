// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Which of several libraries of one name the loader is to take: the place of each path among the others.
struct CacheOrder {
    private let compatibility: Set<ByteString>
    /// Paths of libraries that are mounted, one by one.
    private var mounted: Set<ByteString> = []
    private var places: [ByteString: Int] = [:]

    /// CUDA compat libraries stand first, then what `prefer` finds mounted, then `unlisted` directories, which ld.so.conf
    /// does not lead to, and then the others as ldconfig has them.
    init(_ search: LoaderSearchPath, before unlisted: [ByteString]) {
        compatibility = Set(search.directories.filter(\.hasForwardCompatibility).map(\.path))
        let listed = search.directories.map(\.path)
        for path in unlisted.filter({ !listed.contains($0) }) + listed where places[path] == nil {
            places[path] = places.count
        }
    }

    /// Finds out which of `additions` are mounted. Only those are looked at that are not alone with their name.
    mutating func prefer(
        mounted additions: [LibraryCache.Entry], among entries: [LibraryCache.Entry], in root: borrowing RootDirectory
    ) {
        var paths: [ByteString: ByteString] = [:]
        var contested: Set<ByteString> = []
        for entry in entries + additions {
            if let path = paths.updateValue(entry.path, forKey: entry.name), path != entry.path {
                contested.insert(entry.name)
            }
        }
        for entry in additions where contested.contains(entry.name) && root.isMounted(entry.path) {
            mounted.insert(entry.path)
        }
    }

    /// Smaller is earlier.
    func place(of path: ByteString) -> Int {
        let directory = path.parentPath
        if compatibility.contains(directory) { return -2 }
        if mounted.contains(path) { return -1 }
        return places[directory] ?? Int.max
    }
}

extension LibraryCache {
    /// Makes `folders` have the entries of their libraries, and no others but of what is no library of this machine.
    mutating func replace(_ folders: [LibraryFolder], in order: CacheOrder, _ root: borrowing RootDirectory) {
        var additions: [Entry] = []
        for folder in folders {
            additions += folder.libraries.map { library in
                Entry(
                    flags: library.libraryClass.cacheFlags, name: library.name,
                    path: folder.path.appending(component: library.name))
            }
        }
        let present = Set(additions.map(\.path))
        let paths = Set(folders.map(\.path))
        var kept: [Entry] = []
        kept.reserveCapacity(entries.count)
        for entry in entries {
            let isGone =
                paths.contains(entry.path.parentPath) && !present.contains(entry.path)
                && DriverFile.LibraryClass(cacheFlags: entry.flags) != nil
                && (entry.path.lastPathComponent == entry.name || !root.mayContain(entry.path))
            if !isGone { kept.append(entry) }
        }
        entries = kept
        var order = order
        order.prefer(mounted: additions, among: entries, in: root)
        insert(additions) { order.place(of: $0.path) }
    }
}
