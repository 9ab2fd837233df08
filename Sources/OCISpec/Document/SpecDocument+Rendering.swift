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
        try collectNetDevices(in: &changes)
        try collectIntelRDT(in: &changes)
        try add(changes.missing, to: json.root, in: &changes)
        return changes.applied(to: json.text)
    }

    /// What to do to the text.
    private struct Changes {
        /// No two overlap, and no two start at the same place.
        private var splices: [Splice] = []
        /// Values that the text does not have.
        var missing: [Addition] = []

        func applied(to text: [UInt8]) -> [UInt8] {
            var result: [UInt8] = []
            result.reserveCapacity(splices.reduce(text.count) { $0 + $1.bytes.count })
            var position = 0
            for splice in splices.sorted(by: { $0.start < $1.start }) {
                result += text[position..<splice.start]
                result += splice.bytes
                position = splice.end
            }
            result += text[position...]
            return result
        }

        /// Puts `bytes` in the place of `range` of the text.
        mutating func replace(_ range: Range<Int>, with bytes: [UInt8]) {
            splices.append(Splice(start: range.lowerBound, end: range.upperBound, bytes: bytes))
        }
    }

    /// Bytes that take the place of a range of the text. Its bounds, since an array of ranges is a type that the Swift
    /// runtime takes long to make.
    private struct Splice {
        let start: Int
        let end: Int
        let bytes: [UInt8]
    }

    /// A value to add, and the names of the members on the way to it.
    private struct Addition {
        let path: ArraySlice<StaticString>
        let text: [UInt8]
    }

    /// Additions below the member `name`, their paths being the rest of the way.
    private struct AdditionGroup {
        let name: StaticString
        var additions: [Addition]
    }

    /// Bytes that an element of a list has about: a mount of a library.
    private static let elementSize = 256

    private func collect<Element: SpecElement>(
        _ list: EditedList<Element>?, at path: [StaticString], in changes: inout Changes
    ) throws(SpecError) {
        guard let list, list.isModified else { return }
        guard let array = try json.node(at: path) else {
            var writer = JSONWriter(file: json.file, capacity: list.elements.count * Self.elementSize)
            writer.array { list.write(list.elements.indices, to: &$0) }
            changes.missing.append(Addition(path: path[...], text: try writer.finished()))
            return
        }
        let kept = list.elements.indices.filter { list.elements[$0].original != nil }
        var next = kept[...]
        let nodes = json.index.children(of: array)
        var keeps: [Bool] = []
        for node in nodes {
            // Elements of the text are in its order.
            let isKept = next.first.map { list.elements[$0].original == node } ?? false
            keeps.append(isKept)
            if isKept { next.removeFirst() }
        }
        // What is new goes before the one that stays and follows it in the list.
        var start = 0
        for position in kept {
            defer { start = position + 1 }
            let element = list.elements[position]
            guard let original = element.original, start < position || element.replacement != nil else { continue }
            let range = json.index[original].range
            let end = element.replacement == nil ? range.lowerBound : range.upperBound
            var added = try text(of: list, start..<(position + 1))
            if element.replacement == nil { added.append(UInt8(ascii: ",")) }
            changes.replace(range.lowerBound..<end, with: added)
        }
        let lastKept = keeps.lastIndex(of: true)
        let added = try text(of: list, start..<list.elements.count, continuesList: lastKept != nil)
        // What goes before the last one that stays goes with the comma behind it.
        for position in 0..<(lastKept ?? 0) where !keeps[position] {
            let (gone, next) = (json.index[nodes[position]].range, json.index[nodes[position + 1]].range)
            changes.replace(gone.lowerBound..<next.lowerBound, with: [])
        }
        // What goes behind it goes with the comma before it, and new elements take its place.
        let end = nodes.last.map { json.index[$0].range.upperBound }
        if let lastKept, let end {
            changes.replace(json.index[nodes[lastKept]].range.upperBound..<end, with: added)
        } else {
            let start = nodes.first.map { json.index[$0].range.lowerBound } ?? json.index[array].range.lowerBound + 1
            changes.replace(start..<(end ?? start), with: added)
        }
    }

    /// What is written for the elements of `list` at `positions`, with commas between them, and one before them where
    /// they continue a list.
    private func text<Element: SpecElement>(
        of list: EditedList<Element>, _ positions: Range<Int>, continuesList: Bool = false
    ) throws(SpecError) -> [UInt8] {
        var writer = JSONWriter(
            file: json.file, capacity: positions.count * Self.elementSize, continuesList: continuesList)
        list.write(positions, to: &writer)
        return try writer.finished()
    }

    private func collectNetDevices(in changes: inout Changes) throws(SpecError) {
        guard let netDeviceEdits, netDeviceEdits.isModified else { return }
        guard let node = try json.node(at: Path.netDevices) else {
            var writer = JSONWriter(file: json.file)
            writer.object { netDeviceEdits.write(to: &$0) }
            changes.missing.append(Addition(path: Path.netDevices[...], text: try writer.finished()))
            return
        }
        let end = end(of: node)
        var writer = JSONWriter(file: json.file, continuesList: end.continuesList)
        netDeviceEdits.write(to: &writer)
        changes.replace(end.position..<end.position, with: try writer.finished())
    }

    private func collectIntelRDT(in changes: inout Changes) throws(SpecError) {
        guard let intelRDTEdit else { return }
        var writer = JSONWriter(file: json.file)
        intelRDTEdit.write(to: &writer)
        let text = try writer.finished()
        if let node = try json.node(at: Path.intelRDT) {
            changes.replace(json.index[node].range, with: text)
        } else {
            changes.missing.append(Addition(path: Path.intelRDT[...], text: text))
        }
    }

    /// Adds members to the object at `parent`: those that `additions` name first. Goes down where the object has them.
    private func add(
        _ additions: [Addition], to parent: JSONNode, in changes: inout Changes
    ) throws(SpecError) {
        let end = end(of: parent)
        var members: [UInt8] = []
        for group in Self.grouped(additions) {
            if let node = try json.memberOrNull(of: parent, named: group.name) {
                if json.isNull(node) {
                    var value: [UInt8] = []
                    Self.append(group.additions, to: &value)
                    changes.replace(json.index[node].range, with: value)
                } else {
                    try add(group.additions, to: node, in: &changes)
                }
            } else {
                if end.continuesList || !members.isEmpty { members.append(UInt8(ascii: ",")) }
                Self.append(group, to: &members)
            }
        }
        if !members.isEmpty { changes.replace(end.position..<end.position, with: members) }
    }

    /// Where members are added to the object at `parent`, and whether it has some before.
    private func end(of parent: JSONNode) -> (position: Int, continuesList: Bool) {
        guard let last = json.index.children(of: parent).last else {
            return (json.index[parent].range.lowerBound + 1, false)
        }
        return (json.index[last].range.upperBound, true)
    }

    /// The additions by the first name of their paths, in order, with that name taken off.
    private static func grouped(_ additions: [Addition]) -> [AdditionGroup] {
        var groups: [AdditionGroup] = []
        for addition in additions {
            guard let name = addition.path.first else { continue }
            let rest = Addition(path: addition.path.dropFirst(), text: addition.text)
            if let group = groups.firstIndex(where: {
                ByteString(stringLiteral: $0.name) == ByteString(stringLiteral: name)
            }) {
                groups[group].additions.append(rest)
            } else {
                groups.append(AdditionGroup(name: name, additions: [rest]))
            }
        }
        return groups
    }

    /// Appends the value that `additions` make where there is nothing yet.
    private static func append(_ additions: [Addition], to text: inout [UInt8]) {
        if let only = additions.first, only.path.isEmpty {
            text += only.text
            return
        }
        text.append(UInt8(ascii: "{"))
        for (position, group) in grouped(additions).enumerated() {
            if position > 0 { text.append(UInt8(ascii: ",")) }
            append(group, to: &text)
        }
        text.append(UInt8(ascii: "}"))
    }

    /// Appends a member.
    private static func append(_ group: AdditionGroup, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        group.name.withUTF8Buffer { text += $0 }
        text += [UInt8(ascii: "\""), UInt8(ascii: ":")]
        append(group.additions, to: &text)
    }
}
