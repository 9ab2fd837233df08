// SPDX-License-Identifier: Apache-2.0

internal import CDI
package import Diagnostics
internal import LibContainer
package import Linux
package import RuntimeConfig

/// Reads what a container asks for, under the administrator's settings.
///
/// The order of the channels is the original's: annotations, which count in modes `cdi` and `auto` only, then marker
/// mounts, where they are accepted, then the environment, where it is.
package struct RequestReader {
    private let settings: Settings
    private let policy: Settings.Policy
    private let supported: DriverCapabilities
    /// What was asked for and is passed over, one line each.
    package private(set) var warnings: [String] = []

    /// `handler` is the name that the runtime was called by. Fails where a setting has a value that nothing can be done
    /// with.
    package init(settings: Settings, handler: ByteString) throws(Diagnostic) {
        self.settings = settings
        policy = settings.policy(handler: handler)
        supported = try DriverCapabilities(
            configured: settings.supportedDriverCapabilities, setting: "supported-driver-capabilities")
    }

    /// Whether the environment of the container may ask for `what`, by the setting and by the policy.
    mutating func accepts(_ container: ContainerDescription, _ what: String) throws(Diagnostic) -> Bool {
        guard acceptsEnvironment(of: container, for: what) else { return false }
        if policy.channels.contains(.environment) { return true }
        warnings.append(
            "ignored \(what): nvidia-container-runtime.policy.channels in config.toml has no \"environment\"")
        return false
    }

    var ignoresIMEXChannels: Bool { settings.features.ignoreIMEXChannelRequests }

    /// The marker mounts, where they are accepted.
    func acceptedVolumeMounts(of container: ContainerDescription) -> VolumeMountList {
        VolumeMountList(settings.acceptsVolumeMounts ? container.mounts : [])
    }

    /// The names of IMEX channels by marker mounts, where the setting and the policy let these ask.
    mutating func markedIMEXChannels(of container: ContainerDescription) -> [ByteString] {
        let names = acceptedVolumeMounts(of: container).imexChannels
        if names.isEmpty || policy.channels.contains(.volumeMounts) { return names }
        warnings.append(
            "ignored mounts of IMEX channels: nvidia-container-runtime.policy.channels in config.toml has no"
                + " \"volume-mounts\"")
        return []
    }

    /// What the container asks for; nil where it asks for nothing, or for nothing that it may ask for.
    package mutating func request(of container: ContainerDescription) throws(Diagnostic) -> DeviceRequest? {
        guard let (list, channel) = try deviceList(of: container) else { return nil }
        var request = DeviceRequest(
            devices: try devices(of: list), capabilities: try capabilities(of: container, channel), channel: channel)
        request.isOptional = list.isOptional || container.hasOptionalAnnotation
        if !settings.disableRequire {
            do throws(RequirementError) {
                request.requirements = try RequirementList(environment: container.environment)
            } catch {
                throw Diagnostic(.requirementMalformed, error.description, hint: error.hint)
            }
            if let version = request.requirements.unreadableVersion {
                warnings.append("CUDA_VERSION of the image is no version, and not checked: \"\(version.abbreviated)\"")
            }
        }
        if case .gpus = request.devices { request.extras = try extras(of: container) }
        return request
    }

    // MARK: - Channels

    private mutating func deviceList(
        of container: ContainerDescription
    ) throws(Diagnostic) -> (list: DeviceList, channel: RequestChannel)? {
        if let (key, elements) = container.annotatedDevices(prefixes: acceptedPrefixes),
            let list = DeviceList(elements),
            settings.runtime.mode == .cdi || list.isAllQualified, try isAllowed(.annotations(key))
        {
            return (list, .annotations(key))
        }
        if let list = DeviceList(acceptedVolumeMounts(of: container).devices), try isAllowed(.volumeMounts) {
            return (list, .volumeMounts)
        }
        guard let (channel, elements) = container.devicesInEnvironment(swarmResources: settings.swarmResources),
            let list = DeviceList(elements), acceptsEnvironment(of: container, for: channel.description),
            try isAllowed(channel)
        else { return nil }
        return (list, channel)
    }

    /// Annotations count in mode cdi, which auto may become.
    private var acceptedPrefixes: [ByteString] {
        switch settings.runtime.mode {
        case .auto, .cdi: settings.runtime.modes.cdi.annotationPrefixes
        case .jitCDI, .csv, .legacy: []
        }
    }

    /// Whether the environment of the container may ask: always, unless the administrator keeps that for privileged
    /// containers.
    private mutating func acceptsEnvironment(of container: ContainerDescription, for what: String) -> Bool {
        if settings.acceptsEnvironmentWhenUnprivileged || container.isPrivileged { return true }
        warnings.append(
            "ignored \(what): the container is not privileged, and config.toml has"
                + " accept-nvidia-visible-devices-envvar-when-unprivileged = false")
        return false
    }

    /// Whether the administrator's policy lets `channel` ask. Where it does not, it says too whether that is an error.
    private mutating func isAllowed(_ channel: RequestChannel) throws(Diagnostic) -> Bool {
        if policy.channels.contains(channel.policyChannel) { return true }
        guard policy.onViolation == .ignore else {
            throw Diagnostic(
                .channelNotAllowed, "\(channel) may not ask for GPUs on this node",
                hint: "see nvidia-container-runtime.policy.channels in config.toml")
        }
        warnings.append("ignored \(channel): nvidia-container-runtime.policy.channels in config.toml leaves it out")
        return false
    }

    // MARK: - Devices

    /// A name without a kind is a GPU of this node, and in mode cdi a device of the default kind.
    private func devices(of list: DeviceList) throws(Diagnostic) -> DeviceRequest.Devices {
        var names: [ByteString]
        switch list.content {
        case .names(let given): names = given
        case .all: names = ["all"]
        case .none: names = []
        }
        if settings.runtime.mode == .cdi {
            let kind = settings.runtime.modes.cdi.defaultKind + "="
            names = names.map { CDIQualifiedName($0) == nil ? kind + $0 : $0 }
        } else if !names.contains(where: { CDIQualifiedName($0) != nil }) {
            return .gpus(try DeviceSelection(list))
        } else {
            names = names.map { CDIQualifiedName($0) == nil ? Self.automaticKind + "=" + $0 : $0 }
        }
        return try devices(qualified: names)
    }

    /// The kind by which the original's runtime means what it finds by itself.
    private static let automaticKind: ByteString = "runtime.nvidia.com/gpu"

    private func devices(qualified names: [ByteString]) throws(Diagnostic) -> DeviceRequest.Devices {
        var devices: [CDIQualifiedName] = []
        for text in names {
            guard let name = CDIQualifiedName(text) else {
                throw Diagnostic(
                    .deviceNameMalformed, "\"\(text.abbreviated)\" is not the name of a CDI device",
                    hint: "use vendor/class=name, such as nvidia.com/gpu=0")
            }
            if !devices.contains(name) { devices.append(name) }
        }
        let automatic = devices.filter { $0.kind.text == Self.automaticKind }
        if automatic.isEmpty { return .cdi(devices) }
        guard automatic.count == devices.count else {
            throw Diagnostic(
                .mixedDeviceNames,
                "requesting a CDI device with vendor 'runtime.nvidia.com' is not supported when requesting other CDI"
                    + " devices",
                hint: "name all devices by CDI specifications of this node, or none")
        }
        guard let list = DeviceList(automatic.map(\.name)) else { return .gpus(.driverOnly) }
        return .gpus(try DeviceSelection(list))
    }

    // MARK: - Capabilities

    private func capabilities(
        of container: ContainerDescription, _ channel: RequestChannel
    ) throws(Diagnostic) -> DriverCapabilities {
        let value = container.value(of: "NVIDIA_DRIVER_CAPABILITIES")
        guard let limit = policy.capabilities else { return try capabilities(value, channel, supported) }
        let setting = "nvidia-container-runtime.policy.capabilities"
        let allowed = supported.intersection(try DriverCapabilities(configured: limit, setting: setting))
        let asked = try capabilities(value, channel, supported)
        if asked.isSubset(of: allowed) { return asked }
        // What was not asked for by name is not asked for against the policy.
        let named = try DriverCapabilities(namedIn: value ?? "", supported: supported)
        guard policy.onViolation == .ignore || named.isSubset(of: allowed) else {
            throw Diagnostic(
                .capabilityNotAllowed,
                "NVIDIA_DRIVER_CAPABILITIES asks for \"\(named.subtracting(allowed))\", which the policy does not allow",
                hint: "allowed are \(allowed); see nvidia-container-runtime.policy.capabilities in config.toml")
        }
        return asked.intersection(allowed)
    }

    /// An image from before NVIDIA_DRIVER_CAPABILITIES has them all.
    private func capabilities(
        _ value: ByteString?, _ channel: RequestChannel, _ supported: DriverCapabilities
    ) throws(Diagnostic) -> DriverCapabilities {
        if value == nil, channel == .image { return supported }
        return try DriverCapabilities(parsing: value ?? "", supported: supported)
    }
}
