// SPDX-License-Identifier: Apache-2.0

package import Linux
internal import RuntimeConfig

/// The way by which a container asks for GPUs. Each has its own trust: who can use it is another question than what it
/// says.
package enum RequestChannel: Hashable, Sendable {
    /// A CUDA image from before NVIDIA_REQUIRE_CUDA, which asks for all GPUs by saying nothing.
    case image
    /// NVIDIA_VISIBLE_DEVICES: the image's or the user's; config.json does not tell them apart.
    case environment
    /// A variable of `swarm-resource`, by its name, which an engine sets.
    case engineEnvironment(ByteString)
    /// Mounts below `/var/run/nvidia-container-devices`.
    case volumeMounts
    /// Annotations with a prefix of `annotation-prefixes`; the key of the first.
    case annotations(ByteString)
    /// The command line of nvidia-container-cli, which an engine runs.
    case commandLine

    /// What the administrator's policy calls it.
    var policyChannel: Settings.Channels {
        switch self {
        case .image: .image
        case .environment: .environment
        case .engineEnvironment, .commandLine: .engineEnvironment
        case .volumeMounts: .volumeMounts
        case .annotations: .annotations
        }
    }
}

extension RequestChannel: CustomStringConvertible {
    package var description: String {
        switch self {
        case .image: "CUDA_VERSION of the image"
        case .environment: "NVIDIA_VISIBLE_DEVICES"
        case .engineEnvironment(let name): "\(name)"
        case .volumeMounts: "a mount below \(VolumeMountList.directory)"
        case .annotations(let key): "the annotation \(key)"
        case .commandLine: "nvidia-container-cli configure"
        }
    }
}
