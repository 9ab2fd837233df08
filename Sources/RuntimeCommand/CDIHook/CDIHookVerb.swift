// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A verb of `nvidia-cdi-hook`, which CDI specifications name (upstream, cmd/nvidia-cdi-hook).
package enum CDIHookVerb: String, CaseIterable, Sendable {
    case createSymlinks = "create-symlinks"
    case updateLDCache = "update-ldcache"
    case enableCUDACompat = "enable-cuda-compat"
    case disableDeviceNodeModification = "disable-device-node-modification"
    case updateApplicationProfile = "update-application-profile"
    case chmod
    case noop

    init?(named name: ByteString) {
        guard let verb = Self.allCases.first(where: { ByteString($0.rawValue) == name }) else { return nil }
        self = verb
    }

    /// The flags with values that it has beside those that every verb has; `isList` where it can be repeated, and has
    /// several values between commas.
    var flags: [(name: CDIHookFlag, isList: Bool)] {
        switch self {
        case .createSymlinks: [(.link, true)]
        case .updateLDCache: [(.folder, true), (.ldconfigPath, false)]
        case .enableCUDACompat: [(.hostDriverVersion, false), (.hostCUDAVersion, false), (.compatibilityRoot, false)]
        case .chmod: [(.mode, false), (.path, true)]
        case .disableDeviceNodeModification, .updateApplicationProfile, .noop: []
        }
    }
}

/// A flag with a value, as it is written behind the dashes.
package enum CDIHookFlag: String, Sendable {
    case link
    case folder
    case ldconfigPath = "ldconfig-path"
    case hostDriverVersion = "host-driver-version"
    case hostCUDAVersion = "host-cuda-version"
    case compatibilityRoot = "cuda-compat-container-root"
    case mode
    case path
    /// Of every verb: the file that has the container's state, in place of standard input.
    case containerSpec = "container-spec"
}
