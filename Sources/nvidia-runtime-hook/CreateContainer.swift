// SPDX-License-Identifier: Apache-2.0

internal import ContainerSetup
internal import Diagnostics
internal import Glibc
internal import LibContainer
internal import Linux
internal import Sandbox

/// The createContainer hook (runtime-spec, config.md, "POSIX-platform Hooks"): the mounts are made, and the container's
/// root is not yet the root of its mount namespace.
struct CreateContainer {
    struct Options {
        var update = LoaderUpdate()
        /// For stages that run in the mount namespace of the runtime.
        var entersMountNamespace = false
        /// Whether the container's driver may not make device nodes (`DriverParameters`).
        var hidesParameters = false
        /// Whether decisions are reported beside what went wrong.
        var isExplained = false
    }

    private let options: Options

    init(_ options: Options) { self.options = options }

    /// Does all of it and reports on standard error. Returns whether everything that was asked for is there.
    func run() -> Bool {
        let outcome: LoaderUpdate.Outcome
        do throws(Diagnostic) {
            try Sandbox.require { () throws(SandboxError) in try Sandbox.restrict(to: .reading) }
            let root = try Self.openRoot(entering: options.entersMountNamespace)
            if options.hidesParameters { try Self.hideParameters(in: root) }
            try Sandbox.require { () throws(SandboxError) in try Sandbox.enter(root) }
            outcome = options.update.apply(to: root)
        } catch {
            NvidiaRuntimeHook.complain(error.description)
            return false
        }
        if options.isExplained, let decision = outcome.forwardCompatibility {
            NvidiaRuntimeHook.complain("debug: \(decision)")
        }
        for warning in outcome.warnings { NvidiaRuntimeHook.complain("warning: \(warning)") }
        if let failure = outcome.failure { NvidiaRuntimeHook.complain(failure.description) }
        return outcome.failures.isEmpty
    }

    private static func hideParameters(in root: borrowing RootDirectory) throws(Diagnostic) {
        do throws(LinuxError) {
            _ = try DriverParameters.hide(in: root)
        } catch {
            // A root without the driver's procfs has nothing to hide.
            if [ENOENT, ENOTDIR, ELOOP, EXDEV].contains(error.code) { return }
            throw Diagnostic(.driverParametersNotHidden, error.description)
        }
    }

    /// Reads the state from `file`, or from standard input, and opens the container's root, the only thing that is opened
    /// by a path from outside.
    static func openRoot(
        stateIn file: ByteString? = nil, entering entersMountNamespace: Bool
    ) throws(Diagnostic) -> RootDirectory {
        let location = try ContainerLocation(state: try HookState.read(from: file))
        do throws(LinuxError) {
            if entersMountNamespace { try enterMountNamespace(of: location.pid) }
            return try RootDirectory(ofContainer: location.root)
        } catch {
            throw Diagnostic(.hookRootUnusable, error.description)
        }
    }

    /// Joins the mount namespace of the container's process; the paths of the state are valid in it, as the container's
    /// root is not switched yet.
    private static func enterMountNamespace(of pid: Int32?) throws(LinuxError) {
        guard let pid else { throw LinuxError("find the container's process in its state", code: ESRCH) }
        try ContainerProcess(pid: pid).joinMountNamespace()
    }
}
