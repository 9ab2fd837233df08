// SPDX-License-Identifier: Apache-2.0

package import Linux

extension Settings {
    /// The settings of a config.toml with the content `bytes`; `file` is its name for errors.
    package static func load(from bytes: [UInt8], file: ByteString = "config.toml") throws(SettingsError) -> Settings {
        let document: TOMLDocument
        do throws(TOMLSyntaxError) {
            document = try TOMLDocument(parsing: bytes)
        } catch {
            throw SettingsError(file: file, error)
        }
        return try Settings(document, file: file)
    }

    init(_ document: borrowing TOMLDocument, file: ByteString) throws(SettingsError) {
        self.init()
        let decoder = SettingsDecoder(root: document.root, file: file)
        try readFeatures(decoder)
        try readTopLevel(decoder)
        try readContainerCLI(decoder)
        try readRuntime(decoder)
        try readModes(decoder)
        try readPolicy(decoder)
        warnings += try Self.unknownKeys(decoder)
    }

    /// The keys that nothing acts on: those of nvidia-container-cli as a process of its own, of which this project has no
    /// counterpart, and those of what it does in another way.
    private static let keysOfOtherVersions: [StaticString] = [
        "nvidia-container-cli.path", "nvidia-container-cli.environment", "nvidia-container-cli.debug",
        "nvidia-container-cli.no-pivot", "nvidia-container-cli.user", "nvidia-container-cli.ldconfig",
        "nvidia-ctk.path", "nvidia-container-runtime-hook.skip-mode-detection",
        "features.allow-cuda-compat-libs-from-container",
        "features.allow-unknown-oci-spec-fields", "features.disable-imex-channel-creation",
    ]

    /// Those of them that are set in `document`.
    static func keysWithoutEffect(in document: borrowing TOMLDocument) -> [String] {
        let decoder = SettingsDecoder(root: document.root, file: ByteString())
        return keysOfOtherVersions.filter { key in
            do throws(SettingsError) { return try decoder.value(at: key) != nil } catch { return false }
        }.map { "\($0)" }
    }

    private mutating func readTopLevel(_ decoder: SettingsDecoder) throws(SettingsError) {
        try decoder.read("disable-require", into: &disableRequire)
        try decoder.readElements("swarm-resource", into: &swarmResources)
        try decoder.read(
            "accept-nvidia-visible-devices-envvar-when-unprivileged", into: &acceptsEnvironmentWhenUnprivileged)
        try decoder.read("accept-nvidia-visible-devices-as-volume-mounts", into: &acceptsVolumeMounts)
        try decoder.read("supported-driver-capabilities", into: &supportedDriverCapabilities)
        try decoder.read("nvidia-ctk.path", into: &ctk.path)
        try decoder.read("nvidia-container-runtime-hook.path", into: &hook.path)
        try decoder.read("nvidia-container-runtime-hook.skip-mode-detection", into: &hook.skipsModeDetection)
    }

    private mutating func readContainerCLI(_ decoder: SettingsDecoder) throws(SettingsError) {
        try decoder.read("nvidia-container-cli.root", into: &containerCLI.root)
        try decoder.read("nvidia-container-cli.path", into: &containerCLI.path)
        try decoder.read("nvidia-container-cli.environment", into: &containerCLI.environment)
        try decoder.read("nvidia-container-cli.debug", into: &containerCLI.debug)
        try decoder.read("nvidia-container-cli.ldcache", into: &containerCLI.ldcache)
        try decoder.read("nvidia-container-cli.load-kmods", into: &containerCLI.loadsKernelModules)
        try decoder.read("nvidia-container-cli.no-pivot", into: &containerCLI.noPivot)
        try decoder.read("nvidia-container-cli.no-cgroups", into: &containerCLI.noCgroups)
        try decoder.read("nvidia-container-cli.user", into: &containerCLI.user)
        try readLdconfig(decoder)
    }

