// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension LibraryCache {
    /// Adds `additions`, an earlier one before a later one of the same name and flags, and puts the cache in order.
    ///
    /// They win: every entry of the same name and architecture goes, those of glibc-hwcaps subdirectories too. The
    /// loader takes one entry of a name and tries no second one if it does not open, and an image may hold a copy of
    /// the driver's libraries, of another version than the kernel's driver (one that was built with the driver in it).
    /// ldconfig would keep both, in the order of the directories.
    ///
    /// Entries whose glibc-hwcaps subdirectory has no name go too; no loader can use them.
    package mutating func merge(_ additions: [Entry]) {
        dropUnnamed()
        sort()
        var added = LibraryCache()
        for addition in additions where !added.entries.contains(addition) { added.entries.append(addition) }
        added.sort()

        var merged: [Entry] = []
        merged.reserveCapacity(entries.count + added.entries.count)
        var next = 0
        var rest = added.entries[...]
        while let name = rest.first?.name {
            let named = rest.prefix { $0.name == name }
            rest = rest.dropFirst(named.count)
            // The entries that the loader takes for the same name, which may be spelled otherwise ("so.01").
            let start = firstIndex(from: next) { Self.compareNames($0.name, name) <= 0 }
            let end = firstIndex(from: start) { Self.compareNames($0.name, name) < 0 }
            merged += entries[next..<start]
            var kept = LibraryCache()
            kept.entries = entries[start..<end].filter { entry in
                !named.contains { $0.architecture == entry.architecture }
            }
            kept.hardwareCapabilityNames = hardwareCapabilityNames
            kept.entries.insert(contentsOf: named, at: 0)
            kept.sort()
            merged += kept.entries
            next = end
        }
        entries = merged + entries[next...]
    }

    /// Adds `additions` beside the entries that are there, as ldconfig does with what it finds in a further directory: of
    /// the entries of one name and flags, the loader takes the first, and that is the one of the smallest `place`. The
    /// others stay as they are to each other. An entry for the same name, architecture and path is replaced.
    package mutating func insert(_ additions: [Entry], place: (Entry) -> Int) {
        dropUnnamed()
        let keys = Set(additions.map { Key($0) })
        entries = entries.filter { $0.hardwareCapabilityIndex != nil || !keys.contains(Key($0)) }
        sort()
        var added = LibraryCache()
        added.hardwareCapabilityNames = hardwareCapabilityNames
        var seen: Set<Key> = []
        let places = additions.filter { seen.insert(Key($0)).inserted }.map { (place($0), $0) }
        added.entries = places.indices.sorted { (places[$0].0, $0) < (places[$1].0, $1) }.map { places[$0].1 }
        added.sort()

        var merged: [Entry] = []
        merged.reserveCapacity(entries.count + added.entries.count)
        var rest = added.entries[...]
        for entry in entries {
            while let addition = rest.first,
                precedes(addition, entry)
                    || !precedes(entry, addition) && place(addition) < place(entry)
            {
                merged.append(addition)
                rest.removeFirst()
            }
            merged.append(entry)
        }
        entries = merged + rest
    }

    /// What two entries for the same library have in common.
    private struct Key: Hashable {
        let name: ByteString
        let path: ByteString
        let architecture: UInt32

        init(_ entry: Entry) { (name, path, architecture) = (entry.name, entry.path, entry.architecture) }
    }

    /// Takes out the entries whose glibc-hwcaps subdirectory has no name.
    private mutating func dropUnnamed() {
        guard !hardwareCapabilityNames.isEmpty || entries.contains(where: { $0.hardwareCapabilityIndex != nil })
        else { return }
        entries = entries.filter { entry in
            entry.hardwareCapabilityIndex.map { !hardwareCapabilityName($0).isEmpty } ?? true
        }
    }

    /// The first index from `start` on whose entry fulfils `condition`, which all later ones must fulfil too.
    private func firstIndex(from start: Int, where condition: (Entry) -> Bool) -> Int {
        var (low, high) = (start, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if condition(entries[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
