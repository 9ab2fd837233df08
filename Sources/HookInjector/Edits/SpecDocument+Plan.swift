// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LibContainer
internal import Linux
package import OCISpec

extension SpecDocument {
    /// The file names of hooks that do the same work inside the container later. Docker's `--gpus` and hooks.d add them
    /// also for containers that come to us, and one injection is enough.
    private static let supersededHooks: [ByteString] = ["nvidia-container-runtime-hook", "nvidia-container-toolkit"]

    /// Writes `plan` into the document. A document that has all of it already is not modified.
    package mutating func apply(_ plan: InjectionPlan) throws(SpecError) {
        try removeStaleMounts()
        for item in plan.devices {
            let device = item.value
            try addDevice(
                SpecDevice(
                    path: device.path, type: "c", major: Int64(device.major), minor: Int64(device.minor),
                    fileMode: device.permissions, uid: device.owner, gid: device.group))
            try allowDevice(
                SpecDeviceRule(
                    allow: true, type: "c", major: Int64(device.major), minor: Int64(device.minor), access: "rwm"))
        }
        for item in plan.mounts {
            let mount = item.value
            try addMount(
                SpecMount(destination: mount.destination, source: mount.source, type: "bind", options: mount.options))
        }
        for item in plan.additionalGIDs { try addAdditionalGID(item.value) }
        try removeHooks(stage: .prestart) { Self.supersededHooks.contains($0.path.lastPathComponent) }
        try replaceHook(with: plan.hook)
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
            try addHook(
                SpecHook(
                    path: hook.path, arguments: hook.arguments, environment: HookInvocation.environment,
                    timeout: Int64(HookInvocation.timeout)),
                stage: stage, replacing: \.isOurs)
        }
    }
}

extension SpecHook {
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
