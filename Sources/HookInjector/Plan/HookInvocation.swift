// SPDX-License-Identifier: Apache-2.0

internal import CDI
package import LibContainer
package import Linux

/// How the low-level runtime calls our hook.
package struct HookInvocation: Hashable, Sendable {
    /// The stages of the runtime specification at which our hook can work.
    package enum Stage: String, Sendable {
        /// In the container's mount namespace, before pivot_root(2); runc 1.0.0-rc92, crun 0.14 and later.
        case createContainer
        /// In the runtime's namespaces; every runtime has it. The hook enters the container's by itself.
        case prestart
    }

    package var stage: Stage
    /// Absolute, on the host.
    package var path: ByteString
    package var arguments: [ByteString]

    /// runc before 1.3 runs a createContainer hook that has no environment with the container image's
    /// (CVE-2025-23266), and engines written in Go drop an empty one: this is never empty.
    package static let environment = CDIHook.defaultEnvironment

    /// Seconds until the low-level runtime gives the hook up; its own limit is shorter.
    package static let timeout = CDIHook.defaultTimeout

    /// The names by which engines call the original's prestart hook, which does all of the work inside the container:
    /// the first by Docker's `--gpus` and by mode legacy, the second by old files in hooks.d.
    package static let prestartNames: [ByteString] = ["nvidia-container-runtime-hook", "nvidia-container-toolkit"]

    /// The file name by which a hook in a config.json is known as ours.
    package static let programName: ByteString = "nvidia-runtime-hook"

    /// The verb that carries out the plan's links and cache entries in a container's root.
    package static let verb: ByteString = "create-container"

    /// The option of that verb by which the container does not see that its driver may make device nodes.
    package static let parametersOption = "--" + parametersName

    /// The original's hook that does the same.
    static let parametersName: ByteString = "disable-device-node-modification"

    package init(stage: Stage, path: ByteString, update: LoaderUpdate, hidesParameters: Bool) {
        self.stage = stage
        self.path = path
        arguments = [Self.programName, Self.verb]
        if hidesParameters { arguments.append(Self.parametersOption) }
        if stage == .prestart { arguments.append("--enter-mount-namespace") }
        arguments += update.arguments
    }

    /// The hook of mode legacy, which has `options` before its command.
    package init(prestart path: ByteString, options: [ByteString]) {
        stage = .prestart
        self.path = path
        arguments = [Self.prestartNames[0]] + options + ["prestart"]
    }
}