    /// Without `@` the path would be one in the container, and its ldconfig would run as root on the host
    /// (CVE-2024-0136): refused unless a feature flag asks for it, in the words of the original.
    private mutating func readLdconfig(_ decoder: SettingsDecoder) throws(SettingsError) {
        let key: StaticString = "nvidia-container-cli.ldconfig"
        try decoder.read(key, into: &containerCLI.ldconfig)
        guard let value = try decoder.value(at: key) else { return }
        let path = containerCLI.ldconfig
        if let hostPath = path.droppingPrefix("@") {
            guard hostPath.isAbsolutePath else {
                throw decoder.failure(value, "\(key) value \"\(path)\" is not an absolute path after the '@'")
            }
        } else if !features.allowLdconfigFromContainer {
            throw decoder.failure(
                value, "\(key) value \"\(path)\" is not host-relative (does not start with a '@')")
        }
    }

    private mutating func readRuntime(_ decoder: SettingsDecoder) throws(SettingsError) {
        try decoder.read("nvidia-container-runtime.debug", into: &runtime.debug)
        try decoder.read("nvidia-container-runtime.runtimes", into: &runtime.runtimes)
        try decoder.read("nvidia-container-runtime.mode", into: &runtime.mode)
        try decoder.read("nvidia-container-runtime.hook-stage", into: &runtime.hookStage)
        var level: ByteString = "info"
        try decoder.read("nvidia-container-runtime.log-level", into: &level)
        if let known = LogLevel(name: level) {
            runtime.logLevel = known
        } else {
            warnings.append(
                "nvidia-container-runtime.log-level: invalid log-level '\(level)', using info;"
                    + " use one of error, warning, info, debug")
        }
    }

    private mutating func readModes(_ decoder: SettingsDecoder) throws(SettingsError) {
        try decoder.read("nvidia-container-runtime.modes.csv.mount-spec-path", into: &runtime.modes.csv.mountSpecPath)
        try decoder.read(
            "nvidia-container-runtime.modes.csv.compat-container-root", into: &runtime.modes.csv.compatContainerRoot)
        try decoder.read("nvidia-container-runtime.modes.cdi.spec-dirs", into: &runtime.modes.cdi.specDirectories)
        try decoder.read("nvidia-container-runtime.modes.cdi.default-kind", into: &runtime.modes.cdi.defaultKind)
        try decoder.read(
            "nvidia-container-runtime.modes.cdi.annotation-prefixes", into: &runtime.modes.cdi.annotationPrefixes)
        try decoder.read(
            "nvidia-container-runtime.modes.jit-cdi.nvcdi-feature-flags", into: &runtime.modes.jitCDI.featureFlags)
        try decoder.read(
            "nvidia-container-runtime.modes.jit-cdi.nvcdi-disable-hooks", into: &runtime.modes.jitCDI.disabledHooks)
        try decoder.read(
            "nvidia-container-runtime.modes.legacy.cuda-compat-mode", into: &runtime.modes.legacy.cudaCompatMode)
    }

    private mutating func readFeatures(_ decoder: SettingsDecoder) throws(SettingsError) {
        try decoder.read(
            "features.allow-cuda-compat-libs-from-container", into: &features.allowCUDACompatLibrariesFromContainer)
        try decoder.read("features.allow-ldconfig-from-container", into: &features.allowLdconfigFromContainer)
        try decoder.read("features.allow-unknown-oci-spec-fields", into: &features.allowUnknownSpecFields)
        try decoder.read("features.disable-cuda-compat-lib-hook", into: &features.disableCUDACompatLibraryHook)
        try decoder.read("features.disable-imex-channel-creation", into: &features.disableIMEXChannelCreation)
        try decoder.read("features.ignore-imex-channel-requests", into: &features.ignoreIMEXChannelRequests)
        try decoder.read("features.no-additional-gids-for-device-nodes", into: &features.noAdditionalGIDsForDeviceNodes)
    }
}
