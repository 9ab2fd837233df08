// SPDX-License-Identifier: Apache-2.0

package import LibContainer
package import Linux
package import RuntimeConfig

/// From a container's environment to the plan for it, under the administrator's settings.
package struct Injector: Sendable {
    private let settings: Settings
    private let supported: DriverCapabilities
    private let kernel: KernelDriver

    /// Fails where a setting has a value that nothing can be done with.
    package init(settings: Settings, kernel: KernelDriver = KernelDriver()) throws(InjectionError) {
        self.settings = settings
        self.kernel = kernel
        supported = try DriverCapabilities(configured: settings.supportedDriverCapabilities)
    }

    /// What the container with this environment asks for; nil where it asks for no GPU.
    package func request(from environment: [ByteString]) throws(InjectionError) -> DeviceRequest? {
        try DeviceRequest(environment: environment, supported: supported)
    }

    /// Whether the environment of the container may ask for GPUs: always, unless the administrator keeps that for
    /// privileged containers (`accept-nvidia-visible-devices-envvar-when-unprivileged`). As in the original, privileged
    /// is who has CAP_SYS_ADMIN, spelt so, in the bounding set.
    package func acceptsEnvironment(boundingCapabilities: [ByteString]) -> Bool {
        settings.acceptsEnvironmentWhenUnprivileged || boundingCapabilities.contains("CAP_SYS_ADMIN")
    }

    /// What the container gets on this node. `hook` is the path of our hook; without one the plan has no hook.
    /// `ociVersion` is the config.json's.
    package func plan(
        for request: DeviceRequest, hook: ByteString? = nil, ociVersion: ByteString? = nil
    ) throws(InjectionError) -> InjectionPlan {
        try requireNativeMode()
        let node = try Node(
            driverRoot: settings.containerCLI.root, for: request.capabilities,
            loadsModules: settings.containerCLI.loadsKernelModules, kernel: kernel)
        var plan = try InjectionPlan(
            request: request, node: node, addsDeviceGroups: !settings.features.noAdditionalGIDsForDeviceNodes)
        if let hook, !plan.links.isEmpty || !plan.libraries.isEmpty {
            let update = LoaderUpdate(libraries: plan.libraries.map(\.value), links: plan.links.map(\.value))
            plan.hook = HookInvocation(stage: hookStage(ociVersion: ociVersion), path: hook, update: update)
        }
        return plan
    }

    private func requireNativeMode() throws(InjectionError) {
        switch settings.runtime.mode {
        case .auto, .jitCDI, .legacy: return
        case .cdi, .csv:
            throw InjectionError(
                "mode \"\(settings.runtime.mode.rawValue)\" is not supported by this version",
                hint: "set nvidia-container-runtime.mode to \"auto\" in config.toml")
        }
    }

    /// createContainer unless the administrator wants prestart, which mode legacy is about, or the specification is of
    /// a version that has no createContainer: the low-level runtime that came with such an engine would pass the hook
    /// over in silence. The stage came with runtime-spec 1.0.2.
    private func hookStage(ociVersion: ByteString?) -> HookInvocation.Stage {
        if settings.runtime.hookStage == .prestart || settings.runtime.mode == .legacy { return .prestart }
        guard let ociVersion else { return .createContainer }
        let numbers = ociVersion.split(separator: UInt8(ascii: ".")).prefix(3).map { part in
            ByteString(part.bytes.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }).decimal(as: Int.self)
        }
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2] else {
            return .createContainer
        }
        return (major, minor, patch) < (1, 0, 2) ? .prestart : .createContainer
    }
}
