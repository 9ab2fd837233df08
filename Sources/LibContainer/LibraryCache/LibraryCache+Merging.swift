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
        if !hardwareCapabilityNames.isEmpty || entries.contains(where: { $0.hardwareCapabilityIndex != nil }) {
            entries = entries.filter { entry in
                entry.hardwareCapabilityIndex.map { !hardwareCapabilityName($0).isEmpty } ?? true
            }
        }
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
