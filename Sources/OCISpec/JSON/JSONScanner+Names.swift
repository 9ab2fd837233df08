// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Duplicate names.
extension JSONScanner {
    /// From this many members on, names are compared by hash first.
    private static let manyMembers = 24

    /// Refuses an object with two equal names, and records names that are equal but for their case.
    mutating func checkNames(of object: Int) throws(SpecError) {
        let members = index.children(of: JSONNode(number: object)).map(\.number)
        let needDecoding = members.contains { index.nodes[$0].traits.contains(.intricateKey) }
        if needDecoding || members.count >= Self.manyMembers {
            return try checkByHash(members, of: object)
        }
        for (position, member) in members.enumerated() {
            for earlier in members[..<position] where isEqualButForCase(earlier, member) {
                try compare(earlier, member, of: object)
            }
        }
    }

    /// Sorts by the hash of the folded name, then by that of the name itself, so that equal ones are neighbours. The
    /// hash has a random seed (Swift's `Hasher` takes one per process): names made to collide cost no more than others.
    private mutating func checkByHash(_ members: [Int], of object: Int) throws(SpecError) {
        var hashes = members.map { member in
            let name = JSONKey.decoded(text, index.nodes[member].key)
            return (folded: JSONKey.folded(name).hashValue, exact: name.hashValue, member: member)
        }
        hashes.sort { ($0.folded, $0.exact, $0.member) < ($1.folded, $1.exact, $1.member) }
        for (earlier, later) in zip(hashes, hashes.dropFirst()) where earlier.folded == later.folded {
            try compare(earlier.member, later.member, of: object)
        }
    }

    private mutating func compare(_ earlier: Int, _ later: Int, of object: Int) throws(SpecError) {
        let name = JSONKey.decoded(text, index.nodes[later].key)
        let other = JSONKey.decoded(text, index.nodes[earlier].key)
        guard JSONKey.folded(name) == JSONKey.folded(other) else { return }
        if name == other {
            let place = place(Int(index.nodes[later].keyStart) - 1)
            throw SpecError(.ambiguous, in: file, "\(place): duplicate member \"\(JSONText.shown(name))\"")
        }
        index.twins.append(
            JSONIndex.Twins(object: UInt32(truncatingIfNeeded: object), member: UInt32(truncatingIfNeeded: later)))
    }

    /// Whether two names without escapes and of ASCII only are equal but for their case.
    private func isEqualButForCase(_ left: Int, _ right: Int) -> Bool {
        let left = index.nodes[left].key
        let right = index.nodes[right].key
        return left.count == right.count
            && zip(left, right).allSatisfy { JSONKey.lowercase(text[$0]) == JSONKey.lowercase(text[$1]) }
    }
}
