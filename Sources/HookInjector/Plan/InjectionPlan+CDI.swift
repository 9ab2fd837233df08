// SPDX-License-Identifier: Apache-2.0

internal import CDI
internal import Diagnostics
internal import LibContainer
internal import Linux
internal import OCISpec

extension InjectionPlan {
    /// Adds what the specifications in `directories` say that the devices `names` are. `user` is the container's process's,
    /// who gets the nodes where a specification does not say (upstream pkg/cdi/container-edits.go).
    mutating func addDevices(
        named names: [CDIQualifiedName], directories: [ByteString], user: SpecUser
    ) throws(Diagnostic) {
        let resolution: CDIResolution
        do throws(CDIError) {
            resolution = try CDIRegistry(directories: directories).resolve(names)
        } catch {
            throw Diagnostic(error.id, error.description, hint: error.hint)
        }
        for edits in resolution.edits { try add(edits, user: user) }
        for problem in resolution.warnings {
            omissions.append(Omission(name: problem.file, cause: .refused(problem.reason)))
        }
    }

    private mutating func add(_ edits: CDIResolvedEdits, user: SpecUser) throws(Diagnostic) {
        let reason = Reason(requestedBy: .cdi(edits.origin.device), foundIn: edits.origin.file)
        for entry in edits.environment {
            guard let equals = entry.bytes.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let variable = EnvironmentVariable(
                name: ByteString(entry.bytes[..<equals]), value: ByteString(entry.bytes[(equals + 1)...]))
            environment.removeAll { $0.value.name == variable.name }
            environment.append((variable, reason))
        }
        for device in edits.deviceNodes {
            let node = SpecDevice(
                path: device.path, type: device.kind.letter, major: Int64(device.major), minor: Int64(device.minor),
                fileMode: device.fileMode, uid: device.uid ?? (user.uid > 0 ? user.uid : nil),
                gid: device.gid ?? (user.gid > 0 ? user.gid : nil))
            devices.removeAll { $0.value.node.path == node.path }
            devices.append((Device(node: node, access: device.access), reason))
        }
        for mount in edits.mounts {
            mounts.removeAll { $0.value.destination == mount.containerPath }
            mounts.append(
                (
                    Mount(
                        source: mount.hostPath, destination: mount.containerPath, type: mount.type,
                        options: mount.options), reason
                ))
        }
        for hook in edits.hooks {
            let specHook = SpecHook(
                path: hook.path, arguments: hook.arguments, environment: hook.environment, timeout: hook.timeout)
            foreignHooks.append((ForeignHook(stage: hook.stage, hook: specHook), reason))
        }
        for device in edits.netDevices {
            netDevices.append((NetDevice(hostName: device.hostInterfaceName, name: device.name), reason))
        }
        if let intelRDT = edits.intelRDT { self.intelRDT = (SpecIntelRDT(intelRDT), reason) }
        for group in edits.additionalGIDs where !additionalGIDs.contains(where: { $0.value == group }) {
            additionalGIDs.append((group, reason))
        }
    }
}

extension SpecIntelRDT {
    fileprivate init(_ edit: CDIIntelRDT) {
        self.init(
            closID: edit.closID, schemata: edit.schemata, l3CacheSchema: edit.l3CacheSchema,
            memBwSchema: edit.memBwSchema, enableMonitoring: edit.enableMonitoring, enableCMT: edit.enableCMT,
            enableMBM: edit.enableMBM)
    }
}

extension CDIError {
    fileprivate var id: ErrorID {
        switch self {
        case .unresolvable, .malformedFile, .invalidFile: .cdiDeviceNotResolved
        case .missingHostDevice, .unsuitableHostDevice, .missingMountSource: .cdiDeviceNode
        case .missingHook, .untrustedHook, .refusedEdit: .cdiEditRefused
        }
    }
}
