// SPDX-License-Identifier: Apache-2.0

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
    private let environment: [ByteString]
    /// Kept, as all of this is, until the process becomes another one: giving a thousand small blocks of memory back
    /// takes as long as writing the spec.
    private var plan: InjectionPlan?

    /// Opens and reads the spec of `invocation`.
    init(_ invocation: Invocation) throws(ShimError) {
        guard invocation.specPath.lastPathComponent == "config.json" else {
            throw ShimError("\(invocation.specPath): a container with a GPU must have its spec in config.json")
        }
        do throws(SpecError) {
            let file = try SpecFile(bundle: invocation.specPath.parentPath)
            let document = try SpecDocument(parsing: try file.read(), file: file.path)
            environment = try document.environment
            self.file = file
            self.document = document
        } catch {
            throw ShimError(error.description)
        }
    }

    /// Whether the container asks for a GPU at all. If not, nothing else must be looked at.
    var isAskedFor: Bool { DeviceRequest.isMade(by: environment) }

    /// Edits the spec as `settings` and its own request say, and replaces the file if that changes it.
    mutating func run(invocation: Invocation, settings: Settings, log: Log) throws(ShimError) {
        do throws(InjectionError) {
            let injector = try Injector(settings: settings)
            let capabilities = try reading { (spec) throws(SpecError) in try spec.boundingCapabilities }
            guard injector.acceptsEnvironment(boundingCapabilities: capabilities) else {
                log.write(
                    .warning,
                    "ignored NVIDIA_VISIBLE_DEVICES: the container is not privileged, and config.toml has"
                        + " accept-nvidia-visible-devices-envvar-when-unprivileged = false")
                return
            }
            guard let request = try injector.request(from: environment) else { return }
            let hook = try HookLocation.find(settings)
            let ociVersion = try reading { (spec) throws(SpecError) in try spec.ociVersion }
            let plan = try injector.plan(for: request, hook: hook, ociVersion: ociVersion)
            self.plan = plan
            try write(plan)
            Self.record(plan, of: invocation, in: log)
        } catch {
            throw ShimError(error.description)
        }
    }

    /// A view of the document, its error as one of ours.
    private func reading<Value>(
        _ view: (borrowing SpecDocument) throws(SpecError) -> Value
    ) throws(InjectionError) -> Value {
        do throws(SpecError) { return try view(document) } catch { throw InjectionError(error.description) }
    }

    private mutating func write(_ plan: InjectionPlan) throws(InjectionError) {
        do throws(SpecError) {
            try document.apply(plan)
            guard document.isModified else { return }
            try file.replace(with: try document.rendered())
        } catch {
            throw InjectionError(error.description)
        }
    }

    /// The one line about a container with a GPU, and at debug level one for each thing it does without.
    private static func record(_ plan: InjectionPlan, of invocation: Invocation, in log: Log) {
        log.write(
            .info, "gave the container its GPUs",
            [
                LogField("id", .string(invocation.containerID ?? ByteString())),
                LogField("gpus", .strings(plan.gpus.map(\.uuid))),
                LogField("capabilities", .string(ByteString(plan.request.capabilities.description))),
                LogField("driver", .string(plan.driverVersion)),
                LogField("devices", .integer(plan.devices.count)),
                LogField("mounts", .integer(plan.mounts.count)),
                LogField("without", .integer(plan.omissions.count)),
            ])
        for omission in plan.omissions { log.write(.debug, "without \(omission)") }
    }
}
