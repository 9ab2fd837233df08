// SPDX-License-Identifier: Apache-2.0

internal import CDI
package import Diagnostics
package import LibContainer
package import Linux
package import OCISpec
package import RuntimeConfig

/// From what a container brings to the plan for it, under the administrator's settings.
package struct Injector {
    /// What comes of a request.
    package enum Outcome {
        case plan(InjectionPlan)
        /// The administrator's policy passes over the request, for the reason given.
        case ignored(String)
    }

    private let settings: Settings
    private let handler: ByteString
    private let policy: Settings.Policy
    private let kernel: KernelDriver
    private var reader: RequestReader

    /// `handler` is the name that the runtime was called by. Fails where a setting has a value that nothing can be done
    /// with.
    package init(
        settings: Settings, handler: ByteString = ByteString(), kernel: KernelDriver = KernelDriver()
    ) throws(Diagnostic) {
        self.settings = settings
        self.handler = handler
        self.kernel = kernel
        policy = settings.policy(handler: handler)
        reader = try RequestReader(settings: settings, handler: handler)
    }

    /// What was asked for and is passed over, one line each.
    package var warnings: [String] { reader.warnings }

    /// What the container asks for; nil where it asks for nothing, or for nothing that it may ask for.
    package mutating func request(of container: ContainerDescription) throws(Diagnostic) -> DeviceRequest? {
        try reader.request(of: container)
    }

    /// What the container gets on this node. `user` is its process's, to whom CDI devices belong.
    package func plan(for request: DeviceRequest, user: SpecUser) throws(Diagnostic) -> Outcome {
        var plan: InjectionPlan
        switch request.devices {
        case .cdi(let names):
            plan = InjectionPlan(request: request)
            try plan.addDevices(named: names, directories: settings.runtime.modes.cdi.specDirectories, user: user)
            try checkRequirements(of: plan, names: names)
        case .gpus(let selection):
            plan = try InjectionPlan(request: request, selection: selection, settings: settings, kernel: kernel)
        }
        if let limit = policy.maximumGPUs, plan.gpuCount > limit {
            let cause = "the container would get \(plan.gpuCount) GPUs, and the policy allows \(limit)"
            if policy.onViolation == .ignore { return .ignored(cause) }
            throw Diagnostic(
                .tooManyGPUs, cause, hint: "ask for fewer; see nvidia-container-runtime.policy.max-gpus in config.toml")
        }
        plan.addLoaderUpdate(settings)
        return .plan(plan)
    }

    /// Whether the prestart hook does all of the work, inside the container: mode legacy.
    package var leavesAllToPrestart: Bool { settings.runtime.mode == .legacy }

    /// The hook of mode legacy, which reads the settings from `configuration`.
    package func prestartHook(configuration: ByteString) throws(Diagnostic) -> HookInvocation {
        var options: [ByteString] = []
        if configuration != SettingsFile.defaultPath { options += ["-config", configuration] }
        // The hook reads the settings by itself; this name may have chosen the policy and the mode.
        if settings.hasHandlerPolicies || RuntimeMode(programName: handler) != nil { options += ["-handler", handler] }
        return HookInvocation(prestart: try HookLocation.find(settings), options: options)
    }

    /// Adds the hook of ours that does inside the container what `plan` has to be done there; `ociVersion` is the
    /// config.json's. The hook must be installed, if there is something for it to do.
    package func addHook(to plan: inout InjectionPlan, ociVersion: ByteString?) throws(Diagnostic) {
        guard let update = plan.loaderUpdate else { return }
        plan.hook = HookInvocation(
            stage: hookStage(ociVersion: ociVersion), path: try HookLocation.find(settings), update: update,
            hidesParameters: plan.platform == .nvidia && settings.isEnabled(hook: HookInvocation.parametersName))
    }

    /// What the image requires counts for NVIDIA's devices in CDI specifications too, where the driver is to be found.
    private func checkRequirements(of plan: InjectionPlan, names: [CDIQualifiedName]) throws(Diagnostic) {
        let isNVIDIAs = names.contains { $0.kind.text.range(of: "nvidia.com/") != nil }
        guard isNVIDIAs, !plan.request.requirements.isEmpty else { return }
        let version: ByteString
        let gpus: [GPU]
        do throws(DriverError) {
            version = try kernel.version()
            gpus = try kernel.gpus().gpus.filter { plan.hasNode(of: $0) }
        } catch {
            return
        }
        let nvml = NVMLSource(driverRoot: settings.containerCLI.driverRoot, driverVersion: version, kernel: kernel)
        try plan.require(nvml.facts(about: gpus))
    }

    /// createContainer unless the administrator wants prestart, or the specification is of a version that has no
    /// createContainer: the low-level runtime that came with such an engine would pass the hook over in silence. The
    /// stage came with runtime-spec 1.0.2.
    private func hookStage(ociVersion: ByteString?) -> HookInvocation.Stage {
        if settings.runtime.hookStage == .prestart { return .prestart }
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
