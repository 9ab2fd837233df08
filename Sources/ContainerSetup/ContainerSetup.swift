// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
internal import Glibc
package import HookInjector
package import LibContainer
internal import Linux
internal import Sandbox

/// Carries a plan out in a container that exists: the third use of an `InjectionPlan`.
///
/// The process joins the container's namespaces and stays there, so it must have nothing else to do afterwards than to
/// end. What it mounts are the host's files as the container's mount namespace has them: before a low-level runtime
/// switches roots, these are the host's.
package struct ContainerSetup: Sendable {
    /// How, where there is a choice.
    package struct Options: Hashable, Sendable {
        /// Whether the container's cgroup is told to let it have its devices (`--no-cgroups`). Done only by
        /// root outside of user namespaces: nobody else can.
        package var managesCgroup = true
        /// Whether device nodes are made in the container (`--no-devbind`).
        package var makesDeviceNodes = true

        package init() {}
    }

    let plan: InjectionPlan
    let options: Options
    let kernel: KernelDriver

    package init(_ plan: InjectionPlan, options: Options = Options(), kernel: KernelDriver = KernelDriver()) {
        self.plan = plan
        self.options = options
        self.kernel = kernel
    }

    /// Makes the plan's mounts, nodes, links and loader's cache in `target`. Returns warnings, a line each. All or nothing:
    /// after a failure nothing of it is mounted.
    package func run(in target: ContainerTarget) throws(Diagnostic) -> [String] {
        try requirePossible()
        guard let pid = target.pid else {
            return try setUp(ContainerRoot(target.root, Self.descriptorFolder(), notOn: nil))
        }
        let process = try Self.find(pid)
        let joinsUserNamespace: Bool
        do throws(LinuxError) {
            joinsUserNamespace = try process.hasOwnUserNamespace()
        } catch {
            throw Self.unreachable(error)
        }
        // Before the namespaces are joined: this takes the host's cgroup file system, and rights on the host.
        let change = try allowDevices(pid)
        do throws(Diagnostic) {
            // Whoever joins a user namespace can't undo on the host what was done there, so a child does.
            if joinsUserNamespace {
                return try ChildProcess.run { (parent) throws(Diagnostic) in
                    try setUp(target, joining: process, userNamespaceOf: parent)
                }
            }
            return try setUp(target, joining: process, userNamespaceOf: nil)
        } catch {
            change.undo()
            throw error
        }
    }

    /// Lets the container's processes open the plan's devices. Where we have no right to, who made the container had none to
    /// forbid them: an ordinary user's runtime.
    private func allowDevices(_ pid: Int32) throws(Diagnostic) -> DeviceCgroupChange {
        guard options.managesCgroup, UserNamespace.isInitial, geteuid() == 0 else { return DeviceCgroupChange() }
        do throws(CgroupError) {
            var rules: [DeviceCgroup.Rule] = []
            for node in plan.nodes { rules.append(try DeviceCgroup.Rule(major: node.major, minor: node.minor)) }
            return try DeviceCgroup(of: pid).allow(rules)
        } catch {
            throw Diagnostic(.cgroupNotChanged, error.description, hint: error.hint)
        }
    }

    /// Joins the mount namespace of `process`, and its user namespace in the child of `parent`.
    private func setUp(
        _ target: ContainerTarget, joining process: borrowing ContainerProcess, userNamespaceOf parent: Int32?
    ) throws(Diagnostic) -> [String] {
        let descriptors = try Self.descriptorFolder()
        let shared = try Self.sharedMounts(descriptors)
        do throws(LinuxError) {
            if parent == nil {
                try process.joinMountNamespace()
            } else {
                try process.joinUserAndMountNamespaces()
            }
        } catch {
            throw Self.unreachable(error)
        }
        if let parent { try Sandbox.require { () throws(SandboxError) in try Sandbox.end(with: parent) } }
        return try setUp(ContainerRoot(target.root, descriptors, notOn: shared))
    }

    /// In the container's namespaces.
    private func setUp(_ root: consuming ContainerRoot) throws(Diagnostic) -> [String] {
        try Sandbox.require { () throws(SandboxError) in try Sandbox.restrict(to: .mounting) }
        do throws(Diagnostic) {
            do throws(LinuxError) {
                if plan.platform == .nvidia { try root.addDriverFolder(of: plan, kernel) }
                try root.addMounts(of: plan)
                if options.makesDeviceNodes { try root.addDevices(of: plan) }
            } catch {
                throw Diagnostic(.setupFailed, error.description)
            }
            return root.warnings + (try update(root.directory))
        } catch {
            root.undo()
            throw error
        }
    }

    /// Updates what the container's loader knows, confined to the root.
    private func update(_ root: borrowing RootDirectory) throws(Diagnostic) -> [String] {
        guard let update = plan.loaderUpdate else { return [] }
        return try ChildProcess.run { (parent) throws(Diagnostic) in
            try Sandbox.require { () throws(SandboxError) in
                try Sandbox.end(with: parent)
                try Sandbox.enter(root)
            }
            let outcome = update.apply(to: root)
            if let failure = outcome.failure { throw failure }
            return outcome.warnings
        }
    }

    /// A plan can have what only a low-level runtime can do, since it comes from a CDI specification.
    private func requirePossible() throws(Diagnostic) {
        let isPossible =
            plan.environment.isEmpty && plan.foreignHooks.isEmpty && plan.netDevices.isEmpty && plan.intelRDT == nil
            && plan.mounts.allSatisfy { $0.value.type == "bind" && MountAttributes(options: $0.value.options) != nil }
        guard case .gpus = plan.request.devices, isPossible else {
            throw Diagnostic(
                .setupNotPossible, "devices of CDI specifications can't be given to a container that is there already",
                hint: "use nvidia-runtime as the container's runtime, such as by docker run --runtime=nvidia")
        }
    }

    private static func find(_ pid: Int32) throws(Diagnostic) -> ContainerProcess {
        do throws(LinuxError) { return try ContainerProcess(pid: pid) } catch { throw unreachable(error) }
    }

    private static func descriptorFolder() throws(Diagnostic) -> DescriptorFolder {
        do throws(LinuxError) { return try DescriptorFolder() } catch {
            throw Diagnostic(.setupFailed, error.description)
        }
    }

    private static func sharedMounts(_ descriptors: borrowing DescriptorFolder) throws(Diagnostic) -> SharedMounts {
        do throws(LinuxError) { return try SharedMounts(descriptors) } catch { throw unreachable(error) }
    }

    private static func unreachable(_ error: LinuxError) -> Diagnostic {
        Diagnostic(.containerUnreachable, error.description)
    }
}
