// SPDX-License-Identifier: Apache-2.0

internal import Linux
internal import OCISpec

/// The document of a CDI file against the table of its members.
extension JSONDocument {
    /// Refuses members that `version` does not have and values of another type, in the object at `node` and below.
    ///
    /// Upstream refuses both as well: it unmarshals strictly, and takes no field that is newer than the version that the
    /// file says it is of (specs-go/version.go, ValidateVersion).
    func require(_ object: CDIObject, at node: JSONNode, version: CDIVersion) throws(SpecError) {
        guard isObject(node) else { throw fault(at: node, "must be an object") }
        let members = object.members
        try forEachMember(of: node) { (name, value) throws(SpecError) in
            let member = members.first { member in
                member.name.utf8CodeUnitCount == name.count && member.name.withUTF8Buffer { name.elementsEqual($0) }
            }
            guard let member else { throw fault(at: value, "unknown field") }
            if isNull(value) { return }
            try require(member.value, at: value, version: version)
            if let end = member.until, version >= end {
                throw fault(at: value, "no field of CDI \(version), which the file is of; it ended with \(end)")
            }
            if member.since > version, !isEmpty(value) { try requireVersion(member.since, of: version, at: value) }
        }
    }

    private func require(_ type: CDIObject.Value, at node: JSONNode, version: CDIVersion) throws(SpecError) {
        switch type {
        case .string:
            // Numbers and booleans become strings, as for sigs.k8s.io/yaml: a device may be named by a YAML 0.
            guard isString(node) || isBoolean(node) || isNumber(node) else { throw fault(at: node, "must be a string") }
        case .integer: guard isNumber(node) else { throw fault(at: node, "must be a number") }
        case .boolean: guard isBoolean(node) else { throw fault(at: node, "must be true or false") }
        case .object(let object): try require(object, at: node, version: version)
        case .strings: try requireList(of: .string, at: node, version: version)
        case .integers: try requireList(of: .integer, at: node, version: version)
        case .objects(let object): try requireList(of: .object(object), at: node, version: version)
        case .map:
            guard isObject(node) else { throw fault(at: node, "must be an object") }
            try forEachMember(of: node) { (_, value) throws(SpecError) in
                try require(.string, at: value, version: version)
            }
        }
    }

    private func requireList(
        of type: CDIObject.Value, at node: JSONNode, version: CDIVersion
    ) throws(SpecError) {
        guard isArray(node) else { throw fault(at: node, "must be a list") }
        try forEachElement(of: node) { (node) throws(SpecError) in
            try require(type, at: node, version: version)
        }
    }

    /// Throws where what is at `node` needs a newer version than the file says it is of.
    func requireVersion(_ needed: CDIVersion, of version: CDIVersion, at node: JSONNode) throws(SpecError) {
        guard version < needed else { return }
        throw fault(at: node, "needs cdiVersion \(needed), the file says \(version)")
    }

    /// Whether the container edits at `node` have one that is not empty.
    func hasEdits(_ node: JSONNode) throws(SpecError) -> Bool {
        var found = false
        try forEachMember(of: node) { (_, value) throws(SpecError) in
            // `intelRdt: {}` counts for upstream.
            found = found || !isEmpty(value) || isObject(value)
        }
        return found
    }

    /// The string at `node`, or the text of the number or boolean there: what sigs.k8s.io/yaml, with which upstream reads
    /// both formats, makes of one where a string belongs.
    func text(at node: JSONNode) throws(SpecError) -> ByteString {
        if isBoolean(node) { return literal(at: node) }
        guard isNumber(node) else { return try string(at: node) }
        let text = literal(at: node)
        guard text.bytes.allSatisfy({ CDICharacter.isDigit($0) || $0 == UInt8(ascii: "-") }) else {
            throw fault(at: node, "\(text) must be in quotes: how it is written as a string depends on the reader")
        }
        return text
    }

    /// The text of the member `name` of the object at `parent`; nil where it is missing, null or empty.
    func text(of parent: JSONNode, _ name: StaticString) throws(SpecError) -> ByteString? {
        guard let node = try member(of: parent, named: name) else { return nil }
        let text = try text(at: node)
        return text.isEmpty ? nil : text
    }

    /// The texts in the list `name` of the object at `parent`; empty where it is missing or null.
    func texts(of parent: JSONNode, _ name: StaticString) throws(SpecError) -> [ByteString] {
        guard let list = try member(of: parent, named: name) else { return [] }
        var texts: [ByteString] = []
        try forEachElement(of: list) { (node) throws(SpecError) in texts.append(try text(at: node)) }
        return texts
    }

    /// An error about the value at `node`, with its line and its path first: "line 41: devices[0].nam: unknown field".
    func fault(at node: JSONNode, _ reason: String) -> SpecError {
        SpecError(.invalid, in: file, "line \(line(of: node)): \(error(.invalid, at: node, reason).reason)")
    }
}
