// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The state of a container that the runtime writes to a hook's standard input (runtime-spec, runtime.md, "State").
package struct ContainerState: Hashable, Sendable {
    /// Empty where the runtime gives none.
    package let ociVersion: ByteString
    /// The container's ID as the engine gave it; not empty.
    package let id: ByteString
    /// The container's process, in the namespace of the runtime; nil where it has none, and where the state says 0, as
    /// crun's does before the process is known.
    package let pid: Int32?
    /// Absolute and without `..`.
    package let bundle: ByteString
    /// The container's root file system. Not in the specification: crun gives it, as it stands in config.json. Absolute,
    /// or relative to the bundle; without `..`.
    package let root: ByteString?

    /// Reads the state, all of it, and throws where a member is missing, of another type, or no value that we accept.
    /// `file` names the text in errors.
    package init(
        parsing text: [UInt8], file: ByteString = "container state", limits: JSONLimits = .state
    ) throws(SpecError) {
        let json = try JSONDocument(parsing: text, file: file, limits: limits)
        try json.require(.object, at: json.root)
        if let annotations = try json.member(of: json.root, named: "annotations") {
            try json.requireOneCase(except: [annotations])
        } else {
            try json.requireOneCase(except: [])
        }

        ociVersion = try json.string(of: json.root, "ociVersion") ?? ByteString()
        guard let id = try json.string(of: json.root, "id"), !id.isEmpty else {
            throw SpecError(.invalid, in: file, "id: missing or empty")
        }
        self.id = id
        guard let bundle = try Self.path("bundle", in: json, isRelativeAllowed: false) else {
            throw SpecError(.invalid, in: file, "bundle: missing")
        }
        self.bundle = bundle
        root = try Self.path("root", in: json, isRelativeAllowed: true)
        if let node = try json.member(of: json.root, named: "pid") {
            let pid = try json.integer(at: node, as: Int32.self)
            guard pid >= 0 else { throw json.error(.invalid, at: node, "\(pid) is no process ID") }
            self.pid = pid == 0 ? nil : pid
        } else {
            pid = nil
        }
    }

    private static func path(
        _ name: StaticString, in json: borrowing JSONDocument, isRelativeAllowed: Bool
    ) throws(SpecError) -> ByteString? {
        guard let node = try json.member(of: json.root, named: name) else { return nil }
        let path = try json.string(at: node)
        guard isRelativeAllowed ? !path.isEmpty : path.isAbsolutePath, !path.pathComponents.contains("..") else {
            let kind = isRelativeAllowed ? "a path" : "an absolute path"
            throw json.error(.invalid, at: node, "\"\(path)\" is not \(kind) without \"..\"")
        }
        return path
    }
}
