// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

/// The driver's device nodes in a dev root, the directory that contains `dev/`.
///
/// Every node is looked at through an O_PATH descriptor, without following a link at its name, and must be a character
/// device with the numbers that the kernel module has: a container must not get another device under the name of a GPU.
/// Nodes that nvidia-modprobe would make and that are missing are made.
package struct DeviceNodes: ~Copyable, Sendable {
    let root: RootDirectory
    let kernel: KernelDriver
    let majors: DeviceMajors
    private let folders: NodeFolders

    /// `root` is the dev root; the majors are read from `kernel` now.
    package init(root: consuming RootDirectory, kernel: KernelDriver) throws(DriverError) {
        majors = try kernel.majors()
        folders = NodeFolders(of: root)
        self.root = root
        self.kernel = kernel
    }

    /// The status of the entry at `path`, a link not followed; nil where there is none.
    func status(of path: ByteString) throws(LinuxError) -> FileStatus? {
        guard let folder = folders.number(of: path.parentPath) else {
            return try root.status(of: path, followLinks: false)
        }
        do throws(LinuxError) {
            return try FileStatus.of(path.lastPathComponent, relativeTo: folder, followLinks: false)
        } catch {
            if error.isAbsence { return nil }
            throw error
        }
    }

    /// The kernel module that `capabilities` need and that is not loaded; nil where all is there.
    package func missingModule(for capabilities: DriverCapabilities) -> ByteString? {
        let module: ByteString = "nvidia-uvm"
        return !capabilities.isDisjoint(with: .computing) && majors[module] == nil ? module : nil
    }

    /// `/dev/nvidia<minor>`, made where it is missing.
    package func gpu(_ gpu: GPU) throws(DriverError) -> DeviceNode {
        var path: ByteString = "/dev/nvidia"
        path.bytes += Array(String(gpu.minor).utf8)
        return try requiredNode(path, major: frontend, minor: gpu.minor)
    }

    /// The nodes that belong to no GPU: `nvidiactl` always, `nvidia-uvm` and `nvidia-uvm-tools` for compute and video,
    /// `nvidia-modeset` for graphics and display.
    ///
    /// A missing `nvidiactl`, and a node of the wrong kind in the place of `nvidiactl` or `nvidia-uvm`, is an error;
    /// everything else is an omission.
    package func control(for capabilities: DriverCapabilities) throws(DriverError) -> NodeSet {
        var set = NodeSet()
        set.nodes.append(try requiredNode("/dev/nvidiactl", major: frontend, minor: 255))
        if !capabilities.isDisjoint(with: .computing) {
            if let major = majors["nvidia-uvm"] {
                do throws(DriverError) {
                    set.nodes.append(try requiredNode("/dev/nvidia-uvm", major: major, minor: 0))
                } catch {
                    guard case .missingNode = error else { throw error }
                    set.omit("/dev/nvidia-uvm", error.description, isCore: true)
                }
                addOptional("/dev/nvidia-uvm-tools", major: major, minor: 1, to: &set)
            } else {
                let reason =
                    "the kernel module nvidia-uvm is not loaded: run 'modprobe nvidia-uvm' or 'nvidia-modprobe -u'"
                set.omit("/dev/nvidia-uvm", reason, isCore: true)
                set.omit("/dev/nvidia-uvm-tools", reason)
            }
        }
        if !capabilities.isDisjoint(with: .drawing) {
            addOptional("/dev/nvidia-modeset", major: majors["nvidia-modeset"] ?? frontend, minor: 254, to: &set)
        }
        return set
    }

    /// The GPU's DRM nodes with their links below `/dev/dri/by-path`, for graphics and display. All are optional; the
    /// kernel makes these nodes itself, so none is made here.
    package func graphics(of gpu: GPU) throws(DriverError) -> NodeSet {
        var set = NodeSet()
        let names = try kernel.drmNodes(of: gpu)
        if names.isEmpty {
            set.omit(gpu.busID, "no DRM nodes: the kernel module nvidia-drm is not loaded, or the GPU has no display")
            return set
        }
        for name in names {
            guard let expected = DRMNode(name: name) else { continue }
            let path = DRMNode.directory.appending(component: name)
            do throws(DriverError) {
                if let node = try existingNode(path, major: DRMNode.major, minor: expected.minor) {
                    set.nodes.append(node)
                } else {
                    set.omissions.append(Omission(name: path, cause: .notFound(searched: [root.path])))
                }
            } catch {
                set.omit(path, error.description)
            }
        }
        for name in DRMNode.linkNames(of: gpu) {
            guard let target = linkTarget(of: name), set.nodes.contains(where: { $0.path.isNamed(as: target) })
            else { continue }
            let path = DRMNode.linkDirectory.appending(component: name)
            set.links.append(SymbolicLink(path: path, target: target))
        }
        return set
    }

    /// The major of `nvidia0`, `nvidiactl` and, in older drivers, `nvidia-modeset`.
    private var frontend: UInt32 { majors["nvidia"] ?? DeviceMajors.assignedToNVIDIA }

    private func addOptional(_ path: ByteString, major: UInt32, minor: UInt32, to set: inout NodeSet) {
        do throws(DriverError) {
            set.nodes.append(try requiredNode(path, major: major, minor: minor))
        } catch {
            set.omit(path, error.description)
        }
    }

    /// The text of the link `name` in `/dev/dri/by-path`.
    private func linkTarget(of name: ByteString) -> ByteString? {
        do throws(LinuxError) {
            guard let folder = folders.number(of: DRMNode.linkDirectory) else { return nil }
            return try ByteString(textOfLink: name, relativeTo: folder)
        } catch {
            return nil
        }
    }
}

extension ByteString {
    /// Whether both paths end in the same name.
    fileprivate func isNamed(as other: ByteString) -> Bool { lastPathComponent == other.lastPathComponent }
}
