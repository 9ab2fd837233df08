// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Typed views of the text as it was read; edits don't show.
///
/// A member that is missing or null gives an empty list, nil, or Go's zero value, as in runc. A member of another type
/// than the runtime specification's throws: runc would refuse the container too.
extension SpecDocument {
    /// `ociVersion`.
    package var ociVersion: ByteString? {
        get throws(SpecError) { try json.string(of: json.root, "ociVersion") }
    }

    /// `process.env`: `NAME=value` entries in order, duplicates included.
    package var environment: [ByteString] {
        get throws(SpecError) { try list(at: Path.environment) }
    }

    /// `annotations`, in order.
    package var annotations: [(key: ByteString, value: ByteString)] {
        get throws(SpecError) {
            guard let node = try json.node(at: ["annotations"]) else { return [] }
            var annotations: [(key: ByteString, value: ByteString)] = []
            for (name, value) in try json.members(of: node) { annotations.append((name, try json.string(at: value))) }
            return annotations
        }
    }

    /// `mounts`, in the order in which the runtime makes them.
    package var mounts: [SpecMount] {
        get throws(SpecError) { try list(at: Path.mounts) }
    }

    /// `root.path`: absolute, or relative to the bundle.
    package var rootPath: ByteString? {
        get throws(SpecError) {
            guard let root = try json.node(at: ["root"]) else { return nil }
            return try json.string(of: root, "path")
        }
    }

    /// `process.user`; IDs that are missing are 0.
    package var user: SpecUser {
        get throws(SpecError) {
            guard let user = try json.node(at: ["process", "user"]) else {
                return SpecUser(uid: 0, gid: 0, additionalGIDs: [])
            }
            return SpecUser(
                uid: try json.integer(of: user, "uid") ?? 0, gid: try json.integer(of: user, "gid") ?? 0,
                additionalGIDs: try list(at: Path.additionalGIDs))
        }
    }

    /// `process.capabilities.bounding`: names such as `CAP_SYS_ADMIN`.
    package var boundingCapabilities: [ByteString] {
        get throws(SpecError) { try list(at: ["process", "capabilities", "bounding"]) }
    }

    /// `linux.devices`.
    package var devices: [SpecDevice] {
        get throws(SpecError) { try list(at: Path.devices) }
    }

    /// `linux.resources.devices`, in order; the last rule that covers a device counts.
    package var deviceRules: [SpecDeviceRule] {
        get throws(SpecError) { try list(at: Path.deviceRules) }
    }

    /// `hooks.<stage>`, in the order in which they run.
    package func hooks(_ stage: SpecHook.Stage) throws(SpecError) -> [SpecHook] {
        try list(at: Path.hooks(stage))
    }

    /// Where what we edit is.
    enum Path {
        static let environment: [StaticString] = ["process", "env"]
        static let additionalGIDs: [StaticString] = ["process", "user", "additionalGids"]
        static let mounts: [StaticString] = ["mounts"]
        static let devices: [StaticString] = ["linux", "devices"]
        static let deviceRules: [StaticString] = ["linux", "resources", "devices"]
        static let netDevices: [StaticString] = ["linux", "netDevices"]
        static let intelRDT: [StaticString] = ["linux", "intelRdt"]

        static func hooks(_ stage: SpecHook.Stage) -> [StaticString] { ["hooks", stage.name] }
    }

    private func list<Element: SpecElement>(at path: [StaticString]) throws(SpecError) -> [Element] {
        guard let node = try json.node(at: path) else { return [] }
        var list: [Element] = []
        for element in try json.elements(of: node) { list.append(try Element(reading: json, at: element)) }
        return list
    }
}
