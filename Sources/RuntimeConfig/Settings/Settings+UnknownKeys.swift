// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension Settings {
    /// The keys that there are, by table; those of the policy are checked where it is read.
    private static let knownKeys: [(table: StaticString, keys: [StaticString])] = [
        (
            "",
            [
                "disable-require", "swarm-resource", "accept-nvidia-visible-devices-envvar-when-unprivileged",
                "accept-nvidia-visible-devices-as-volume-mounts", "supported-driver-capabilities", "nvidia-ctk",
                "nvidia-container-cli", "nvidia-container-runtime", "nvidia-container-runtime-hook", "features",
            ]
        ),
        (
            "nvidia-container-cli",
            [
                "root", "path", "environment", "debug", "ldcache", "load-kmods", "no-pivot", "no-cgroups", "user",
                "ldconfig",
            ]
        ),
        ("nvidia-container-runtime", ["debug", "runtimes", "mode", "hook-stage", "log-level", "modes", "policy"]),
        ("nvidia-container-runtime.modes", ["csv", "cdi", "jit-cdi", "legacy"]),
        ("nvidia-container-runtime.modes.csv", ["mount-spec-path", "compat-container-root"]),
        ("nvidia-container-runtime.modes.cdi", ["spec-dirs", "default-kind", "annotation-prefixes"]),
        ("nvidia-container-runtime.modes.jit-cdi", ["nvcdi-feature-flags", "nvcdi-disable-hooks"]),
        ("nvidia-container-runtime.modes.legacy", ["cuda-compat-mode"]),
        ("nvidia-container-runtime-hook", ["path", "skip-mode-detection"]), ("nvidia-ctk", ["path"]),
        (
            "features",
            [
                "allow-cuda-compat-libs-from-container", "allow-ldconfig-from-container",
                "allow-unknown-oci-spec-fields", "disable-cuda-compat-lib-hook", "disable-imex-channel-creation",
                "ignore-imex-channel-requests", "no-additional-gids-for-device-nodes",
            ]
        ),
    ]

    /// A warning for each key that nothing reads. A newer original may have keys that we don't know, so they are no
    /// error; but a restriction that is misspelt must not pass for one that is in force.
    static func unknownKeys(_ decoder: SettingsDecoder) throws(SettingsError) -> [String] {
        var warnings: [String] = []
        for (name, keys) in knownKeys {
            let isTop = name.utf8CodeUnitCount == 0
            guard let table = isTop ? decoder : try decoder.table(name) else { continue }
            for key in table.keys(besides: keys) { warnings.append("\(key): unknown key, ignored") }
        }
        return warnings
    }
}
