// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import HookInjector
internal import LibContainer
internal import Linux
internal import OCISpec
internal import RuntimeCommand
internal import RuntimeConfig

/// The step between the settings and the low-level runtime for a container that may ask for a GPU: the spec of one
/// bundle, read once.
struct GPUInjection: ~Copyable {
    private let file: SpecFile
    private var document: SpecDocument
    private let container: ContainerDescription
    /// Kept, as all of this is, until the process becomes another one: giving a thousand small blocks of memory back
    /// takes as long as writing the spec.
    private var plan: InjectionPlan?

    /// Opens and reads the spec of `invocation`.
    init(_ invocation: Invocation) throws(Diagnostic) {
        guard invocation.specPath.lastPathComponent == "config.json" else {
            throw Diagnostic(
                .specName, "\(invocation.specPath): a container with a GPU must have its spec in config.json",
                hint: "give the runtime a bundle")
        }
        do throws(SpecError) {
            let file = try SpecFile(bundle: invocation.specPath.parentPath)
            let document = try SpecDocument(parsing: try file.read(), file: file.path)
            container = try ContainerDescription(reading: document)
            self.file = file
            self.document = document
        } catch {
            throw Diagnostic(error)
        }
    }

    /// Whether the container asks for a device at all. If not, nothing else must be looked at.
    func isAskedFor(_ essentials: EssentialSettings) -> Bool {
        container.asksForDevices(
            swarmResources: essentials.swarmResources, annotationPrefixes: essentials.annotationPrefixes)
    }

    /// Edits the spec as `settings`, which are from the file `configuration`, and its own request say, and replaces the
    /// file if that changes it.
    mutating func run(
        invocation: Invocation, settings: Settings, configuration: ByteString, log: Log
    ) throws(Diagnostic) {
        var injector = try Injector(settings: settings, handler: invocation.programName.lastPathComponent)
        let request: DeviceRequest?
        do throws(Diagnostic) {
            request = try injector.request(of: container)
        } catch {
            for warning in injector.warnings { log.write(.warning, warning) }
            throw error
        }
        for warning in injector.warnings { log.write(.warning, warning) }
        guard let request else { return }
        if injector.leavesAllToPrestart {
            try leave(to: try injector.prestartHook(configuration: configuration))
            log.write(.info, "left \(request) to the prestart hook")
            return
        }
        do throws(Diagnostic) {
            try inject(request, injector, invocation, log)
        } catch {
            guard request.isOptional, error.id.isAboutNode else { throw error }
            log.write(.warning, "started without a GPU, which the container asks for only if there is one: \(error)")
        }
    }

    private mutating func inject(
        _ request: DeviceRequest, _ injector: Injector, _ invocation: Invocation, _ log: Log
    ) throws(Diagnostic) {
        let (ociVersion, user) = try reading { (spec) throws(SpecError) in (try spec.ociVersion, try spec.user) }
        switch try injector.plan(for: request, user: user) {
        case .ignored(let reason): log.write(.warning, "ignored \(request.channel): \(reason)")
        case .plan(var plan):
            try injector.addHook(to: &plan, ociVersion: ociVersion)
            self.plan = plan
            try write(plan)
            Self.record(plan, of: invocation, in: log)
        }
    }

    /// A view of the document, its error as one of ours.
    private func reading<Value>(
        _ view: (borrowing SpecDocument) throws(SpecError) -> Value
    ) throws(Diagnostic) -> Value {
        do throws(SpecError) { return try view(document) } catch { throw Diagnostic(error) }
    }

    private mutating func write(_ plan: InjectionPlan) throws(Diagnostic) {
        try edit { (document) throws(SpecError) in try document.apply(plan) }
    }

    private mutating func leave(to hook: HookInvocation) throws(Diagnostic) {
        try edit { (document) throws(SpecError) in try document.leave(to: hook) }
    }

    private mutating func edit(_ body: (inout SpecDocument) throws(SpecError) -> Void) throws(Diagnostic) {
        do throws(SpecError) {
            try body(&document)
            guard document.isModified else { return }
            try file.replace(with: try document.rendered())
        } catch {
            throw Diagnostic(error, whileWriting: true)
        }
    }

    /// The one line about a container with a GPU, and at debug level one for each thing it does without.
    private static func record(_ plan: InjectionPlan, of invocation: Invocation, in log: Log) {
        log.write(
            .info, "gave the container its GPUs",
            [
                LogField("id", .string(invocation.containerID ?? ByteString())),
                LogField("by", .string(ByteString(plan.request.channel.description))),
                LogField("gpus", .strings(plan.deviceNames)),
                LogField("capabilities", .string(ByteString(plan.request.capabilities.description))),
                LogField("driver", .string(plan.driverVersion)),
                LogField("devices", .integer(plan.devices.count)),
                LogField("mounts", .integer(plan.mounts.count)),
                LogField("without", .integer(plan.omissions.count)),
            ])
        for omission in plan.omissions { log.write(.debug, "without \(omission)") }
    }
}
