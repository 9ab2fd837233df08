// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import HookInjector
internal import LibContainer
internal import Linux

/// What a container sees of the driver in procfs (libnvidia-container, src/nvc_mount.c): a folder with the driver's files
/// and those of the container's own GPUs, in place of the host's with all of them.
extension ContainerRoot {
    private static let driverFolder: ByteString = "/proc/driver/nvidia"

    /// Covers the container's `/proc/driver/nvidia`, where it has one; only a warning otherwise.
    mutating func addDriverFolder(of plan: InjectionPlan, _ kernel: KernelDriver) throws(LinuxError) {
        let point: FileDescriptor
        do throws(LinuxError) {
            point = try directory.open(Self.driverFolder, flags: CLX_O_PATH | O_DIRECTORY | O_NOFOLLOW)
        } catch {
            guard error.code == ENOENT else { throw error }
            warnings.append("the container has no \(Self.driverFolder) to cover")
            return
        }
        try mountScratch(on: point, Self.driverFolder) { (root, folder) throws(LinuxError) in
            for file in kernel.sharedFiles() { try folder.make(file.name, contents: file.contents.bytes) }
            for path in kernel.folders(of: plan) { try root.bindFromHost(path) }
        }
    }

    /// Binds what is at `path` on the host, below the driver's folder, at the same place in the container.
    private mutating func bindFromHost(_ path: ByteString) throws(LinuxError) {
        let source = try FileDescriptor(opening: path, flags: CLX_O_PATH)
        try bind(source, at: path, [.readOnly, .noSetID, .noDevices, .noExecution])
    }
}

extension KernelDriver {
    /// What of the driver's folder is the container's own: the folders of its GPUs, and the access files of its MIG
    /// instances, or of all of them where it may partition GPUs.
    fileprivate func folders(of plan: InjectionPlan) -> [ByteString] {
        let paths = folders(of: plan.gpus + plan.migDevices.map(\.parent))
        if !plan.request.extras.migAccess.isEmpty { return paths + [capabilitiesFolder] }
        // Older drivers have the nodes' numbers elsewhere.
        let files = plan.migDevices.flatMap { [$0.gpuInstanceNode.accessFile, $0.computeInstanceNode.accessFile] }
        return paths + files.filter { $0.hasPrefix(capabilitiesFolder) }
    }
}

extension FileDescriptor {
    /// Makes the file `name` in this folder, which nobody can write to.
    fileprivate func make(_ name: ByteString, contents: [UInt8]) throws(LinuxError) {
        let file = try FileDescriptor(
            opening: name, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o444, relativeTo: number)
        try file.write(contents)
    }
}
