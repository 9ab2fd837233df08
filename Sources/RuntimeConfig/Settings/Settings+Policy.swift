// SPDX-License-Identifier: Apache-2.0

package import Linux

extension Settings {
    /// `[nvidia-container-runtime.policy]`, our own table: what containers may have of what they ask for. Without it there
    /// is no limit beyond the other keys.
    ///
    /// ```toml
    /// [nvidia-container-runtime.policy]
    /// channels = ["image", "environment", "engine-environment", "volume-mounts", "annotations"]
    /// max-gpus = 4
    /// capabilities = "compute,utility"
    /// on-violation = "refuse"
    ///
    /// [nvidia-container-runtime.policy.handlers."nvidia-tenant"]
    /// max-gpus = 1
    /// on-violation = "ignore"
    /// ```
    ///
    /// A handler is a name that engines call the runtime by, such as a link to it that one RuntimeClass of Kubernetes
    /// uses. Each key in its table takes the place of the one above; keys that it lacks stay.
    ///
    /// A table that restricts must not be passed over in silence, so everything in it that is not understood is an error,
    /// unknown keys too.
    package struct Policy: Equatable, Sendable {
        /// `channels`: the ways of asking that count; absent means all.
        package var channels = Channels.all
        /// `max-gpus`: the number of GPUs that one container may have, 0 for none; nil is no limit.
        package var maximumGPUs: Int?
        /// `capabilities`: the driver capabilities that a container may have at most, separated by commas, not checked
        /// here; nil is no limit beyond `supported-driver-capabilities`.
        package var capabilities: ByteString?
        /// `on-violation`
        package var onViolation = Violation.refuse
    }

    /// Ways in which a container asks for GPUs.
    package struct Channels: OptionSet, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// `image`: a legacy CUDA image, without NVIDIA_VISIBLE_DEVICES.
        package static let image = Channels(rawValue: 1)
        /// `environment`: NVIDIA_VISIBLE_DEVICES.
        package static let environment = Channels(rawValue: 2)
        /// `engine-environment`: the variables of `swarm-resource`.
        package static let engineEnvironment = Channels(rawValue: 4)
        /// `volume-mounts`: mounts below /var/run/nvidia-container-devices.
        package static let volumeMounts = Channels(rawValue: 8)
        /// `annotations`: those of CDI.
        package static let annotations = Channels(rawValue: 16)
        /// Each of them.
        package static let all = Channels(rawValue: (1 << 5) - 1)

        /// What OptionSet has is for all sets, and found out in the start of every container.
        package func contains(_ other: Channels) -> Bool { rawValue & other.rawValue == other.rawValue }

        static let names: [(name: StaticString, options: Channels)] = [
            ("image", .image), ("environment", .environment), ("engine-environment", .engineEnvironment),
            ("volume-mounts", .volumeMounts), ("annotations", .annotations),
        ]
    }

    /// `on-violation`: what becomes of a container that asks for more than it may have.
    package enum Violation: String, CaseIterable, Sendable {
        /// It does not start.
        case refuse
        /// It starts without what it may not have.
        case ignore
    }

    /// The policy of one handler, complete.
    struct HandlerPolicy: Equatable, Sendable {
        /// A file name.
        let handler: ByteString
        let policy: Policy
    }

    /// Whether the policy depends on the name that the runtime is called by.
    package var hasHandlerPolicies: Bool { !runtime.handlerPolicies.isEmpty }

    /// The policy for a runtime that is called by `handler`: its argv[0], of which only the file name counts.
    package func policy(handler: ByteString) -> Policy {
        let name = handler.lastPathComponent
        return runtime.handlerPolicies.first { $0.handler == name }?.policy ?? runtime.policy
    }
}

/// Decoding.
extension Settings {
    mutating func readPolicy(_ decoder: SettingsDecoder) throws(SettingsError) {
        guard let table = try decoder.table("nvidia-container-runtime.policy") else { return }
        try table.requireKeys(Policy.keys + ["handlers"])
        try runtime.policy.read(table)
        for (handler, table) in try table.table("handlers")?.tables() ?? [] {
            guard handler.isCString, !handler.isEmpty, !handler.bytes.contains(UInt8(ascii: "/")) else {
                throw table.failure("a handler is the name of a file, without its folder")
            }
            try table.requireKeys(Policy.keys)
            var policy = runtime.policy
            try policy.read(table)
            runtime.handlerPolicies.append(HandlerPolicy(handler: handler, policy: policy))
        }
    }
}

extension Settings.Policy {
    fileprivate static let keys: [StaticString] = ["channels", "max-gpus", "capabilities", "on-violation"]

    fileprivate mutating func read(_ table: SettingsDecoder) throws(SettingsError) {
        try table.read("channels", into: &channels, names: Settings.Channels.names)
        try table.read("max-gpus", into: &maximumGPUs)
        try table.read("capabilities", into: &capabilities)
        try table.read("on-violation", into: &onViolation)
    }
}
