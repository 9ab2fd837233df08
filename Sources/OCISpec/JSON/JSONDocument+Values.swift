// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Typed values. Each function throws where the value is of another type; none converts.
extension JSONDocument {
    /// The value of the string at `node`.
    package func string(at node: JSONNode) throws(SpecError) -> ByteString {
        try require(.string, at: node)
        let slice = text[index[node].range]
        // Nearly all strings are their own text; json-c takes 0.4 us for the others, most of it for the locale.
        guard index[node].traits.contains(.escaped) else { return ByteString(Array(slice.dropFirst().dropLast())) }
        guard !index[node].traits.contains(.loneSurrogate) else {
            throw error(.outOfRange, at: node, "half a surrogate pair, which is no character")
        }
        do throws(JSONCodec.Failure) {
            return try codec.string(slice)
        } catch {
            throw describe(error, at: node)
        }
    }

    /// The array of strings at `node`.
    package func strings(at node: JSONNode) throws(SpecError) -> [ByteString] {
        var strings: [ByteString] = []
        for element in try elements(of: node) { strings.append(try string(at: element)) }
        return strings
    }

    /// The value of the number at `node`, which must be whole and fit the type.
    package func integer<Integer: FixedWidthInteger>(
        at node: JSONNode, as type: Integer.Type = Integer.self
    ) throws(SpecError) -> Integer {
        try require(.number, at: node)
        // As with strings: nearly all numbers are a few digits, and the rest is json-c's work.
        if let value: Integer = literal(at: node).decimal() { return value }
        do throws(JSONCodec.Failure) {
            return try codec.integer(text[index[node].range])
        } catch {
            throw describe(error, at: node)
        }
    }

    /// The value of `true` or `false` at `node`.
    package func boolean(at node: JSONNode) throws(SpecError) -> Bool {
        try require(.boolean, at: node)
        return text[index[node].range].first == UInt8(ascii: "t")
    }

    /// The string member `name` of the object at `parent`; nil where it is missing or null.
    package func string(of parent: JSONNode, _ name: StaticString) throws(SpecError) -> ByteString? {
        guard let node = try member(of: parent, named: name) else { return nil }
        return try string(at: node)
    }

    /// The array of strings `name` of the object at `parent`; empty where it is missing or null.
    package func strings(of parent: JSONNode, _ name: StaticString) throws(SpecError) -> [ByteString] {
        guard let node = try member(of: parent, named: name) else { return [] }
        return try strings(at: node)
    }

    /// The integer member `name` of the object at `parent`; nil where it is missing or null.
    package func integer<Integer: FixedWidthInteger>(
        of parent: JSONNode, _ name: StaticString, as type: Integer.Type = Integer.self
    ) throws(SpecError) -> Integer? {
        guard let node = try member(of: parent, named: name) else { return nil }
        return try integer(at: node)
    }

    /// The boolean member `name` of the object at `parent`; false where it is missing or null.
    package func boolean(of parent: JSONNode, _ name: StaticString) throws(SpecError) -> Bool {
        guard let node = try member(of: parent, named: name) else { return false }
        return try boolean(at: node)
    }

    private func describe(_ failure: JSONCodec.Failure, at node: JSONNode) -> SpecError {
        switch failure {
        case .wrongType:
            index[node].kind == .number
                ? error(.wrongType, at: node, "must be a whole number, is \(JSONText.shown(text[index[node].range]))")
                : error(.wrongType, at: node, "json-c can't read it")
        case .outOfRange: error(.outOfRange, at: node, "\(JSONText.shown(text[index[node].range])) is out of range")
        }
    }
}

/// Errors.
extension JSONDocument {
    /// An error about the value at `node`, with the value's path first: "mounts[3].options: must be an array".
    package func error(_ code: SpecError.Code, at node: JSONNode, _ reason: String) -> SpecError {
        SpecError(code, in: file, "\(path(of: node)): \(reason)")
    }

    /// The path of `node` from the root, such as `linux.devices[2].major`.
    private func path(of node: JSONNode) -> String {
        var path = ""
        var current = root
        while current != node {
            let children = index.children(of: current)
            guard
                let position = children.firstIndex(where: {
                    $0.number <= node.number && node.number < Int(index[$0].next)
                })
            else { break }
            if index[current].kind == .object {
                if !path.isEmpty { path += "." }
                path += JSONText.shown(JSONKey.decoded(text, index[children[position]].key))
            } else {
                path += "[\(position)]"
            }
            current = children[position]
        }
        return path.isEmpty ? "the document" : path
    }
}
