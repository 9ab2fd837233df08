// SPDX-License-Identifier: Apache-2.0

package import LibContainer
package import Linux

/// The machine that a container is started on: the kernel module, its device nodes and the driver's user space.
package struct Node: ~Copyable, Sendable {
    let kernel: KernelDriver
    let deviceNodes: DeviceNodes
    let driverRoot: DriverRoot
    /// Of the kernel module.
    let driverVersion: ByteString

    /// Opens the node. Fails where the kernel module is not loaded or a root can't be opened.
    ///
    /// `driverRoot` is the directory with the driver's user space, empty or `/` for the host's own. The device nodes are
    /// taken from a `dev` folder in it that has any, as a driver container's root does, else from `/dev`. A kernel module
    /// that `capabilities` need is loaded first if it is not, unless `loadsModules` is false.
    package init(
        driverRoot path: ByteString, for capabilities: DriverCapabilities, loadsModules: Bool,
        kernel: KernelDriver = KernelDriver()
    ) throws(InjectionError) {
        let path: ByteString = path.isEmpty ? "/" : path
        do throws(DriverError) {
            var node = try Self.open(path, kernel)
            if loadsModules, let module = node.deviceNodes.missingModule(for: capabilities), KernelModule.load(module) {
                node = try Self.open(path, kernel)
            }
            self = node
        } catch {
            throw InjectionError(error)
        }
    }

    private init(
        kernel: KernelDriver, driverVersion: ByteString, driverRoot: consuming DriverRoot,
        deviceNodes: consuming DeviceNodes
    ) {
        self.kernel = kernel
        self.driverVersion = driverVersion
        self.driverRoot = driverRoot
        self.deviceNodes = deviceNodes
    }

    private static func open(_ path: ByteString, _ kernel: KernelDriver) throws(DriverError) -> Node {
        // The version first: without the kernel module nothing else says what is wrong.
        Node(
            kernel: kernel, driverVersion: try kernel.version(), driverRoot: try DriverRoot(opening: path),
            deviceNodes: try DeviceNodes(root: try openDevRoot(below: path), kernel: kernel))
    }

    private static func openDevRoot(below path: ByteString) throws(DriverError) -> RootDirectory {
        do throws(LinuxError) {
            let root = try RootDirectory(opening: path)
            if path == "/" { return root }
            return try root.status(of: "/dev/nvidiactl") == nil ? try RootDirectory(opening: "/") : root
        } catch {
            throw .rootUnusable(error)
        }
    }

    /// The GPUs that `selection` names, in its order, each once.
    func gpus(selectedBy selection: DeviceSelection) throws(InjectionError) -> (gpus: [GPU], omissions: [Omission]) {
        guard selection != .driverOnly else { return ([], []) }
        let inventory: GPUInventory
        do throws(DriverError) { inventory = try kernel.gpus() } catch { throw InjectionError(error) }
        switch selection {
        case .driverOnly: return ([], [])
        case .all:
            guard !inventory.gpus.isEmpty else {
                throw InjectionError(
                    "all GPUs are asked for and the driver has none",
                    hint: inventory.unusable.first.map { "GPU \($0.index) (\($0.busID)): \($0.reason)" }
                        ?? "see dmesg and nvidia-smi")
            }
            return (inventory.gpus, inventory.omissions)
        case .devices(let identifiers):
            var gpus: [GPU] = []
            for identifier in identifiers {
                let gpu = try inventory.gpu(identifier)
                if !gpus.contains(gpu) { gpus.append(gpu) }
            }
            return (gpus, [])
        }
    }
}

extension GPUInventory {
    /// The GPU that `identifier` names. The error says what there is instead.
    fileprivate func gpu(_ identifier: DeviceIdentifier) throws(InjectionError) -> GPU {
        switch identifier {
        case .index(let index):
            if let gpu = gpus.first(where: { $0.index == index }) { return gpu }
            if let broken = unusable.first(where: { $0.index == index }) {
                throw InjectionError("GPU \(index) (\(broken.busID)) can't be used: \(broken.reason)")
            }
        case .uuid(let uuid):
            if let gpu = gpus.first(where: { $0.uuid == uuid }) { return gpu }
        case .migIndex, .migUUID:
            throw InjectionError(
                "\"\(identifier)\" names a MIG device, which this version does not give to containers",
                hint: "ask for the whole GPU by index or UUID")
        case .cdi:
            throw InjectionError(
                "\"\(identifier)\" names a CDI device, which this version does not read",
                hint: "ask for a GPU by index or UUID")
        }
        let known = gpus.map { "\($0.index) (\($0.uuid))" }.joined(separator: ", ")
        throw InjectionError(
            "there is no GPU \"\(identifier)\" on this node",
            hint: known.isEmpty ? "the driver has no usable GPU" : "it has \(known)")
    }
}

extension InjectionError {
    /// What the driver side says.
    init(_ error: DriverError) { self.init(error.description, hint: error.hint) }
}
