// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What a Tegra offers to containers.
///
/// `files` are for every container, also for one that asks for no GPU (`none`); nodes are for those that ask for one.
package struct TegraInventory: Sendable {
    /// GPU 0 is the integrated one, with an empty UUID where the kernel tells none. Discrete ones follow.
    package let gpus: GPUInventory
    /// Files and folders, folders first, with the links that lead to them.
    package let files: [DriverFile]
    package private(set) var omissions: [Omission]
    /// The CSV files that were read.
    package let csvFiles: [ByteString]
    /// The version of Linux for Tegra, such as `36.4.3`; empty where the host does not say it.
    package let release: ByteString
    /// Every node that is listed and there.
    package let nodes: [DeviceNode]

    private let driverRoot: ByteString
    private let discrete: [GPU]
    private let listedNodes: Int
    private let firstNode: ByteString

    init(
        gpus: TegraGPUs, files: TegraFiles, nodes: TegraNodes, omissions: [Omission], csvFiles: [ByteString],
        driverRoot: ByteString, capabilities: DriverCapabilities
    ) {
        self.gpus = gpus.inventory
        discrete = gpus.discrete
        self.files = files.found
        self.omissions = omissions + files.omissions + nodes.omissions
        self.csvFiles = csvFiles
        release = files.release
        self.nodes = nodes.nodes
        self.driverRoot = driverRoot
        listedNodes = nodes.listed
        firstNode = nodes.first
        // A board whose files list CUDA and that has none of it can't run a CUDA program; one whose files do not list
        // it is not meant to.
        if !capabilities.isDisjoint(with: .computing), !self.files.contains(where: { $0.soname == "libcuda.so.1" }) {
            for index in self.omissions.indices
            where self.omissions[index].name.lastPathComponent.hasPrefix("libcuda.so") {
                self.omissions[index].isCore = true
            }
        }
    }

    /// Why a container can't work with `files`: CUDA is listed and not there. nil where all is well.
    package var coreFailure: DriverError? {
        for omission in omissions where omission.isCore {
            if case .refused(let reason) = omission.cause {
                return .libraryRefused(name: omission.name, reason: reason)
            }
        }
        return nil
    }

    private static let controlNodes: [ByteString] = [
        "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset",
    ]

    /// The nodes of one of `gpus`. `devices` are those that the inventory was made from.
    ///
    /// Where the integrated GPU is the only one, all nodes that are listed are its own. Beside discrete ones
    /// (nvidia-container-toolkit, pkg/nvcdi/lib-csv.go):
    /// - the integrated GPU gets what is listed but the nodes of the discrete GPUs, and `/dev/nvidia2`, through which
    ///   it draws there;
    /// - a discrete one gets what it would get on another machine, then what is listed but GPUs, control nodes and the
    ///   DRM nodes of other discrete GPUs.
    ///
    /// The original leaves out `/dev/nvidia1` for the first and knows one discrete GPU; here the real minors are left
    /// out as well, and DRM nodes, since each of them is a GPU.
    package func nodes(
        of gpu: GPU, for capabilities: DriverCapabilities, in devices: borrowing DeviceNodes
    ) throws(TegraError) -> NodeSet {
        if discrete.contains(gpu) { return try nodes(ofDiscrete: gpu, for: capabilities, in: devices) }
        var set = NodeSet()
        set.nodes = nodes
        if !discrete.isEmpty || !gpus.unusable.isEmpty {
            var others = drmNodes(ofOthersThan: gpu, in: devices)
            others.append("/dev/nvidia1")
            others += discrete.map { Self.path(ofMinor: $0.minor) }
            set.nodes.removeAll { others.contains($0.path) }
            let drawing: ByteString = "/dev/nvidia2"
            if !others.contains(drawing), !set.nodes.contains(where: { $0.path == drawing }) {
                do throws(DriverRoot.Refusal) {
                    set.nodes.append(try TegraNodes.node(at: drawing, in: devices))
                } catch {
                    // Not every board has it.
                }
            }
        }
        guard !set.nodes.isEmpty else { throw .noDevices(listed: listedNodes, first: firstNode) }
        return set
    }

    private func nodes(
        ofDiscrete gpu: GPU, for capabilities: DriverCapabilities, in devices: borrowing DeviceNodes
    ) throws(TegraError) -> NodeSet {
        var set = NodeSet()
        do throws(DriverError) {
            set.nodes.append(try devices.gpu(gpu))
            set.add(try devices.control(for: capabilities))
            if !capabilities.isDisjoint(with: .drawing) { set.add(try devices.graphics(of: gpu)) }
        } catch {
            throw .driver(error)
        }
        let others = drmNodes(ofOthersThan: gpu, in: devices)
        for node in nodes
        where !node.path.isGPU && !Self.controlNodes.contains(node.path) && !others.contains(node.path)
            && !set.nodes.contains(where: { $0.path == node.path })
        {
            set.nodes.append(node)
        }
        return set
    }

    private func drmNodes(ofOthersThan gpu: GPU, in devices: borrowing DeviceNodes) -> [ByteString] {
        var paths: [ByteString] = []
        let folder: ByteString = "/dev/dri"
        for other in discrete where other != gpu {
            do throws(DriverError) {
                paths += try devices.kernel.drmNodes(of: other).map { folder.appending(component: $0) }
            } catch {
                // sysfs can't be read: there is nothing to tell them by.
            }
        }
        return paths
    }

    private static func path(ofMinor minor: UInt32) -> ByteString {
        ByteString(Array("/dev/nvidia".utf8) + Array(String(minor).utf8))
    }
}

extension NodeSet {
    fileprivate mutating func add(_ other: NodeSet) {
        nodes += other.nodes
        links += other.links
        omissions += other.omissions
    }
}

extension ByteString {
    /// Whether it is `/dev/nvidia` and a number.
    fileprivate var isGPU: Bool {
        guard let digits = droppingPrefix("/dev/nvidia"), !digits.isEmpty else { return false }
        return digits.bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
