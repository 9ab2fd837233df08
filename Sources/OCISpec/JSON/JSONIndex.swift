// SPDX-License-Identifier: Apache-2.0

/// A value of a `JSONIndex`. Only meaningful with the index that gave it.
package struct JSONNode: Equatable, Sendable {
    /// The position in `JSONIndex.nodes`.
    let number: Int
}

/// Where the values of a JSON text are: a flat array in the order of the text, each container before its contents.
///
/// It holds positions only. The text stays the one copy of the document, so that whatever is not edited can be written
/// back byte for byte.
struct JSONIndex: Sendable {
    /// The types of JSON.
    enum Kind: UInt8, Sendable {
        case object, array, string, number, boolean, null

        /// With an article, for errors.
        var words: String {
            switch self {
            case .object: "an object"
            case .array: "an array"
            case .string: "a string"
            case .number: "a number"
            case .boolean: "a boolean"
            case .null: "null"
            }
        }
    }

    /// What the scanner noticed in a string or a key.
    struct Traits: OptionSet, Sendable {
        let rawValue: UInt8
        /// The value is a string with an escape; without one, the text between the quotes is the value.
        static let escaped = Traits(rawValue: 1)
        /// The value is a string with an escape of half a surrogate pair, which UTF-8 can't represent.
        static let loneSurrogate = Traits(rawValue: 2)
        /// The key has an escape or a byte above 0x7F: it has to be decoded before it is compared.
        static let intricateKey = Traits(rawValue: 4)
    }

    /// 24 bytes.
    struct Node: Sendable {
        /// The value's bytes, quotes or brackets included.
        var start: UInt32
        var end: UInt32
        /// The bytes between the quotes of the member's name; both 0 for elements of an array and for the root.
        var keyStart: UInt32
        var keyEnd: UInt32
        /// The number of the first node after the value and all of its contents.
        var next: UInt32
        var kind: Kind
        var traits: Traits

        var range: Range<Int> { Int(start)..<Int(end) }
        var key: Range<Int> { Int(keyStart)..<Int(keyEnd) }
    }

    /// Two members of one object whose names differ, but only in case.
    struct Twins: Sendable {
        let object: UInt32
        let member: UInt32
    }

    /// In the order of the text; never empty once the text was read.
    var nodes: [Node] = []
    /// In the order in which their objects end.
    var twins: [Twins] = []

    /// The outermost value.
    static let root = JSONNode(number: 0)

    subscript(node: JSONNode) -> Node { nodes[node.number] }

    /// The members of an object or the elements of an array, in order; empty for other values.
    func children(of parent: JSONNode) -> [JSONNode] {
        var children: [JSONNode] = []
        var child = parent.number + 1
        let end = Int(nodes[parent.number].next)
        while child < end {
            children.append(JSONNode(number: child))
            child = Int(nodes[child].next)
        }
        return children
    }
}
