// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Which names are like one that does not exist.
enum NearestNames {
    /// Names longer than this are compared by their beginnings: the cost is the product of the lengths.
    private static let comparedLength = 64

    /// Up to `limit` of `names`, the likest to `wanted` first; of those that are as like as each other, in byte order.
    static func of(_ wanted: ByteString, in names: [ByteString], limit: Int = 3) -> [ByteString] {
        let ranked = names.map { (distance: distance(wanted, $0), name: $0) }
        return ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(limit).map(\.name)
    }

    /// The Levenshtein distance: how many bytes must be inserted, removed or replaced.
    private static func distance(_ left: ByteString, _ right: ByteString) -> Int {
        let left = left.bytes.prefix(comparedLength)
        let right = right.bytes.prefix(comparedLength)
        var previous = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                let replaced = previous[column] + (byte == other ? 0 : 1)
                current.append(min(replaced, previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[right.count]
    }
}
