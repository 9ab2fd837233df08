// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What a reader needs that looks at every value of a document, such as one that refuses members it does not know.
extension JSONDocument {
    package func isArray(_ node: JSONNode) -> Bool { index[node].kind == .array }

    package func isString(_ node: JSONNode) -> Bool { index[node].kind == .string }

    package func isNumber(_ node: JSONNode) -> Bool { index[node].kind == .number }

    package func isBoolean(_ node: JSONNode) -> Bool { index[node].kind == .boolean }

    /// Whether the value at `node` is what Go's `omitempty` leaves out: null, `""`, `[]`, `{}`, `false` or `0`.
    package func isEmpty(_ node: JSONNode) -> Bool {
        switch index[node].kind {
        case .object, .array: Int(index[node].next) == node.number + 1
        case .string: index[node].range.count == 2
        case .boolean: text[Int(index[node].start)] == UInt8(ascii: "f")
        case .number: text[index[node].range].elementsEqual([UInt8(ascii: "0")])
        case .null: true
        }
    }

    /// Calls `body` with the name, escapes decoded, and the value of each member of the object at `parent`, in order. Does
    /// nothing where that is no object. Takes no memory for names without escapes.
    package func forEachMember(
        of parent: JSONNode, _ body: (ArraySlice<UInt8>, JSONNode) throws(SpecError) -> Void
    ) throws(SpecError) {
        guard isObject(parent) else { return }
        var number = parent.number + 1
        let end = Int(index[parent].next)
        while number < end {
            let member = index.nodes[number]
            let name =
                member.traits.contains(.intricateKey) ? JSONKey.decoded(text, member.key)[...] : text[member.key]
            try body(name, JSONNode(number: number))
            number = Int(member.next)
        }
    }

    /// Calls `body` with each element of the array at `parent`, in order. Does nothing where that is no array.
    package func forEachElement(
        of parent: JSONNode, _ body: (JSONNode) throws(SpecError) -> Void
    ) throws(SpecError) {
        guard isArray(parent) else { return }
        var number = parent.number + 1
        let end = Int(index[parent].next)
        while number < end {
            try body(JSONNode(number: number))
            number = Int(index.nodes[number].next)
        }
    }

    /// The text of the number, `true` or `false` at `node`, as it is written.
    package func literal(at node: JSONNode) -> ByteString { ByteString(text[index[node].range]) }

    /// The line in which the value at `node` starts, counted from 1.
    package func line(of node: JSONNode) -> Int {
        text[..<Int(index[node].start)].count { $0 == 0x0A } + 1
    }
}
