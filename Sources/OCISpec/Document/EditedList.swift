// SPDX-License-Identifier: Apache-2.0

/// An element of an `EditedList`. Not declared inside of it: what is in a generic type is generic too, and such types are
/// built at run time, in every start.
struct EditedElement {
    /// Where it is in the text; nil for one that was added.
    var original: JSONNode?
    /// What is written, as the list's position of it; nil where the original text stays.
    var replacement: Int?
}

/// A list of the document while it is edited.
///
/// Of the elements that are in the text, only the keys are read: a spec has dozens of mounts, and an edit needs the
/// rest of one at most.
struct EditedList<Element: SpecElement> {
    /// Those that are in the text are in its order.
    private(set) var elements: [EditedElement] = []
    /// What the elements are found by, in the same order. On their own: each edit looks at all of them, and a copy of an
    /// element costs more than the look.
    private(set) var keys: [Element.Key] = []
    /// What is written in the place of elements of the text, and what was added.
    private var replacements: [Element] = []
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
            keys.append(try Element.key(reading: document, at: node))
            elements.append(EditedElement(original: node))
        }
    }

    /// Whether the list would be written differently.
    var isModified: Bool {
        elements.count != originalCount || elements.contains { $0.replacement != nil }
    }

    /// Writes the elements at `positions` that are not those of the text.
    func write(_ positions: Range<Int>, to json: inout JSONWriter) {
        for position in positions {
            if let replacement = elements[position].replacement { replacements[replacement].write(to: &json) }
        }
    }

    /// Adds an element at the end.
    mutating func append(_ element: Element) { insert(element, at: keys.count) }

    /// Puts `element` in the place of the last one whose key `isSame` takes, or, where there is none, at `position`; nil
    /// is the end. One that says exactly the same already keeps its text. Earlier ones are removed if `isUnique`.
    mutating func put(
        _ element: Element, at position: Int? = nil, in document: borrowing JSONDocument, isUnique: Bool,
        replacing isSame: (Element.Key) -> Bool
    ) throws(SpecError) {
        guard let last = keys.lastIndex(where: isSame) else { return insert(element, at: position ?? keys.count) }
        let original = elements[last].original
        let isThere = if let original { try element.isText(at: original, of: document) } else { false }
        keys[last] = element.key
        elements[last] = isThere ? EditedElement(original: original) : replacing(original, with: element)
        if isUnique { keep(keys.indices.filter { $0 >= last || !isSame(keys[$0]) }) }
    }

    /// Removes the elements whose key `isUnwanted` takes.
    mutating func removeAll(where isUnwanted: (Element.Key) -> Bool) {
        keep(keys.indices.filter { !isUnwanted(keys[$0]) })
    }

    private mutating func insert(_ element: Element, at position: Int) {
        keys.insert(element.key, at: position)
        elements.insert(replacing(nil, with: element), at: position)
    }

    private mutating func replacing(_ original: JSONNode?, with element: Element) -> EditedElement {
        replacements.append(element)
        return EditedElement(original: original, replacement: replacements.count - 1)
    }

    /// Removes all but the elements at `positions`, which are in order.
    private mutating func keep(_ positions: [Int]) {
        guard positions.count < keys.count else { return }
        keys = positions.map { keys[$0] }
        elements = positions.map { elements[$0] }
    }
}

/// The order of mounts.
extension EditedList where Element == SpecMount {
    /// Where a mount at `destination` has to go so that it hides none that is seen today: runtimes mount in the order of
    /// the list. That is before the first one strictly below it; nil, the end, where there is none. Those that come before
    /// a mount at or above `destination` are hidden by that one anyway, and the new one must not be. `isSeen` tells
    /// whether what is seen there is a mount with this very destination, and not one in another spelling or above.
    func place(for destination: MountDestination) -> (position: Int?, isSeen: Bool) {
        var position: Int?
        for index in keys.indices.reversed() {
            switch destination.relation(to: keys[index]) {
            case .above: position = index
            case .same: return (position, keys[index].text == destination.text)
            case .below: return (position, false)
            case .apart: break
            }
        }
        return (position, false)
    }
}
