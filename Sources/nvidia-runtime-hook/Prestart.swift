// SPDX-License-Identifier: Apache-2.0

internal import ContainerSetup
internal import Diagnostics
internal import HookInjector
internal import Linux
internal import OCISpec
internal import RuntimeConfig
internal import Sandbox

/// The original's prestart hook (upstream cmd/nvidia-container-runtime-hook): reads what the container asks for from its
/// bundle and gives it to the container, whose namespaces are there and whose root is not switched yet. Docker's `--gpus`
/// and files in hooks.d call it, and mode legacy.
struct Prestart {
    /// The options before the command.
    struct Options {
        /// `-config`: the config.toml, which must exist; nil for that in /etc, which need not.
        var configuration: ByteString?
        /// `-handler`, ours: the name that the runtime was called by, for the policy of that handler.
        var handler = ByteString()
        /// `-debug`
        var isExplained = false

        /// Takes the next argument if it is one of these options, written as Go's programs take them: with one or two
        /// dashes, the value behind `=` or in the next argument. Returns whether it was one.
        mutating func take(from arguments: inout ArraySlice<ByteString>) throws(UsageError) -> Bool {
            guard let argument = arguments.first, let text = argument.droppingPrefix("-") else { return false }
            let option = text.droppingPrefix("-") ?? text
            let equals = option.bytes.firstIndex(of: UInt8(ascii: "="))
            let name = equals.map { ByteString(option.bytes[..<$0]) } ?? option
            switch name {
            case "debug" where equals == nil: isExplained = true
            case "config", "handler":
                let given = equals.map { ByteString(option.bytes[($0 + 1)...]) }
                guard let value = given ?? arguments.dropFirst().first else {
                    throw UsageError("-\(name) needs a value")
                }
                if given == nil { arguments.removeFirst() }
                if name == "config" { configuration = value } else { handler = value }
            default: return false
            }
            arguments.removeFirst()
            return true
        }
    }

    private let options: Options

    init(_ options: Options) { self.options = options }

    /// Does all of it. Returns warnings, a line each. A container that asks for nothing is not hurt by settings that are
    /// wrong: files in hooks.d can be for all containers.
    func run() throws(Diagnostic) -> [String] {
        try Sandbox.require { () throws(SandboxError) in try Sandbox.restrict(to: .planning) }
        let container = try Container()
        let file = SettingsFile(path: options.configuration ?? SettingsFile.defaultPath)
        guard container.asksForDevices(file.essentials) else { return [] }
        let settings = try settings(in: file)
        var injector = try Injector(settings: settings, handler: options.handler)
        let request = try injector.request(of: container.description)
        let warnings = settings.warnings + injector.warnings
        guard let request else { return warnings }
        do throws(Diagnostic) {
            return warnings + (try give(request, to: container, injector, settings))
        } catch {
            guard request.isOptional, error.id.isAboutNode else { throw error }
            return warnings + ["started without a GPU, which the container asks for only if there is one: \(error)"]
        }
    }

    private func give(
        _ request: DeviceRequest, to container: Container, _ injector: Injector, _ settings: Settings
    ) throws(Diagnostic) -> [String] {
        switch try injector.plan(for: request, user: container.user) {
        case .ignored(let reason): return ["ignored \(request.channel): \(reason)"]
        case .plan(let plan):
            if options.isExplained { for line in plan.explanation { NvidiaRuntimeHook.complain("debug: \(line)") } }
            var options = ContainerSetup.Options()
            options.managesCgroup = !settings.containerCLI.noCgroups
            return try ContainerSetup(plan, options: options).run(in: try container.target())
        }
    }

    private func settings(in file: borrowing SettingsFile) throws(Diagnostic) -> Settings {
        if options.configuration != nil, !file.exists {
            throw Diagnostic(.settingsInvalid, "\(file.path): no such file", hint: "correct the hook's -config")
        }
        do throws(SettingsError) {
            var settings = try file.settings()
            settings.runtime.mode = mode(in: settings)
            return settings
        } catch {
            throw Diagnostic(.settingsInvalid, error.description, hint: error.hint)
        }
    }

    /// Here is no choice to make automatically: this is mode legacy, in which annotations don't count. Modes of which the
    /// hook can't do the work stay, unless the name of the runtime has overruled them.
    private func mode(in settings: Settings) -> RuntimeMode {
        switch RuntimeMode(programName: options.handler) ?? settings.runtime.mode {
        case .auto, .jitCDI, .legacy: .legacy
        case .cdi: .cdi
        case .csv: .csv
        }
    }
}

/// The container of a prestart hook: what its state and its bundle's config.json say.
private struct Container {
    let description: ContainerDescription
    let user: SpecUser
    private let state: ContainerState
    private let rootPath: ByteString?

    /// Reads the state from standard input.
    init() throws(Diagnostic) {
        let text = try HookState.read()
        do throws(SpecError) { state = try ContainerState(parsing: text) } catch {
            throw Diagnostic(.hookStateUnreadable, error.description)
        }
        do throws(SpecError) {
            let file = try SpecFile(bundle: state.bundle)
            let document = try SpecDocument(parsing: try file.read(), file: file.path)
            description = try ContainerDescription(reading: document)
            user = try document.user
            rootPath = try document.rootPath
        } catch {
            throw Diagnostic(error)
        }
    }

    /// Whether it asks for a device at all. What asks by annotations is the runtime's business.
    func asksForDevices(_ essentials: EssentialSettings) -> Bool {
        description.asksForDevices(swarmResources: essentials.swarmResources, annotationPrefixes: [])
    }

    /// Where it is.
    func target() throws(Diagnostic) -> ContainerTarget {
        guard let pid = state.pid else {
            throw Diagnostic(.hookStateUnreadable, "container state: pid: missing or 0")
        }
        guard let root = state.root ?? rootPath, !root.isEmpty else {
            throw Diagnostic(.hookRootUnusable, "root.path in the bundle's config.json is missing or empty")
        }
        guard !root.pathComponents.isEmpty else {
            throw Diagnostic(.hookRootUnusable, "the container's root is /")
        }
        return ContainerTarget(
            root: root.isAbsolutePath ? root : state.bundle.appending(component: root), pid: pid)
    }
}
