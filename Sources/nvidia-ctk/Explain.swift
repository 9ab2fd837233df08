// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Diagnostics
internal import Glibc
internal import HookInjector
internal import LibContainer
internal import Linux
internal import OCISpec
internal import RuntimeConfig

/// `nvidia-ctk explain`: the plan that the runtime would carry out, without carrying it out.
struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a container would get on this node, and why.",
        discussion: """
            The plan is the one that nvidia-runtime makes on create: device nodes, mounts, links and the loader's names, \
            each with what asked for it and where it was found, and what was looked for in vain. Nothing is changed, \
            except that missing device nodes of loaded kernel modules are made, as on create.

            The container is the one of a bundle, or none, with what the other options add. Without any of these it asks \
            for all GPUs.
            """)

    @Option(help: "Ask for what the config.json of this bundle asks for.")
    var bundle: String?

    @Option(help: "The value of NVIDIA_VISIBLE_DEVICES.")
    var devices: String?

    @Option(help: "The value of NVIDIA_DRIVER_CAPABILITIES.")
    var capabilities: String?

    @Option(name: .customLong("env"), help: ArgumentHelp("A variable; repeatable.", valueName: "NAME=VALUE"))
    var variables: [String] = []

    @Option(name: .customLong("annotation"), help: ArgumentHelp("An annotation; repeatable.", valueName: "KEY=VALUE"))
    var annotations: [String] = []

    @Option(help: "The name that the runtime is called by, for the mode and the policy of that handler.")
    var handler = ""

    func validate() throws {
        for text in variables + annotations where text.firstIndex(of: "=") == nil {
            throw ValidationError("\"\(ByteString(text))\" has no '='")
        }
    }

    func run() throws {
        var settings = try Self.settings()
        settings.runtime.mode = RuntimeMode(programName: ByteString(handler)) ?? settings.runtime.mode
        for warning in settings.warnings { print("warning: \(warning)") }
        var injector = try Injector(settings: settings, handler: ByteString(handler))
        let (container, user, ociVersion) = try describedContainer()
        let request = try injector.request(of: container)
        for warning in injector.warnings { print("warning: \(warning)") }
        guard let request else {
            print("The container asks for no GPU: it is started as it is.")
            return
        }
        do throws(Diagnostic) {
            switch try injector.plan(for: request, user: user) {
            case .plan(var plan):
                if injector.leavesAllToPrestart {
                    plan.hook = try injector.prestartHook(configuration: Self.settingsPath)
                } else {
                    try injector.addHook(to: &plan, ociVersion: ociVersion)
                }
                for line in plan.explanation { print(line) }
            case .ignored(let reason): print("The container is started as it is: ignored \(request.channel): \(reason)")
            }
        } catch {
            guard request.isOptional, error.id.isAboutNode else { throw error }
            print("The container is started as it is: it asks for a GPU only if there is one: \(error)")
        }
    }

    /// The bundle's container, or one that asks for nothing, with what the options add; its process's user; and the
    /// version of its config.json.
    private func describedContainer() throws(Diagnostic) -> (ContainerDescription, SpecUser, ociVersion: ByteString?) {
        var (container, user) = (ContainerDescription(environment: []), SpecUser())
        var ociVersion: ByteString?
        if let bundle {
            do throws(SpecError) {
                let file = try SpecFile(bundle: ByteString(bundle))
                let document = try SpecDocument(parsing: try file.read(), file: file.path)
                container = try ContainerDescription(reading: document)
                (user, ociVersion) = (try document.user, try document.ociVersion)
            } catch {
                throw Diagnostic(error)
            }
        }
        let isBare = bundle == nil && variables.isEmpty && annotations.isEmpty
        if let devices = devices ?? (isBare ? "all" : nil) {
            container.environment.append(ByteString("NVIDIA_VISIBLE_DEVICES=\(devices)"))
        }
        if let capabilities { container.environment.append(ByteString("NVIDIA_DRIVER_CAPABILITIES=\(capabilities)")) }
        container.environment += variables.map { ByteString($0) }
        for text in annotations {
            guard let equals = text.firstIndex(of: "=") else { continue }
            let value = text[equals...].dropFirst()
            container.annotations.append((ByteString(String(text[..<equals])), ByteString(String(value))))
        }
        return (container, user, ociVersion)
    }

    private static var settingsPath: ByteString { SettingsFile.path(environment: variable) }

    private static func settings() throws(Diagnostic) -> Settings {
        do throws(SettingsError) {
            return try SettingsFile(path: settingsPath).settings()
        } catch {
            throw Diagnostic(.settingsInvalid, error.description, hint: error.hint)
        }
    }

    private static func variable(_ name: ByteString) -> ByteString? {
        name.withCString { getenv($0) }.map { ByteString(cString: $0) }
    }
}
