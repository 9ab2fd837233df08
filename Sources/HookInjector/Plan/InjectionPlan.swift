// SPDX-License-Identifier: Apache-2.0

package import CDI
package import LibContainer
package import Linux
package import OCISpec

/// Everything one container gets, and why: a plain value between the readers (the request, the node, CDI
/// specifications) and the writers (the edits of config.json, an explanation).
///
/// What `explain` shows is what `create` does because both have the same plan.
package struct InjectionPlan: Sendable {
    /// Something the container gets. A tuple, since generic types are built at run time, in every start.
    package typealias Item<Value: Sendable> = (value: Value, reason: Reason)

    /// Why an item is in the plan.
    package struct Reason: Hashable, Sendable {
        /// What asked for it.
        package var requestedBy: Requester
        /// Where it was found.
        package var foundIn: ByteString
    }

    package enum Requester: Hashable, Sendable {
        case capabilities(DriverCapabilities)
        /// A GPU of the request, by its index.
        case gpu(Int)
        /// A MIG device of the request, by the index of its GPU and its own.
        case mig(gpu: Int, device: Int)
        case migAccess(MIGControl)
        case imexChannel(UInt32)
        case gate(DeviceGate)
        case mps
        /// The platform, Tegra or WSL, whatever the capabilities.
        case platform(Platform)
        /// A CDI specification: for one of its devices, or for all of them.
        case cdi(CDIQualifiedName?)
    }

    /// A device node with the access to it.
    package struct Device: Hashable, Sendable {
        package var node: SpecDevice
        /// Letters of `rwm`.
        package var access: ByteString
    }

    /// A mount, mostly a bind mount.
    package struct Mount: Hashable, Sendable {
        package var source: ByteString
        package var destination: ByteString
        package var type: ByteString = Self.bind
        package var options: [ByteString]

        private static let bind: ByteString = "bind"
        /// Options of files and folders, as the original has them.
        static let fileOptions: [ByteString] = ["ro", "nosuid", "nodev", "rbind", "rprivate"]
        /// Options of sockets: a client writes to them.
        static let socketOptions: [ByteString] = ["nosuid", "nodev", "rbind", "rprivate", "noexec"]
        /// By which a mount in a spec can be one of ours.
        static let allOptions = [fileOptions, socketOptions]
    }

    /// A hook of a CDI specification.
    package struct ForeignHook: Hashable, Sendable {
        package var stage: SpecHook.Stage
        package var hook: SpecHook
    }

    package var request: DeviceRequest
    /// What kind of machine the GPUs were looked for on; nil where CDI specifications say what a container gets.
    package var platform: Platform?
    /// Of the kernel module; empty where none was looked for.
    package var driverVersion: ByteString
    package var gpus: [GPU] = []
    package var migDevices: [MIGDevice] = []
    package var devices: [Item<Device>] = []
    /// Those of `devices` that are the driver's own: all of them, but where CDI specifications say what a container gets.
    package internal(set) var nodes: [DeviceNode] = []
    package var mounts: [Item<Mount>] = []
    package var environment: [Item<EnvironmentVariable>] = []
    package var additionalGIDs: [Item<UInt32>] = []
    package var links: [Item<SymbolicLink>] = []
    /// What the loader must find by SONAME, with the link of that name.
    package var libraries: [Item<LoaderUpdate.Library>] = []
    /// What has to be done inside the container's root, under the administrator's settings; nil for nothing.
    package var loaderUpdate: LoaderUpdate?
    /// The one hook of ours, which does that; nil where there is nothing, or nobody to call a hook.
    package var hook: HookInvocation?
    package var foreignHooks: [Item<ForeignHook>] = []
    package var netDevices: [Item<NetDevice>] = []
    package var intelRDT: Item<SpecIntelRDT>?
    /// What was looked for and not found or refused.
    package var omissions: [Omission] = []

    package struct EnvironmentVariable: Hashable, Sendable {
        package var name: ByteString
        package var value: ByteString
    }

    /// A network interface of the host that moves into the container.
    package struct NetDevice: Hashable, Sendable {
        package var hostName: ByteString
        package var name: ByteString
    }

    /// The GPUs that the container can see, whole GPUs and MIG devices, as the administrator's limit counts them.
    package var gpuCount: Int {
        let parts = migDevices.filter { !gpus.contains($0.parent) }.count
        if case .cdi(let names) = request.devices {
            return max(names.count { !Self.isOtherDevice($0) }, visibleGPUNodes)
        }
        return gpus.count + parts
    }

    /// Whether `name` is of a class that NVIDIA's tools give to devices that are no GPUs (pkg/nvcdi of the toolkit).
    private static func isOtherDevice(_ name: CDIQualifiedName) -> Bool {
        let classes: [ByteString] = ["gds", "gdrcopy", "mofed", "nvswitch", "imex-channel"]
        return classes.contains(name.kind.text.lastPathComponent)
    }

    /// Whether the container gets the node of `gpu`.
    func hasNode(of gpu: GPU) -> Bool {
        let path = ByteString("/dev/nvidia\(gpu.minor)")
        return devices.contains { $0.value.node.path == path }
    }

    /// What the container gets, by names that stay the same.
    package var deviceNames: [ByteString] {
        if case .cdi(let names) = request.devices { return names.map(\.text) }
        return gpus.map { $0.uuid.isEmpty ? ByteString("\($0.index)") : $0.uuid }
            + migDevices.map { "MIG-" + $0.parent.uuid + ByteString("/\($0.gpuInstance)/\($0.computeInstance)") }
    }

    /// Nodes of GPUs, `/dev/nvidia<minor>`: what a CDI device such as `all` may stand for.
    private var visibleGPUNodes: Int {
        devices.filter {
            $0.value.node.path.droppingPrefix("/dev/nvidia")?.decimal(as: UInt32.self) != nil
        }.count
    }

    init(request: DeviceRequest, driverVersion: ByteString = ByteString()) {
        self.request = request
        self.driverVersion = driverVersion
    }
}
