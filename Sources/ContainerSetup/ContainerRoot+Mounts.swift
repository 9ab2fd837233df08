// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import HookInjector
internal import LibContainer
internal import Linux
internal import OCISpec

extension ContainerRoot {
    /// Binds the plan's files and folders.
    mutating func addMounts(of plan: InjectionPlan) throws(LinuxError) {
        for item in plan.mounts {
            let mount = item.value
            guard let attributes = MountAttributes(options: mount.options) else { continue }
            try bind(try FileDescriptor(opening: mount.source, flags: CLX_O_PATH), at: mount.destination, attributes)
        }
    }

    /// Makes the plan's device nodes, or, where that is not allowed, as in a user namespace, binds the host's.
    mutating func addDevices(of plan: InjectionPlan) throws(LinuxError) {
        var canMake = UserNamespace.isInitial
        for item in plan.devices {
            let node = item.value.node
            guard let major = UInt32(exactly: node.major), let minor = UInt32(exactly: node.minor) else { continue }
            if canMake {
                do throws(LinuxError) {
                    canMake = try makeDeviceNode(
                        at: node.path, major: major, minor: minor, permissions: node.fileMode ?? 0o666,
                        owner: node.uid ?? 0, group: node.gid ?? 0)
                    if canMake { continue }
                } catch {
                    guard error.code == EPERM else { throw error }
                    canMake = false
                }
            }
            try bindDevice(item.reason.foundIn, major, minor, at: node.path)
        }
    }

    private mutating func bindDevice(
        _ hostPath: ByteString, _ major: UInt32, _ minor: UInt32, at path: ByteString
    ) throws(LinuxError) {
        let source = try FileDescriptor(opening: hostPath, flags: CLX_O_PATH | O_NOFOLLOW)
        let status = try source.status()
        guard status.kind == .characterDevice, status.major == major, status.minor == minor else {
            throw LinuxError("use as the device \(major):\(minor)", hostPath, code: ENXIO)
        }
        try bind(source, at: path, [.noSetID, .noExecution])
    }
}

extension FileDescriptor {
    /// Whether device nodes of its mount can be opened.
    var allowsDevices: Bool {
        get throws(LinuxError) {
            var status = statvfs()
            _ = try retryingOnInterrupt("stat a file system") { fstatvfs(number, &status) }
            return status.f_flag & UInt(CLX_MS_NODEV) == 0
        }
    }
}
