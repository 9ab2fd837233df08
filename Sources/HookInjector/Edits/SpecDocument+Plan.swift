// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LibContainer
internal import Linux
package import OCISpec

extension SpecDocument {
    /// Writes `plan` into the document. A document that has all of it already is not modified.
    package mutating func apply(_ plan: InjectionPlan) throws(SpecError) {
        try removeStaleMounts()
        for item in plan.environment { try setEnvironment(name: item.value.name, value: item.value.value) }
        for item in plan.devices {
            let device = item.value
            try addDevice(device.node)
            // Runtimes fail on a rule that allows nothing.
            guard let ruleType = device.node.ruleType, !device.access.isEmpty else { continue }
            try allowDevice(
                SpecDeviceRule(
                    allow: true, type: ruleType, major: device.node.major, minor: device.node.minor,
                    access: device.access))
        }
        for item in plan.netDevices { try setNetDevice(hostName: item.value.hostName, name: item.value.name) }
        for item in plan.mounts {
            let mount = item.value
            try addMount(
                SpecMount(
                    destination: mount.destination, source: mount.source, type: mount.type, options: mount.options))
        }
        for item in plan.additionalGIDs { try addAdditionalGID(item.value) }
        // Docker's `--gpus` and hooks.d add it also for containers that come to us, and one injection is enough.
        try removeHooks(stage: .prestart, where: \.isPrestartHook)
        try replaceHook(with: plan.hook)
        // A hook that an engine, or an earlier run, has put there from the same specification is one hook.
        for item in plan.foreignHooks {
            let hook = item.value.hook
            let isSame = { (other: SpecHook) in other.path == hook.path && other.arguments == hook.arguments }
            try addHook(hook, stage: item.value.stage, replacing: isSame)
        }
        if let item = plan.intelRDT { try setIntelRDT(item.value) }
    }

    /// Leaves the work to `hook`, the hook of mode legacy, unless a hook of that kind is there already.
    package mutating func leave(to hook: HookInvocation) throws(SpecError) {
        try replaceHook(with: nil)
        if try hooks(.prestart).contains(where: \.isPrestartHook) { return }
        try addHook(SpecHook(hook), stage: .prestart, replacing: \.isPrestartHook)
    }

    /// Takes away what an earlier run added to a bundle that is used again, and that is no longer there, as the libraries
    /// of a driver that was upgraded: the low-level runtime would fail on them.
    private mutating func removeStaleMounts() throws(SpecError) {
        let hooks = try hooks(.createContainer) + hooks(.prestart)
        guard hooks.contains(where: \.isOurs) else { return }
        var stale: Set<ByteString> = []
        for mount in try mounts where mount.isOurs && mount.isSourceMissing { stale.insert(mount.destination) }
        if !stale.isEmpty { try removeMounts(at: stale) }
    }

    /// Leaves exactly one hook of ours, in the stage of `hook`.
    private mutating func replaceHook(with hook: HookInvocation?) throws(SpecError) {
        for stage in [SpecHook.Stage.createContainer, .prestart] {
            guard let hook, hook.stage.specStage == stage else {
                try removeHooks(stage: stage, where: \.isOurs)
                continue
            }
            try addHook(SpecHook(hook), stage: stage, replacing: \.isOurs)
        }
    }
}

extension SpecDevice {
    /// The type in the rule by which a cgroup lets it be opened; nil for a FIFO, which is a file like others. `u` is
    /// another word for `c` that only nodes have (runtime-spec, config-linux.md): runc refuses a rule of that type.
    fileprivate var ruleType: ByteString? {
        switch type {
        case "c", "u": "c"
        case "b": "b"
        default: nil
        }
    }
}

extension SpecHook {
    fileprivate init(_ hook: HookInvocation) {
        self.init(
            path: hook.path, arguments: hook.arguments, environment: HookInvocation.environment,
            timeout: HookInvocation.timeout)
    }

    /// Whether it does the work inside the container later: the original's prestart hook, or ours under its name.
    fileprivate var isPrestartHook: Bool {
        HookInvocation.prestartNames.contains(path.lastPathComponent)
            || arguments.first.map { HookInvocation.prestartNames.contains($0.lastPathComponent) } == true
    }

    /// Whether an earlier run of ours put it there.
    fileprivate var isOurs: Bool {
        arguments.first == HookInvocation.programName && arguments.dropFirst().first == HookInvocation.verb
    }
}

extension SpecMount {
    /// Whether it is as our mounts are.
    fileprivate var isOurs: Bool { type == "bind" && InjectionPlan.Mount.allOptions.contains(options) }

    fileprivate var isSourceMissing: Bool {
        do throws(LinuxError) {
            _ = try FileStatus.of(source)
            return false
        } catch {
            return error.code == ENOENT
        }
    }
}

extension HookInvocation.Stage {
    fileprivate var specStage: SpecHook.Stage {
        switch self {
        case .createContainer: .createContainer
        case .prestart: .prestart
        }
    }
}
