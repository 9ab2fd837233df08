// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux
internal import OCISpec
internal import RuntimeConfig

extension InjectionPlan {
    /// Works out what a container with GPUs of this node gets.
    ///
    /// Only reads, but for device nodes that the kernel module serves and nobody has made yet, and their links in
    /// `/dev/char`. Fails where a GPU asked for, its control nodes, or the libraries that a capability can't do without
    /// are missing, and where the node is not what the image requires; everything else that is missing is recorded.
    init(
        request: DeviceRequest, selection: DeviceSelection, settings: Settings, kernel: KernelDriver
    ) throws(Diagnostic) {
        self.init(request: request)
        let platform = settings.runtime.mode == .csv ? .tegra : try Self.platform(kernel)
        self.platform = platform
        switch platform {
        case .nvidia: try addNode(selection: selection, settings: settings, kernel: kernel)
        case .tegra: try addTegra(selection: selection, settings: settings, kernel: kernel)
        case .wsl: try addWSL(selection: selection, settings: settings, kernel: kernel)
        }
        if settings.addsDeviceGroups { addDeviceGroups() }
    }

    private static func platform(_ kernel: KernelDriver) throws(Diagnostic) -> Platform {
        do throws(LinuxError) {
            return Platform.detect(in: try RootDirectory(opening: "/"), kernel: kernel)
        } catch {
            throw Diagnostic(DriverError.rootUnusable(error))
        }
    }

    private mutating func addNode(
        selection: DeviceSelection, settings: Settings, kernel: KernelDriver
    ) throws(Diagnostic) {
        let node = try Node(
            driverRoot: settings.containerCLI.driverRoot, loaderCache: settings.containerCLI.loaderCache,
            for: request.capabilities, loadsModules: settings.containerCLI.loadsKernelModules, kernel: kernel)
        driverVersion = node.driverVersion
        let nvml = NVMLSource(
            driverRoot: settings.containerCLI.driverRoot, driverVersion: driverVersion, kernel: kernel)
        let found = try node.devices(selectedBy: selection, nvml: nvml)
        gpus = found.gpus
        migDevices = found.migDevices
        omissions = found.omissions
        try require(nvml.facts(about: found.parents))
        do throws(DriverError) {
            try addDevices(of: node)
            try addExtras(of: node)
            omissions += node.deviceNodes.ensureCharLinks(nodes)
            try addFiles(node.driverRoot.locateFiles(for: request.capabilities, version: driverVersion))
        } catch {
            throw Diagnostic(error)
        }
        // What of the libraries is missing has been thrown by now: this is a control node.
        if !gpus.isEmpty || !migDevices.isEmpty, let missing = omissions.first(where: \.isCore) {
            throw Diagnostic(
                .driverIncomplete, "the container's capabilities need more than the node has: \(missing)",
                hint: "ask for fewer capabilities (NVIDIA_DRIVER_CAPABILITIES), or load the module")
        }
    }

    /// Fails where the host is not what the image requires.
    func require(_ facts: HostFacts) throws(Diagnostic) {
        do throws(RequirementError) {
            try request.requirements.check(facts)
        } catch {
            throw Diagnostic(.requirementNotMet, error.description, hint: error.hint)
        }
    }

    private mutating func addDevices(of node: borrowing Node) throws(DriverError) {
        add(try node.deviceNodes.control(for: request.capabilities), requestedBy: .capabilities(request.capabilities))
        for gpu in gpus {
            let requester = Requester.gpu(gpu.index)
            add(try node.deviceNodes.gpu(gpu), requestedBy: requester)
            if !request.capabilities.isDisjoint(with: .drawing) {
                add(try node.deviceNodes.graphics(of: gpu), requestedBy: requester)
            }
        }
        for device in migDevices {
            add(
                try node.deviceNodes.mig(device),
                requestedBy: .mig(gpu: device.parent.index, device: device.index))
        }
    }

