// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import HookInjector
internal import LibContainer
internal import Linux
internal import RuntimeCommand
internal import RuntimeConfig

/// Finds what a container with all capabilities gets, as `list` prints it. Works for every user: nodes that are not
/// there are not made, unless `--load-kmods` asks for it.
struct ComponentSearch {
    private let options: ListOptions
    private let global: GlobalOptions
    private let kernel: KernelDriver
    private let log: Log
    private(set) var list = ComponentList()

    init(_ options: ListOptions, _ global: GlobalOptions, kernel: KernelDriver, log: Log) throws(Failure) {
        self.options = options
        self.global = global
        self.kernel = kernel
        self.log = log
        switch try HostPlatform.detect(kernel) {
        case .nvidia: try searchNode()
        case .tegra: try searchTegra()
        case .wsl: try searchWSL()
        }
        if !options.imexChannels.isEmpty { list.add(.imexChannels, options.imexChannels.map(IMEXChannel.path)) }
    }

    // MARK: - An ordinary host

    private mutating func searchNode() throws(Failure) {
        let (root, cache) = (global.root, global.loaderCache)
        let node = try Failure.translating { () throws(Diagnostic) in
            try Node(driverRoot: root, loaderCache: cache, for: .all, loadsModules: false, kernel: kernel)
        }
        if global.loadsModules { makeNodes(of: node) }
        let selected = try selectedDevices(of: node)
        if options.devices != nil {
            list.add(.controlDevices, try controlNodes())
            list.add(.gpuDevices, selected.parents.map { ByteString("/dev/nvidia\($0.minor)") })
            if options.migAccess.isEmpty { try addAccess(to: selected.migDevices) }
        }
        for control in options.migAccess { try add(control, selected.parents) }
        let files = node.driverRoot.locateFiles(for: .all, version: node.driverVersion)
        var found = files.found
        if options.listsSockets { found += node.driverRoot.mpsDirectory(ProgramEnvironment.mpsDirectory).found }
        add(found, in: node.driverRoot)
        for omission in files.omissions { log.write(.warning, "without \(omission)") }
    }

    /// `--load-kmods` asks for the nodes of the modules too.
    private func makeNodes(of node: borrowing Node) {
        do throws(DriverError) {
            _ = try node.deviceNodes.control(for: .all)
            for gpu in try kernel.gpus().gpus { _ = try node.deviceNodes.gpu(gpu) }
        } catch {
            log.write(.warning, error.description)
        }
    }

    /// None on a machine without any GPU, whatever is asked for.
    private func selectedDevices(of node: borrowing Node) throws(Failure) -> NodeDevices {
        guard let argument = options.devices, try kernel.hasGPUs() else { return NodeDevices() }
        let selection = try argument.selection()
        try argument.check(options.migAccess)
        let nvml = NVMLSource(driverRoot: global.root, driverVersion: node.driverVersion, kernel: kernel)
        do throws(Diagnostic) {
            return try node.devices(selectedBy: selection, nvml: nvml)
        } catch {
            throw try argument.failure(error) { (selection) throws(Diagnostic) in
                _ = try node.devices(selectedBy: selection, nvml: nvml)
            }
        }
    }

    /// `nvidiactl`, which is there whenever the module is, and those of the others that are there.
    private func controlNodes() throws(Failure) -> [ByteString] {
        let path = global.root
        let root = try Failure.translating { () throws(DriverError) in try Node.openDevRoot(below: path) }
        let others: [ByteString] = ["/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"]
        return ["/dev/nvidiactl"]
            + others.filter { path in
                do throws(LinuxError) {
                    return try root.status(of: path, followLinks: false)?.kind == .characterDevice
                } catch {
                    return false
                }
            }
    }

    // MARK: - MIG

    private mutating func addAccess(to devices: [MIGDevice]) throws(Failure) {
        let hasNodes = try hasCapabilityNodes()
        for device in devices {
            let instances = [device.gpuInstanceNode, device.computeInstanceNode]
            list.add(.migAccess, instances.map(\.accessFile))
            if hasNodes { list.add(.migAccess, instances.map { CapabilityNode.path(minor: $0.minor) }) }
        }
    }

    /// The rights over all of a GPU's instances, for those of `gpus` that can have any.
    private mutating func add(_ control: MIGControl, _ gpus: [GPU]) throws(Failure) {
        let kind: ComponentList.Kind = control == .config ? .migConfig : .migMonitor
        let capable = gpus.filter { kernel.isMIGCapable($0) }
        list.add(kind, [])
        if capable.isEmpty { return }
        let node = try Failure.translating { () throws(DriverError) in try kernel.node(for: control) }
        let hasNodes = try hasCapabilityNodes()
        list.add(kind, [node.accessFile])
        if hasNodes { list.add(kind, [CapabilityNode.path(minor: node.minor)]) }
        for gpu in capable {
            list.add(kind, [kernel.instancesPath(of: gpu)])
            guard hasNodes else { continue }
            list.add(kind, [CapabilityNode.directory] + kernel.migMinors(of: gpu).map(CapabilityNode.path))
        }
    }

    /// Whether the module has nodes for capabilities, as it has since driver 450.
    private func hasCapabilityNodes() throws(Failure) -> Bool {
        try Failure.translating { () throws(DriverError) in try kernel.majors()["nvidia-caps"] != nil }
    }

    // MARK: - Other machines

    private mutating func searchTegra() throws(Failure) {
        let system = try TegraSystem(root: global.root, kernel: kernel)
        if let argument = options.devices {
            var paths: [ByteString] = []
            for gpu in try argument.gpus(among: system.inventory.gpus.gpus) {
                do throws(TegraError) {
                    let set = try system.inventory.nodes(of: gpu, for: .all, in: system.deviceNodes)
                    paths += set.nodes.map(\.path).filter { !paths.contains($0) }
                } catch {
                    throw Failure(Diagnostic(.tegraUnusable, error.description, hint: error.hint))
                }
            }
            list.add(.gpuDevices, paths)
        }
        add(system.inventory.files, in: system.driverRoot)
        for omission in system.inventory.omissions { log.write(.warning, "without \(omission)") }
    }

    /// Every name of a GPU means all GPUs of Windows.
    private mutating func searchWSL() throws(Failure) {
        let system = try WSLSystem(root: global.root, kernel: kernel)
        if options.devices != nil { list.add(.controlDevices, system.inventory.nodes.nodes.map(\.path)) }
        add(system.inventory.files, in: system.driverRoot)
        for omission in system.inventory.omissions { log.write(.warning, "without \(omission)") }
    }

    // MARK: - Files

    /// By the paths that they have in the driver root, links resolved; firmware by the path that the kernel loads it from.
    private mutating func add(_ files: [DriverFile], in root: borrowing DriverRoot) {
        let kinds: [(isListed: Bool, section: ComponentList.Kind, kind: DriverFile.Kind)] = [
            (options.listsBinaries, .binaries, .binary), (options.listsLibraries, .libraries, .library(.native)),
            (options.listsLibraries && options.listsCompat32, .compat32Libraries, .library(.compat32)),
            (options.listsSockets, .ipcs, .socket), (options.listsFirmware, .firmwares, .firmware),
        ]
        for (isListed, section, kind) in kinds where isListed {
            let wanted = files.filter { $0.kind == kind && !options.exclusions.contains($0.containerPath) }
            list.add(
                section,
                wanted.map { file in
                    let path = kind == .firmware ? nil : root.pathInRoot(ofHostPath: file.hostPath)
                    return path ?? file.containerPath
                })
        }
    }
}
