// SPDX-License-Identifier: Apache-2.0

internal import ContainerSetup
internal import Diagnostics
internal import Glibc
internal import LibContainer
internal import Linux
internal import RuntimeCommand
internal import Sandbox

/// The verbs of `nvidia-cdi-hook`: createContainer hooks that CDI specifications name, ours and those of others.
struct CDIHook {
    /// What a verb has to say beside its success. One line each, cause first.
    struct Report {
        /// For `--debug`.
        var notes: [String] = []
        /// Not for `--quiet`.
        var warnings: [String] = []
    }

    private let arguments: CDIHookArguments

    init(_ arguments: CDIHookArguments) { self.arguments = arguments }

    /// Does all of it. Returns the exit code: 0 also for what we don't know, so that the specification of a newer toolkit
    /// starts a container here, and 1 for every failure.
    func run() -> CInt {
        switch arguments.request {
        case .run(let verb):
            do throws(Diagnostic) {
                say(try run(verb))
                return 0
            } catch {
                complain(error.description)
                return 1
            }
        case .unsupported(let name):
            warn(name.map { "unsupported CDI hook: \($0)" } ?? "no CDI hook specified")
            return 0
        case .help: Output.write(HookCommand.usage, to: STDOUT_FILENO)
        case .version: Output.write("\(CDIHookArguments.programName) \(Version.text)\n", to: STDOUT_FILENO)
        case .invalid(let reason):
            complain(Diagnostic(.cdiHookUsage, reason, hint: "see --help").description)
            return 1
        }
        return 0
    }

    private func run(_ verb: CDIHookVerb) throws(Diagnostic) -> Report {
        switch verb {
        case .createSymlinks: try createSymlinks()
        case .updateLDCache: try updateLDCache()
        case .enableCUDACompat: try enableCUDACompat()
        case .disableDeviceNodeModification: try disableDeviceNodeModification()
        case .updateApplicationProfile: try updateApplicationProfile()
        case .chmod: try changeMode()
        case .noop: Report()
        }
    }

    private func say(_ report: Report) {
        if arguments.isDebug, !arguments.isQuiet { for note in report.notes { complain("debug: \(note)") } }
        for warning in report.warnings { warn(warning) }
    }

    private func warn(_ cause: String) {
        if !arguments.isQuiet { complain("warning: \(cause)") }
    }

    private func complain(_ cause: String) {
        Output.write("\(CDIHookArguments.programName): \(cause)\n", to: STDERR_FILENO)
    }
}

extension CDIHook {
    var flags: CDIHookArguments { arguments }

    /// The container's root, by the state on standard input or in the file of `--container-spec`.
    func openRoot() throws(Diagnostic) -> RootDirectory {
        try Sandbox.require { () throws(SandboxError) in try Sandbox.restrict(to: .reading) }
        return try CreateContainer.openRoot(stateIn: arguments.stateFile, entering: false)
    }

    /// The same, with this process confined to it.
    func enterRoot() throws(Diagnostic) -> RootDirectory {
        let root = try openRoot()
        try Sandbox.require { () throws(SandboxError) in try Sandbox.enter(root) }
        return root
    }

    /// A value of the command line that makes no sense.
    func invalid(_ verb: CDIHookVerb, _ reason: String) -> Diagnostic {
        Diagnostic(.cdiHookUsage, "\(verb.rawValue): \(reason)")
    }
}

extension CDIHook.Report {
    /// Throws the first failure of the update, if it has one.
    init(_ outcome: LoaderUpdate.Outcome) throws(Diagnostic) {
        if let failure = outcome.failure { throw failure }
        notes = outcome.forwardCompatibility.map { ["\($0)"] } ?? []
        warnings = outcome.warnings
    }
}
