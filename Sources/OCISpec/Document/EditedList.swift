// SPDX-License-Identifier: Apache-2.0

/// A list of the document while it is edited.
///
/// Of the elements that are in the text, only the keys are read: a spec has dozens of mounts, and an edit needs the
/// rest of one at most.
struct EditedList<Element: SpecElement> {
    /// One element: its key, where it is in the text (nil for one that was appended), and what is written (nil where the
    /// original text stays). A tuple, since generic types are built at run time, in every start.
    typealias Entry = (key: Element.Key, original: JSONNode?, replacement: Element?)

    private(set) var entries: [Entry] = []
    private let originalCount: Int

    /// The list at `path` of `document`; empty where it is missing or null.
    init(of document: borrowing JSONDocument, at path: [StaticString]) throws(SpecError) {
        guard let node = try document.node(at: path) else {
            originalCount = 0
            return
        }
        let nodes = try document.elements(of: node)
        originalCount = nodes.count
        for node in nodes {
            entries.append((try Element.key(reading: document, at: node), node, nil))
        }
    }

    /// Whether the list would be written differently.
    var isModified: Bool {
        entries.count != originalCount || entries.contains { $0.replacement != nil }
    }

    /// Adds an entry at the end.
    mutating func append(_ element: Element) {
        entries.append((element.key, nil, element))
    }

    /// Puts `element` in the place of the last entry whose key `isSame` takes, or appends it where there is none. An
    /// entry that says exactly the same already keeps its text. Earlier ones are removed if `isUnique`.
    mutating func put(
        _ element: Element, in document: borrowing JSONDocument, isUnique: Bool,
        replacing isSame: (Element.Key) -> Bool
    ) throws(SpecError) {
        guard let last = entries.lastIndex(where: { isSame($0.key) }) else { return append(element) }
        let original = entries[last].original
        let isThere = if let original { try Self.text(of: document, at: original, says: element) } else { false }
        entries[last] = (element.key, original, isThere ? nil : element)
        guard isUnique, entries[..<last].contains(where: { isSame($0.key) }) else { return }
        entries = entries[..<last].filter { !isSame($0.key) } + entries[last...]
    }

    /// Removes the entries whose key `isUnwanted` takes.
    mutating func removeAll(where isUnwanted: (Element.Key) -> Bool) {
        entries.removeAll { isUnwanted($0.key) }
    }

    /// Whether the text at `node` is `element`, and nothing more: no members that we don't read.
    private static func text(
        of document: borrowing JSONDocument, at node: JSONNode, says element: Element
    ) throws(SpecError) -> Bool {
        guard try Element(reading: document, at: node) == element else { return false }
        var writer = JSONWriter(file: document.file)
        element.write(to: &writer)
        return document.index.children(of: node).count == writer.memberCount
    }
}
