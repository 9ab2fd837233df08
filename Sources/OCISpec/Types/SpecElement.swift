// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// An element of one of the lists that we edit, or another value that we put in as a whole.
protocol SpecElement: Equatable {
    /// What an element is found by.
    associatedtype Key: Equatable

    /// The key of this element.
    var key: Key { get }

    /// Reads the key of the element at `node`.
    static func key(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) -> Key

    /// Reads the element at `node`.
    init(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError)

    /// Writes it. Members that say nothing are left out, as Go does.
    func write(to json: inout JSONWriter)
}

extension SpecElement where Key == Self {
    var key: Self { self }

    static func key(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) -> Self {
        try Self(reading: document, at: node)
    }
}

extension SpecElement {
    /// Whether the text at `node` is this element, and nothing more: no members that we don't read.
    func isText(at node: JSONNode, of document: borrowing JSONDocument) throws(SpecError) -> Bool {
        guard try Self(reading: document, at: node) == self else { return false }
        var writer = JSONWriter(file: document.file)
        write(to: &writer)
        return document.index.children(of: node).count == writer.memberCount
    }
}

/// An entry of `process.env`.
extension ByteString: SpecElement {
    typealias Key = ByteString

    init(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) {
        self = try document.string(at: node)
    }

    func write(to json: inout JSONWriter) { json.string(self) }
}

/// A group ID.
extension UInt32: SpecElement {
    typealias Key = UInt32

    init(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) {
        self = try document.integer(at: node)
    }

    func write(to json: inout JSONWriter) { json.integer(Int64(self)) }
}
