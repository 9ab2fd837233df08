// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux
internal import OCISpec

/// Checks the edits that a container really gets, and fills in what a CDI file may leave to the host.
///
/// A CDI file is trusted to name hooks that run as root. The checks are for files made by programs: what can't be meant
/// well, or what is out of date, is refused here with its name, rather than by the low-level runtime or by nobody.
struct EditCompletion {
    let host: CDIHost
    /// Of edits that were left out.
    private(set) var warnings: [CDIProblem] = []
    /// Programs of hooks that were found good: files name the same one many times.
    private var goodPrograms: Set<ByteString> = []
    private var netDevices: [CDINetDevice] = []

    init(host: CDIHost) { self.host = host }

    mutating func complete(
        _ edits: CDIContainerEdits, origin: CDIOrigin
    ) throws(CDIError) -> CDIResolvedEdits {
        var resolved = CDIResolvedEdits(origin: origin)
        resolved.environment = edits.environment
        for node in edits.deviceNodes { resolved.deviceNodes.append(try complete(node, origin)) }
        for device in edits.netDevices { resolved.netDevices.append(try check(device, origin)) }
        for mount in edits.mounts { resolved.mounts.append(try check(mount, origin)) }
        for hook in edits.hooks { resolved.hooks.append(try complete(hook, origin)) }
        resolved.intelRDT = edits.intelRDT
        // SPEC.md: "Values of 0 are ignored".
        resolved.additionalGIDs = edits.additionalGIDs.filter { $0 != 0 }
        if resolved.additionalGIDs.count < edits.additionalGIDs.count {
            warnings.append(CDIProblem(file: origin.file, "group 0 in additionalGids is not given to a container"))
        }
        return resolved
    }

    private func complete(_ node: CDIDeviceNode, _ origin: CDIOrigin) throws(CDIError) -> CDIHostDevice {
        try requireTarget(node.path, "device node", origin)
        let hostPath = node.hostPath ?? node.path
        try requirePlainPath(hostPath, "host path of a device node", origin)
        if let mode = node.fileMode, mode > 0o7777 {
            throw .refusedEdit(origin: origin, reason: "fileMode \(mode) of \(Shown.path(node.path)) has other bits")
        }
        let status: FileStatus
        do throws(LinuxError) {
            status = try host.node(hostPath)
        } catch {
            throw .missingHostDevice(path: hostPath, origin: origin, code: error.code)
        }
        func mismatch(_ reason: String) -> CDIError {
            .unsuitableHostDevice(path: hostPath, origin: origin, reason: reason)
        }
        let found: CDIDeviceNode.Kind
        switch status.kind {
        case .characterDevice: found = .character
        case .blockDevice: found = .block
        case .fifo: found = .fifo
        default: throw mismatch("not a device node")
        }
        let kind = node.kind ?? found
        guard kind == found || kind == .unbufferedCharacter && found == .character else {
            throw mismatch("host type mismatch: the file says \(kind.letter), the node is \(found.letter)")
        }
        // 0 is what Go makes of a missing number. A driver that was loaded anew may have another major number, and the
        // old one another driver's devices.
        let statesNumbers = node.major != 0 || node.minor != 0
        if kind != .fifo, statesNumbers {
            let major = node.major == 0 ? status.major : node.major
            guard major == status.major, node.minor == status.minor else {
                throw mismatch(
                    "the file says \(node.major):\(node.minor), the node is \(status.major):\(status.minor)")
            }
        }
        return CDIHostDevice(
            path: node.path, hostPath: hostPath, kind: kind, major: kind == .fifo ? 0 : status.major,
            minor: kind == .fifo ? 0 : status.minor, fileMode: node.fileMode ?? status.permissions & 0o777,
            access: node.permissions ?? "rwm", uid: node.uid, gid: node.gid)
    }

