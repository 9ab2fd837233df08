// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What config.toml says: every key of the NVIDIA Container Toolkit 1.20 (api/config/v1), with its defaults, and our own.
///
/// Paths and names are bytes. The nested types follow the sections of the file.
package struct Settings: Equatable, Sendable {
    /// `disable-require`: as if every container had `NVIDIA_DISABLE_REQUIRE=true`.
    package var disableRequire = false
    /// `swarm-resource`: the environment variables that stand in for `NVIDIA_VISIBLE_DEVICES`, in order; the file has
    /// them in one string, separated by commas.
    package var swarmResources = EssentialSettings().swarmResources
    /// `accept-nvidia-visible-devices-envvar-when-unprivileged`
    package var acceptsEnvironmentWhenUnprivileged = true
    /// `accept-nvidia-visible-devices-as-volume-mounts`
    package var acceptsVolumeMounts = false
    /// `supported-driver-capabilities`: comma-separated, what a container can get at most.
    package var supportedDriverCapabilities: ByteString = "compat32,compute,display,graphics,ngx,utility,video"
    package var containerCLI = ContainerCLI()
    package var ctk = CTK()
    package var runtime = Runtime()
    package var hook = Hook()
    package var features = Features()

    /// What is odd in the file but no reason to stop, one line each, without the file's name.
    package var warnings: [String] = []

    /// The built-in defaults.
    package init() {}

    /// `[nvidia-container-cli]`
    package struct ContainerCLI: Equatable, Sendable {
        /// The driver root and dev root; empty means `/`.
        package var root = ByteString()
        /// `root`, with what empty means.
        package var driverRoot: ByteString { root.isEmpty ? "/" : root }
        package var path = ByteString()
        /// `K=V` strings.
        package var environment: [ByteString] = []
        package var debug = ByteString()
        /// The loader's cache, in `root`; empty means `/etc/ld.so.cache`.
        package var ldcache = ByteString()
        /// `ldcache`, with what empty means.
        package var loaderCache: ByteString { ldcache.isEmpty ? "/etc/ld.so.cache" : ldcache }
        package var loadsKernelModules = true
        package var noPivot = false
        package var noCgroups = false
        package var user = ByteString()
        /// The host's ldconfig, `@` first. As in the file: `.real` is not looked for here.
        package var ldconfig: ByteString = "@/sbin/ldconfig"
    }

    /// `[nvidia-ctk]`
    package struct CTK: Equatable, Sendable {
        package var path: ByteString = "nvidia-ctk"
    }

    /// `[nvidia-container-runtime]`
    package struct Runtime: Equatable, Sendable {
        /// A log file; empty and `/dev/null` mean none.
        package var debug: ByteString = "/dev/null"
        package var logLevel = LogLevel.info
        /// The low-level runtimes, best first: names or absolute paths.
        package var runtimes = EssentialSettings().runtimes
        package var mode = RuntimeMode.auto
        /// Our own key: the stage of the hook that is written into the spec.
        package var hookStage = HookStage.createContainer
        package var modes = Modes()
        /// Our own table `policy`, without its `handlers`.
        var policy = Policy()
        /// Our own tables `policy.handlers.*`.
        var handlerPolicies: [HandlerPolicy] = []
    }

    /// `[nvidia-container-runtime.modes.*]`
    package struct Modes: Equatable, Sendable {
        package var csv = CSV()
        package var cdi = CDI()
        package var jitCDI = JITCDI()
        package var legacy = Legacy()

        package struct CSV: Equatable, Sendable {
            package var mountSpecPath: ByteString = "/etc/nvidia-container-runtime/host-files-for-container.d"
            /// Empty means `/usr/local/cuda/compat_orin`.
            package var compatContainerRoot = ByteString()
        }

        package struct CDI: Equatable, Sendable {
            package var specDirectories: [ByteString] = ["/etc/cdi", "/var/run/cdi"]
            package var defaultKind: ByteString = "nvidia.com/gpu"
            package var annotationPrefixes = EssentialSettings().annotationPrefixes
        }

        package struct JITCDI: Equatable, Sendable {
            package var featureFlags: [ByteString] = []
            package var disabledHooks: [ByteString] = []
        }

        package struct Legacy: Equatable, Sendable {
            package var cudaCompatMode = CUDACompatMode.ldconfig
        }
    }

    /// `[nvidia-container-runtime-hook]`
    package struct Hook: Equatable, Sendable {
        package var path: ByteString = "nvidia-container-runtime-hook"
        package var skipsModeDetection = false
    }

    /// `[features]`: on only where present and true.
    package struct Features: Equatable, Sendable {
        package var allowCUDACompatLibrariesFromContainer = false
        package var allowLdconfigFromContainer = false
        package var allowUnknownSpecFields = false
        package var disableCUDACompatLibraryHook = false
        package var disableIMEXChannelCreation = false
        package var ignoreIMEXChannelRequests = false
        package var noAdditionalGIDsForDeviceNodes = false
    }
}
