// SPDX-License-Identifier: Apache-2.0

package import Linux
internal import OCISpec

/// Container edits, read and held to what upstream asks of them (pkg/cdi/container-edits.go, Validate).
extension CDISpecification {
    /// The file's own edits, for every container that gets one of its devices.
    package func containerEdits() throws(CDIError) -> CDIContainerEdits {
        guard let commonEdits else { return CDIContainerEdits() }
        return try edits(at: commonEdits)
    }

    /// The edits of the device `name`; nil where there is none of this name.
    package func containerEdits(ofDevice name: ByteString) throws(CDIError) -> CDIContainerEdits? {
        guard let device = devices.first(where: { $0.name == name }) else { return nil }
        return try edits(at: device.edits)
    }

    private func edits(at node: JSONNode) throws(CDIError) -> CDIContainerEdits {
        do throws(SpecError) {
            var edits = CDIContainerEdits()
            edits.environment = try environment(of: node)
            edits.deviceNodes = try list(of: node, "deviceNodes", deviceNode)
            edits.netDevices = try list(of: node, "netDevices", netDevice)
            edits.mounts = try list(of: node, "mounts", mount)
            edits.hooks = try list(of: node, "hooks", hook)
            if let node = try document.member(of: node, named: "intelRdt") { edits.intelRDT = try intelRDT(node) }
            edits.additionalGIDs = try list(of: node, "additionalGids") { (node) throws(SpecError) in
                try document.integer(at: node)
            }
            return edits
        } catch {
            throw CDIError(reading: error)
        }
    }

    private func list<Element>(
        of parent: JSONNode, _ name: StaticString, _ read: (JSONNode) throws(SpecError) -> Element
    ) throws(SpecError) -> [Element] {
        guard let list = try document.member(of: parent, named: name) else { return [] }
        var elements: [Element] = []
        try document.forEachElement(of: list) { (node) throws(SpecError) in elements.append(try read(node)) }
        return elements
    }

    private func environment(of node: JSONNode) throws(SpecError) -> [ByteString] {
        let entries = try document.texts(of: node, "env")
        for entry in entries where (entry.bytes.firstIndex(of: UInt8(ascii: "=")) ?? 0) == 0 {
            throw document.fault(at: node, "env: \"\(ByteString(entry.bytes.prefix(64)))\" is not NAME=value")
        }
        return entries
    }

    private func required(_ name: StaticString, of node: JSONNode) throws(SpecError) -> ByteString {
        guard let text = try document.text(of: node, name) else { throw document.fault(at: node, "has no \(name)") }
        return text
    }

    private func deviceNode(_ node: JSONNode) throws(SpecError) -> CDIDeviceNode {
        var device = CDIDeviceNode(path: try required("path", of: node))
        device.hostPath = try document.text(of: node, "hostPath")
        if let letter = try document.text(of: node, "type") {
            device.kind = CDIDeviceNode.Kind(letter: letter)
            if device.kind == nil { throw document.fault(at: node, "type must be one of b, c, u and p") }
        }
        device.major = try document.integer(of: node, "major") ?? 0
        device.minor = try document.integer(of: node, "minor") ?? 0
        device.fileMode = try document.integer(of: node, "fileMode")
        if let permissions = try document.text(of: node, "permissions") {
            guard permissions == "none" || permissions.bytes.allSatisfy({ "rwm".utf8.contains($0) }) else {
                throw document.fault(at: node, "permissions must be letters of rwm")
            }
            device.permissions = permissions == "none" ? "" : permissions
        }
        device.uid = try document.integer(of: node, "uid")
        device.gid = try document.integer(of: node, "gid")
        return device
    }

    private func netDevice(_ node: JSONNode) throws(SpecError) -> CDINetDevice {
        CDINetDevice(
            hostInterfaceName: try required("hostInterfaceName", of: node), name: try required("name", of: node))
    }

    private func mount(_ node: JSONNode) throws(SpecError) -> CDIMount {
        CDIMount(
            hostPath: try required("hostPath", of: node), containerPath: try required("containerPath", of: node),
            type: try document.text(of: node, "type") ?? "", options: try document.texts(of: node, "options"))
    }

    private func hook(_ node: JSONNode) throws(SpecError) -> CDIHook {
        let name = try required("hookName", of: node)
        guard let stage = SpecHook.Stage.allCases.first(where: { ByteString($0.rawValue) == name }) else {
            throw document.fault(at: node, "hookName \"\(ByteString(name.bytes.prefix(32)))\" is none of OCI's")
        }
        let timeout: Int64? = try document.integer(of: node, "timeout")
        // The OCI runtime specification asks for it too; runc kills a hook with 0 at once.
        if let timeout, timeout <= 0 { throw document.fault(at: node, "timeout must be more than 0 seconds") }
        return CDIHook(
            stage: stage, path: try required("path", of: node), arguments: try document.texts(of: node, "args"),
            environment: try environment(of: node), timeout: timeout)
    }

    private func intelRDT(_ node: JSONNode) throws(SpecError) -> CDIIntelRDT {
        var group = CDIIntelRDT()
        group.closID = try document.text(of: node, "closID") ?? ""
        group.l3CacheSchema = try document.text(of: node, "l3CacheSchema") ?? ""
        group.memBwSchema = try document.text(of: node, "memBwSchema") ?? ""
        group.schemata = try document.texts(of: node, "schemata")
        group.enableMonitoring = try document.boolean(of: node, "enableMonitoring")
        group.enableCMT = try document.boolean(of: node, "enableCMT")
        group.enableMBM = try document.boolean(of: node, "enableMBM")
        guard Self.isGroupName(group.closID) else { throw document.fault(at: node, "closID can't be a group's name") }
        return group
    }

    /// A file name; `/` is the root group.
    private static func isGroupName(_ name: ByteString) -> Bool {
        name == "/"
            || name.count < 4096 && name != "." && name != ".."
                && name.bytes.allSatisfy { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\n") }
    }
}