    private func check(_ mount: CDIMount, _ origin: CDIOrigin) throws(CDIError) -> CDIMount {
        try requireTarget(mount.containerPath, "mount", origin)
        guard mount.isBind else { return mount }
        try requirePlainPath(mount.hostPath, "host path of a mount", origin)
        do throws(LinuxError) {
            _ = try host.source(mount.hostPath)
        } catch {
            // What we may not look at, the low-level runtime may.
            if error.code == ENOENT || error.code == ENOTDIR {
                throw .missingMountSource(path: mount.hostPath, origin: origin)
            }
        }
        return mount
    }

    private mutating func complete(_ hook: CDIHook, _ origin: CDIOrigin) throws(CDIError) -> CDIHook {
        try requirePlainPath(hook.path, "path of a hook", origin)
        // A startContainer hook is a program of the container and runs with the container's rights: it can do nothing
        // that the container's own process can't, and the host can't tell what it is.
        if hook.stage != .startContainer, !goodPrograms.contains(hook.path) {
            try requireProgram(hook.path, origin)
            goodPrograms.insert(hook.path)
        }
        var hook = hook
        if hook.environment.isEmpty { hook.environment = CDIHook.defaultEnvironment }
        if hook.timeout == nil { hook.timeout = CDIHook.defaultTimeout }
        return hook
    }

    private func requireProgram(_ path: ByteString, _ origin: CDIOrigin) throws(CDIError) {
        let status: FileStatus
        do throws(TrustError) {
            status = try host.program(path)
        } catch {
            if case .system(let code) = error.reason {
                throw .missingHook(path: path, origin: origin, reason: Shown.words(for: code))
            }
            throw .untrustedHook(path: path, origin: origin, reason: error)
        }
        guard status.kind == .regular, status.permissions & 0o111 != 0 else {
            throw .missingHook(path: path, origin: origin, reason: "not an executable file")
        }
    }

    private mutating func check(_ device: CDINetDevice, _ origin: CDIOrigin) throws(CDIError) -> CDINetDevice {
        for name in [device.hostInterfaceName, device.name] where !Self.isInterfaceName(name) {
            let shown = Shown.cut(name.description, to: 32)
            throw .refusedEdit(origin: origin, reason: "\"\(shown)\" can't be a network interface's name")
        }
        let clashes = netDevices.contains {
            $0.hostInterfaceName == device.hostInterfaceName || $0.name == device.name
        }
        if clashes {
            throw .refusedEdit(
                origin: origin, reason: "interface \(device.hostInterfaceName) or name \(device.name) is used twice")
        }
        netDevices.append(device)
        return device
    }

    /// net/core/dev.c, dev_valid_name.
    private static func isInterfaceName(_ name: ByteString) -> Bool {
        !name.isEmpty && name.count < 16 && name != "." && name != ".."
            && name.bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
    }
}

/// Paths.
extension EditCompletion {
    /// Absolute, without `..` and without control characters, and not longer than the kernel takes.
    private func requirePlainPath(_ path: ByteString, _ what: String, _ origin: CDIOrigin) throws(CDIError) {
        let reason: String
        if !path.isAbsolutePath {
            reason = "is not absolute"
        } else if path.hasParentComponent {
            reason = "has '..'"
        } else if path.bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            reason = "has a control character"
        } else if path.count >= Int(PATH_MAX) {
            reason = "is too long"
        } else {
            return
        }
        throw .refusedEdit(origin: origin, reason: "\(what) \(reason): \(Shown.path(path))")
    }

    /// A place in the container where something may be put: not its root, and not in the kernel's file systems, where
    /// what is put over an entry deceives whoever reads it.
    private func requireTarget(_ path: ByteString, _ what: String, _ origin: CDIOrigin) throws(CDIError) {
        try requirePlainPath(path, what, origin)
        let first = path.pathComponents.first
        if first == nil || first == "proc" || first == "sys" {
            throw .refusedEdit(origin: origin, reason: "\(what) at the protected path \(Shown.path(path))")
        }
    }
}
