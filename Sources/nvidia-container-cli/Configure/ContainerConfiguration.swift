// SPDX-License-Identifier: Apache-2.0

internal import ContainerSetup
internal import Diagnostics
internal import HookInjector
internal import LibContainer
internal import Linux
internal import OCISpec
internal import RuntimeCommand
internal import RuntimeConfig

/// `configure`: the plan that the runtime would make, carried out in a container that exists.
struct ContainerConfiguration {
    private let options: ConfigureOptions
    private let settings: Settings
    private let kernel: KernelDriver
    private let log: Log

    init(_ options: ConfigureOptions, _ global: GlobalOptions, kernel: KernelDriver, log: Log) {
        self.options = options
        self.kernel = kernel
        self.log = log
        var settings = Settings()
        settings.containerCLI.root = global.root
        settings.containerCLI.ldcache = global.loaderCache
        settings.containerCLI.loadsKernelModules = global.loadsModules && UserNamespace.isInitial
        settings.features.disableCUDACompatLibraryHook = !options.allowsCUDACompatibility
        self.settings = settings
    }

    func run() throws(Failure) {
        let platform = try HostPlatform.detect(kernel)
        let injector = try Failure.translating { () throws(Diagnostic) in
            try Injector(settings: settings, kernel: kernel)
        }
        let selection = try selection(on: platform)
        var plan = try plan(try request(for: selection, on: platform), selection, injector)
        plan.mounts.removeAll { options.exclusions.contains($0.value.destination) }
        for line in plan.explanation { log.write(.info, line) }
        var setup = ContainerSetup.Options()
        setup.managesCgroup = options.managesCgroup
        setup.makesDeviceNodes = options.makesDeviceNodes
        do throws(Diagnostic) {
            let target = ContainerTarget(root: options.root, pid: options.pid)
            let warnings = try ContainerSetup(plan, options: setup, kernel: kernel).run(in: target)
            for warning in warnings { log.write(.warning, warning) }
        } catch {
            throw Failure(error)
        }
    }

    private func plan(
        _ request: DeviceRequest, _ selection: DeviceSelection, _ injector: Injector
    ) throws(Failure) -> InjectionPlan {
        func plan(_ selection: DeviceSelection) throws(Diagnostic) -> InjectionPlan {
            var part = request
            part.devices = .gpus(selection)
            switch try injector.plan(for: part, user: SpecUser()) {
            case .plan(let plan): return plan
            case .ignored(let reason): throw Diagnostic(.tooManyGPUs, reason)
            }
        }
        do throws(Diagnostic) {
            return try plan(selection)
        } catch {
            throw try options.devices.failure(error) { (selection) throws(Diagnostic) in _ = try plan(selection) }
        }
    }

    /// On a machine without any GPU that is none, whatever is asked for.
    private func selection(on platform: Platform) throws(Failure) -> DeviceSelection {
        let selection = try options.devices.selection()
        try options.devices.check(options.migAccess)
        if platform == .nvidia, try !kernel.hasGPUs() { return .driverOnly }
        return selection
    }

    private func request(for selection: DeviceSelection, on platform: Platform) throws(Failure) -> DeviceRequest {
        var request = DeviceRequest(
            devices: .gpus(selection), capabilities: options.capabilities, channel: .commandLine)
        request.extras.imexChannels = options.imexChannels
        if try hasMIGCapableGPU() { request.extras.migAccess = options.migAccess }
        if options.capabilities.contains(.compute) {
            request.extras.mps = true
            request.extras.mpsDirectory = ProgramEnvironment.mpsDirectory
        }
        var expressions = options.requirements
        if platform == .tegra {
            // What libnvidia-container took from NVIDIA_REQUIRE_JETPACK on a Tegra, which is no requirement.
            request.extras.allCSVFiles = expressions.contains { $0.hasPrefix("csv-mounts=all") }
            expressions.removeAll { $0.hasPrefix("csv-mounts=all") || $0.hasPrefix("base-only") }
        }
        do throws(RequirementError) {
            request.requirements = try RequirementList(expressions, source: "--require")
        } catch {
            throw Failure(
                .requirement, "invalid expression: \(error)", hint: error.hint, id: .requirementMalformed)
        }
        return request
    }

    /// Where no GPU can be divided, the rights over that are passed over, as in libnvidia-container.
    private func hasMIGCapableGPU() throws(Failure) -> Bool {
        if options.migAccess.isEmpty { return false }
        let inventory = try Failure.translating { () throws(DriverError) in try kernel.gpus() }
        return inventory.gpus.contains { kernel.isMIGCapable($0) }
    }
}
