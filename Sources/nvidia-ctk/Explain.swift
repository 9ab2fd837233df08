// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
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
            """)

    @Option(name: .customLong("bundle"), help: "Ask for what the config.json of this bundle asks for.")
    var bundle: String?

    @Option(help: "The value of NVIDIA_VISIBLE_DEVICES.")
    var devices = "all"

    @Option(help: "The value of NVIDIA_DRIVER_CAPABILITIES.")
    var capabilities = ""

    func run() throws {
        let file = SettingsFile(path: SettingsFile.path(environment: Self.variable))
        let settings = try file.settings()
        let injector = try Injector(settings: settings)
        guard let request = try injector.request(from: try environment()) else {
            print("The container asks for no GPU: it is started as it is.")
            return
        }
        let plan = try injector.plan(for: request, hook: try HookLocation.find(settings))
        for line in plan.explanation { print(line) }
    }

    /// The container's environment: the bundle's, or one made of the options.
    private func environment() throws -> [ByteString] {
        guard let bundle else {
            return [
                ByteString("NVIDIA_VISIBLE_DEVICES=\(devices)"),
                ByteString("NVIDIA_DRIVER_CAPABILITIES=\(capabilities)"),
            ]
        }
        let file = try SpecFile(bundle: ByteString(bundle))
        return try SpecDocument(parsing: try file.read(), file: file.path).environment
    }

    private static func variable(_ name: ByteString) -> ByteString? {
        name.withCString { getenv($0) }.map { ByteString(cString: $0) }
    }
}
