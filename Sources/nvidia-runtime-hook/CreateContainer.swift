// SPDX-License-Identifier: Apache-2.0

internal import CLinux
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
        /// Whether decisions are reported beside what went wrong.
        var isExplained = false
    }

    /// Bytes.
    private static let stateLimit = 1 << 20
    private static let stateMilliseconds = 2000

    private let options: Options

    init(_ options: Options) { self.options = options }

    /// Does all of it and reports on standard error. Returns whether everything that was asked for is there.
    func run() -> Bool {
        let outcome: LoaderUpdate.Outcome
        do throws(Diagnostic) {
            let root = try Self.openRoot(entering: options.entersMountNamespace)
            do throws(SandboxError) {
                try Sandbox.enter(root)
            } catch {
                throw Diagnostic(.hookSandbox, error.description)
            }
            outcome = options.update.apply(to: root)
        } catch {
            NvidiaRuntimeHook.complain(error.description)
            return false
        }
        if options.isExplained, let decision = outcome.forwardCompatibility {
            NvidiaRuntimeHook.complain("debug: \(decision)")
        }
        for warning in outcome.warnings { NvidiaRuntimeHook.complain("warning: \(warning)") }
        if let failure = outcome.failures.first {
            let more = outcome.failures.count - 1
            NvidiaRuntimeHook.complain(
                Diagnostic(.hookUpdateFailed, more == 0 ? failure : "\(failure) (and \(more) more)").description)
        }
        return outcome.failures.isEmpty
    }

    /// Reads the state from standard input and opens the container's root, the only thing that is opened by a path from
    /// outside.
    private static func openRoot(entering entersMountNamespace: Bool) throws(Diagnostic) -> RootDirectory {
        let text: [UInt8]
        do throws(LinuxError) {
            text = try FileDescriptor.readToEnd(
                of: STDIN_FILENO, limit: stateLimit, milliseconds: stateMilliseconds, name: "container state")
        } catch {
            let isLate = error.code == ETIMEDOUT
            throw Diagnostic(
                .hookStateUnreadable, isLate ? "container state: not complete within 2 s" : error.description)
        }
        let location = try ContainerLocation(state: text)
        do throws(LinuxError) {
            if entersMountNamespace { try enterMountNamespace(of: location.pid) }
            let root = try RootDirectory(opening: location.root)
            let (found, own) = (try root.descriptor.status(), try FileStatus.of("/"))
            // A link or a mount can lead there even where the path is not "/".
            guard found.device != own.device || found.inode != own.inode else {
                throw LinuxError("use the host's own root as a container's root", location.root, code: EPERM)
            }
            return root
        } catch {
            throw Diagnostic(.hookRootUnusable, error.description)
        }
    }

    /// Joins the mount namespace of the container's process; the paths of the state are valid in it, as the container's
    /// root is not switched yet.
    private static func enterMountNamespace(of pid: Int32?) throws(LinuxError) {
        guard let pid else { throw LinuxError("find the container's process in its state", code: ESRCH) }
        let path = ByteString("/proc/\(pid)/ns/mnt")
        let namespace = try FileDescriptor(opening: path, flags: O_RDONLY)
        _ = try retryingOnInterrupt("join", path) { clx_join_mount_namespace(namespace.number) }
    }
}
