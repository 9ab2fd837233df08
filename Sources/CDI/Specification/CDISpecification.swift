// SPDX-License-Identifier: Apache-2.0

package import Linux
internal import OCISpec

/// A CDI file that was read and checked as a whole: its syntax, that it has no member unknown to its version, and its
/// devices' names. What the edits say is checked where they are asked for, so that a device which nobody uses costs
/// nothing.
package final class CDISpecification {
    /// The encoding, which the name of a file tells.
    package enum Format: Sendable {
        case json, yaml

        /// Nil where upstream does not read a file of this name: `.yml` is not read (pkg/cdi/spec-dirs.go).
        package init?(fileName: ByteString) {
            if fileName.hasSuffix(".yaml") {
                self = .yaml
            } else if fileName.hasSuffix(".json") {
                self = .json
            } else {
                return nil
            }
        }
    }

    struct Device {
        let name: ByteString
        let edits: JSONNode
    }

    /// Names the file in errors.
    package let file: ByteString
    package let version: CDIVersion
    package let kind: CDIKind
    let document: JSONDocument
    /// In the order of the file; never empty.
    let devices: [Device]
    /// Of the file's own edits; nil where it has none.
    let commonEdits: JSONNode?

    /// Real files have 1 to 50 KB.
    package static let sizeLimit = 10 << 20
    private static let limits = JSONLimits(bytes: sizeLimit)
    /// A control character has two bytes in YAML (`\e`) and six in JSON.
    private static let convertedLimits = JSONLimits(bytes: 4 * sizeLimit)

    /// Reads `text`.
    package convenience init(parsing text: [UInt8], format: Format, file: ByteString) throws(CDIError) {
        do throws(SpecError) {
            try self.init(reading: text, format: format, file: file)
        } catch {
            throw CDIError(reading: error)
        }
    }

    private init(reading text: [UInt8], format: Format, file: ByteString) throws(SpecError) {
        let document: JSONDocument
        switch format {
        case .json: document = try JSONDocument(parsing: text, file: file, limits: Self.limits)
        case .yaml:
            let json = try YAMLConverter.json(from: text, file: file, limits: Self.limits)
            document = try JSONDocument(
                parsing: json, file: file, limits: Self.convertedLimits, showsColumns: false)
        }
        let version = try Self.version(of: document)
        try document.require(.specification, at: document.root, version: version)
        let kind = try Self.kind(of: document, version: version)
        let devices = try Self.devices(of: document, version: version)
        let commonEdits = try document.member(of: document.root, named: "containerEdits")
        self.file = file
        self.version = version
        self.kind = kind
        self.devices = devices
        self.commonEdits = commonEdits
        self.document = document
    }

    /// In the order of the file.
    package var deviceNames: [ByteString] { devices.map(\.name) }

    /// Whether this is the file of the device `name`.
    func defines(_ name: CDIQualifiedName) -> Bool {
        kind == name.kind && devices.contains { $0.name == name.name }
    }

    private static func version(of document: borrowing JSONDocument) throws(SpecError) -> CDIVersion {
        guard document.isObject(document.root) else {
            throw SpecError(.wrongType, in: document.file, "must be an object with cdiVersion, kind and devices")
        }
        guard let node = try document.member(of: document.root, named: "cdiVersion") else {
            throw SpecError(.invalid, in: document.file, "has no cdiVersion")
        }
        let text = try document.text(at: node)
        guard let version = CDIVersion(text) else {
            let (oldest, newest) = (CDIVersion.released[0], CDIVersion.released[CDIVersion.released.count - 1])
            throw document.fault(
                at: node, "version \(ByteString(text.bytes.prefix(32))) is unknown; \(oldest) to \(newest) are read")
        }
        return version
    }

    private static func kind(of document: borrowing JSONDocument, version: CDIVersion) throws(SpecError) -> CDIKind {
        guard let node = try document.member(of: document.root, named: "kind") else {
            throw SpecError(.invalid, in: document.file, "has no kind")
        }
        let text = try document.text(at: node)
        guard let kind = CDIKind(text) else {
            throw document.fault(at: node, "\"\(ByteString(text.bytes.prefix(64)))\" is not of the form vendor/class")
        }
        if kind.hasDottedClass { try document.requireVersion(CDIVersion(0, 6), of: version, at: node) }
        return kind
    }

    private static func devices(of document: borrowing JSONDocument, version: CDIVersion) throws(SpecError) -> [Device]
    {
        guard let list = try document.member(of: document.root, named: "devices"), !document.isEmpty(list) else {
            throw SpecError(.invalid, in: document.file, "has no devices")
        }
        var devices: [Device] = []
        var names: Set<ByteString> = []
        for element in try document.elements(of: list) {
            guard let node = try document.member(of: element, named: "name") else {
                throw document.fault(at: element, "has no name")
            }
            let name = try document.text(at: node)
            guard CDIQualifiedName.isName(name) else {
                throw document.fault(at: node, "\"\(ByteString(name.bytes.prefix(64)))\" can't be a device's name")
            }
            if name.bytes.first.map(CDICharacter.isDigit) == true {
                try document.requireVersion(CDIVersion(0, 5), of: version, at: node)
            }
            guard names.insert(name).inserted else { throw document.fault(at: node, "a second device \(name)") }
            guard let edits = try document.member(of: element, named: "containerEdits"),
                try document.hasEdits(edits)
            else { throw document.fault(at: element, "device \(name) has no container edits") }
            devices.append(Device(name: name, edits: edits))
        }
        return devices
    }
}
