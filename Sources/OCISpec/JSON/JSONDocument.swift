// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A JSON text that was read whole, checked, and indexed; read-only. `SpecDocument` adds edits.
package struct JSONDocument: ~Copyable {
    /// The whole text, as it was read.
    let text: [UInt8]
    /// Names the text in errors.
    package let file: ByteString
    /// Where the values are in `text`.
    let index: JSONIndex
    /// Reads what is more than a slice of `text`.
    let codec: JSONCodec

    /// Reads `text` without changing it. Throws where it isn't JSON, or is JSON that readers understand differently.
    ///
    /// Names in one object that differ only in case are refused by `requireOneCase`, which the user of a document calls
    /// when it knows which objects are maps.
    ///
    /// `showsColumns` is false where `text` was made from another format line by line: errors then name the line only.
    package init(
        parsing text: [UInt8], file: ByteString, limits: JSONLimits, showsColumns: Bool = true
    ) throws(SpecError) {
        let index = try JSONScanner.scan(text, file: file, limits: limits, showsColumns: showsColumns)
        let codec = try JSONCodec(file: file)
        self.text = text
        self.file = file
        self.index = index
        self.codec = codec
    }

    /// The outermost value, of any type.
    package var root: JSONNode { JSONIndex.root }

    /// Refuses objects with two names that differ only in case, since Go's encoding/json would take both for the same
    /// member. The objects in `maps` are exempt: they are Go maps, whose keys are compared exactly.
    package func requireOneCase(except maps: [JSONNode]) throws(SpecError) {
        for twins in index.twins where !maps.contains(JSONNode(number: Int(twins.object))) {
            let node = JSONNode(number: Int(twins.member))
            throw error(.ambiguous, at: node, "another member has this name in other letter case")
        }
    }

    /// Whether the value at `node` is null.
    package func isNull(_ node: JSONNode) -> Bool { index[node].kind == .null }

    /// Whether the value at `node` is an object.
    package func isObject(_ node: JSONNode) -> Bool { index[node].kind == .object }

    /// The member of the object at `parent`, or nil where there is none or it is null, which Go reads the same. Throws
    /// where `parent` is no object, and where a member has this name in other letter case: runc would read it, crun
    /// not.
    package func member(of parent: JSONNode, named name: StaticString) throws(SpecError) -> JSONNode? {
        guard let node = try memberOrNull(of: parent, named: name), !isNull(node) else { return nil }
        return node
    }

    /// As `member(of:named:)`, but gives the node of a member that is null.
    func memberOrNull(of parent: JSONNode, named name: StaticString) throws(SpecError) -> JSONNode? {
        try require(.object, at: parent)
        let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        var foldedTwin: JSONNode?
        var number = parent.number + 1
        let end = Int(index[parent].next)
        while number < end {
            let member = index.nodes[number]
            if member.traits.contains(.intricateKey) {
                let key = JSONKey.decoded(text, member.key)
                if key.elementsEqual(wanted) { return JSONNode(number: number) }
                if JSONKey.folded(key).elementsEqual(JSONKey.folded(Array(wanted))) {
                    foldedTwin = JSONNode(number: number)
                }
            } else if member.key.count == wanted.count {
                let key = text[member.key]
                if key.elementsEqual(wanted) { return JSONNode(number: number) }
                if key.elementsEqual(wanted, by: { JSONKey.lowercase($0) == JSONKey.lowercase($1) }) {
                    foldedTwin = JSONNode(number: number)
                }
            }
            number = Int(member.next)
        }
        if let foldedTwin {
            throw error(.ambiguous, at: foldedTwin, "must be written \"\(name)\": runtimes differ in what they read")
        }
        return nil
    }

    /// The node at the end of `path`, or nil where a member on the way is missing or null.
    package func node(at path: [StaticString]) throws(SpecError) -> JSONNode? {
        var node = root
        for name in path {
            guard let member = try member(of: node, named: name) else { return nil }
            node = member
        }
        return node
    }

    /// The elements of the array at `node`. Throws where it is none.
    package func elements(of node: JSONNode) throws(SpecError) -> [JSONNode] {
        try require(.array, at: node)
        return index.children(of: node)
    }

    /// The members of the object at `node` with their names, in order. Throws where it is none.
    package func members(of node: JSONNode) throws(SpecError) -> [(name: ByteString, value: JSONNode)] {
        try require(.object, at: node)
        return index.children(of: node).map { (ByteString(JSONKey.decoded(text, index[$0].key)), $0) }
    }

    /// Throws unless the value at `node` is of `kind`.
    func require(_ kind: JSONIndex.Kind, at node: JSONNode) throws(SpecError) {
        let found = index[node].kind
        guard found == kind else { throw error(.wrongType, at: node, "must be \(kind.words), is \(found.words)") }
    }
}
