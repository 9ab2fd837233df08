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
        for node in plan.nodes {
            if canMake {
                do throws(LinuxError) {
                    canMake = try make(node)
                    if canMake { continue }
                } catch {
                    guard error.code == EPERM else { throw error }
                    canMake = false
                }
            }
            try bind(node)
        }
    }

    /// Binds the host's node in the place of one of our own.
    private mutating func bind(_ node: DeviceNode) throws(LinuxError) {
        let source = try FileDescriptor(opening: node.hostPath, flags: CLX_O_PATH | O_NOFOLLOW)
        let status = try source.status()
        guard status.kind == .characterDevice, status.major == node.major, status.minor == node.minor else {
            throw LinuxError("use as the device \(node.major):\(node.minor)", node.hostPath, code: ENXIO)
        }
        try bind(source, at: node.path, [.noSetID, .noExecution])
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