    private mutating func addExtras(of node: borrowing Node) throws(DriverError) {
        for control in request.extras.migAccess {
            add(try node.deviceNodes.mig(control), requestedBy: .migAccess(control))
        }
        for channel in request.extras.imexChannels {
            add(try node.deviceNodes.imexChannel(channel), requestedBy: .imexChannel(channel))
        }
        for gate in request.extras.gates {
            let set = node.deviceNodes.nodes(for: gate)
            add(set, requestedBy: .gate(gate))
            add(node.driverRoot.files(for: gate, with: set.nodes), requestedBy: .gate(gate))
        }
        if request.extras.mps {
            add(node.driverRoot.mpsDirectory(request.extras.mpsDirectory), requestedBy: .mps)
        }
    }

    /// Adds a node; one that is there already stays, with who asked for it first.
    mutating func add(_ node: DeviceNode, requestedBy requester: Requester) {
        guard !nodes.contains(where: { $0.path == node.path }) else { return }
        nodes.append(node)
        devices.append((Device(node), Reason(requestedBy: requester, foundIn: node.hostPath)))
    }

    mutating func add(_ set: NodeSet, requestedBy requester: Requester) {
        for node in set.nodes { add(node, requestedBy: requester) }
        for link in set.links { links.append((link, Reason(requestedBy: requester, foundIn: link.path))) }
        omissions += set.omissions
    }

    private mutating func addFiles(_ files: DriverFiles) throws(DriverError) {
        if let failure = files.coreFailure { throw failure }
        omissions += files.omissions
        for file in files.found { add(file, requestedBy: .capabilities(file.capability)) }
    }

    private mutating func add(_ files: FileSet, requestedBy requester: Requester) {
        omissions += files.omissions
        for file in files.found { add(file, requestedBy: requester) }
    }

    mutating func add(_ file: DriverFile, requestedBy requester: Requester) {
        let reason = Reason(requestedBy: requester, foundIn: file.foundIn)
        let options = file.kind == .socket ? Mount.socketOptions : Mount.fileOptions
        mounts.append((Mount(source: file.hostPath, destination: file.containerPath, options: options), reason))
        let library = library(of: file)
        if let library { libraries.append((library, reason)) }
        // The link of the SONAME belongs to the library.
        if file.links.isEmpty { return }
        let loaderPath = library?.loaderPath
        for link in file.links where link.path != loaderPath { links.append((link, reason)) }
    }

    private mutating func library(of file: DriverFile) -> LoaderUpdate.Library? {
        guard case .library(let libraryClass) = file.kind, !file.soname.isEmpty else { return nil }
        do throws(LoaderUpdate.InvalidArgument) {
            return try LoaderUpdate.Library(
                libraryClass: libraryClass, soname: file.soname, path: file.containerPath)
        } catch {
            omissions.append(Omission(name: file.soname, cause: .refused("\(error)")))
            return nil
        }
    }

    /// Who is neither root nor in the node's group needs the group, unless everyone may read and write.
    private mutating func addDeviceGroups() {
        for item in devices {
            let node = item.value.node
            guard let group = node.gid, group != 0, let mode = node.fileMode, mode & 0o006 != 0o006,
                !additionalGIDs.contains(where: { $0.value == group })
            else { continue }
            additionalGIDs.append((group, item.reason))
        }
    }
}

extension InjectionPlan.Device {
    private static let type: ByteString = "c"
    private static let access: ByteString = "rwm"

    init(_ node: DeviceNode) {
        self.node = SpecDevice(
            path: node.path, type: Self.type, major: Int64(node.major), minor: Int64(node.minor),
            fileMode: node.permissions, uid: node.owner, gid: node.group)
        access = Self.access
    }
}

extension Settings {
    /// Whether a container's process gets the groups of its device nodes.
    fileprivate var addsDeviceGroups: Bool {
        !features.noAdditionalGIDsForDeviceNodes
            && !runtime.modes.jitCDI.featureFlags.contains("no-additional-gids-for-device-nodes")
    }
}
