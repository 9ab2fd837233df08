// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Writing the edits into the text.
extension SpecDocument {
    /// The text with all edits; exactly the text as it was read where there are none.
    ///
    /// Throws where an edit has a string that JSON can't carry: one with NUL, or not UTF-8.
    package func rendered() throws(SpecError) -> [UInt8] {
        var changes = Changes()
        try collect(environmentEdits, at: Path.environment, in: &changes)
        try collect(additionalGIDEdits, at: Path.additionalGIDs, in: &changes)
        try collect(mountEdits, at: Path.mounts, in: &changes)
        try collect(deviceEdits, at: Path.devices, in: &changes)
        try collect(deviceRuleEdits, at: Path.deviceRules, in: &changes)
        for stage in SpecHook.Stage.allCases {
            try collect(hookEdits[stage], at: Path.hooks(stage), in: &changes)
        }
        try add(changes.missing[...], to: json.root, in: &changes)
        return changes.applied(to: json.text)
    }

    /// What to do to the text.
    private struct Changes {
        /// Bytes that take the place of a range of the text. No two overlap, and no two start at the same place.
        var splices: [(range: Range<Int>, bytes: [UInt8])] = []
        /// Lists that the text does not have.
        var missing: [Addition] = []

        func applied(to text: [UInt8]) -> [UInt8] {
            var result: [UInt8] = []
            result.reserveCapacity(splices.reduce(text.count) { $0 + $1.bytes.count })
            var position = 0
            for splice in splices.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
                result += text[position..<splice.range.lowerBound]
                result += splice.bytes
                position = splice.range.upperBound
            }
            result += text[position...]
            return result
        }
    }

    /// A value to add, and the names of the members on the way to it.
    private struct Addition {
        let path: ArraySlice<StaticString>
        let text: [UInt8]
    }

    /// Bytes that an element of a list has about: a mount of a library.
    private static let elementSize = 256

    private func collect<Element: SpecElement>(
        _ list: EditedList<Element>?, at path: [StaticString], in changes: inout Changes
    ) throws(SpecError) {
        guard let list, list.isModified else { return }
        var writer = JSONWriter(file: json.file, capacity: list.entries.count * Self.elementSize)
        for entry in list.entries where entry.original == nil { entry.replacement?.write(to: &writer) }
        var added = try writer.finished()
        guard let array = try json.node(at: path) else {
            let text = [UInt8(ascii: "[")] + added + [UInt8(ascii: "]")]
            changes.missing.append(Addition(path: path[...], text: text))
            return
        }
        var kept = list.entries.compactMap(\.original)[...]
        var elements: [Range<Int>] = []
        var keeps: [Bool] = []
        for node in json.index.children(of: array) {
            elements.append(json.index[node].range)
            // Entries of the text are in its order.
            keeps.append(kept.first == node)
            if kept.first == node { kept.removeFirst() }
        }
        for entry in list.entries {
            guard let node = entry.original, let element = entry.replacement else { continue }
            var writer = JSONWriter(file: json.file)
            element.write(to: &writer)
            changes.splices.append((json.index[node].range, try writer.finished()))
        }
        let lastKept = keeps.lastIndex(of: true)
        // What goes before the last one that stays goes with the comma behind it.
        for position in 0..<(lastKept ?? 0) where !keeps[position] {
            changes.splices.append((elements[position].lowerBound..<elements[position + 1].lowerBound, []))
        }
        // What goes behind it goes with the comma before it, and new elements take its place.
        let end = elements.last?.upperBound
        if let lastKept, let end {
            let start = elements[lastKept].upperBound
            if !added.isEmpty { added.insert(UInt8(ascii: ","), at: 0) }
            changes.splices.append((start..<end, added))
        } else {
            let start = elements.first?.lowerBound ?? json.index[array].range.lowerBound + 1
            changes.splices.append((start..<(end ?? start), added))
        }
    }

    /// Adds members to the object at `parent`: those that `additions` name first. Goes down where the object has them.
    private func add(
        _ additions: ArraySlice<Addition>, to parent: JSONNode, in changes: inout Changes
    ) throws(SpecError) {
        var members: [UInt8] = []
        for group in Self.grouped(additions) {
            let value = Self.text(of: group.additions)
            if let node = try json.memberOrNull(of: parent, named: group.name) {
                if json.isNull(node) {
                    changes.splices.append((json.index[node].range, value))
                } else {
                    try add(group.additions, to: node, in: &changes)
                }
            } else {
                if !members.isEmpty { members.append(UInt8(ascii: ",")) }
                members += Self.member(group.name, value)
            }
        }
        guard !members.isEmpty else { return }
        if let last = json.index.children(of: parent).last {
            let end = json.index[last].range.upperBound
            changes.splices.append((end..<end, [UInt8(ascii: ",")] + members))
        } else {
            let start = json.index[parent].range.lowerBound + 1
            changes.splices.append((start..<start, members))
        }
    }

    /// The additions by the first name of their paths, in order, with that name taken off.
    private static func grouped(
        _ additions: ArraySlice<Addition>
    ) -> [(name: StaticString, additions: ArraySlice<Addition>)] {
        var groups: [(name: StaticString, additions: ArraySlice<Addition>)] = []
        for addition in additions {
            guard let name = addition.path.first else { continue }
            let rest = Addition(path: addition.path.dropFirst(), text: addition.text)
            if let group = groups.firstIndex(where: {
                ByteString(stringLiteral: $0.name) == ByteString(stringLiteral: name)
            }) {
                groups[group].additions.append(rest)
            } else {
                groups.append((name, [rest]))
            }
        }
        return groups
    }

    /// The value that `additions` make where there is nothing yet.
    private static func text(of additions: ArraySlice<Addition>) -> [UInt8] {
        if let only = additions.first, only.path.isEmpty { return only.text }
        var text = [UInt8(ascii: "{")]
        for group in grouped(additions) {
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            text += member(group.name, Self.text(of: group.additions))
        }
        return text + [UInt8(ascii: "}")]
    }

    private static func member(_ name: StaticString, _ value: [UInt8]) -> [UInt8] {
        [UInt8(ascii: "\"")] + ByteString(stringLiteral: name).bytes + Array("\":".utf8) + value
    }
}
