// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux
internal import RuntimeConfig

extension InjectionPlan {
    /// Adds what has to be done inside the root: the links, the loader's names, and the choice between the driver's CUDA
    /// libraries and those of the image.
    mutating func addLoaderUpdate(_ settings: Settings) {
        var update = LoaderUpdate(
            libraries: settings.isEnabled(hook: "update-ldcache") ? libraries.map(\.value) : [],
            links: settings.isEnabled(hook: "create-symlinks") ? links.map(\.value) : [])
        guard !update.libraries.isEmpty || !update.links.isEmpty else { return }
        if settings.isEnabled(hook: "enable-cuda-compat"), !update.libraries.isEmpty, settings.allowsCUDACompatibility {
            update.forwardCompatibility = forwardCompatibility(csv: settings.runtime.modes.csv)
        }
        loaderUpdate = update
    }

    /// What the hook has to know to choose between the CUDA libraries of the driver and those of the image; nil where
    /// there is no choice.
    private func forwardCompatibility(csv: Settings.Modes.CSV) -> ForwardCompatibility? {
        let parents = gpus + migDevices.map(\.parent)
        guard request.capabilities.contains(.compute), !parents.isEmpty,
            parents.allSatisfy({ ForwardCompatibility.isSupported(byModel: $0.model) })
        else { return nil }
        do throws(LoaderUpdate.InvalidArgument) {
            if platform != .tegra {
                guard let version = DottedVersion(driverVersion) else { return nil }
                return try ForwardCompatibility(driverVersion: version)
            }
            // The libraries for Orin go by the CUDA version alone, which the driver's does not always tell.
            guard case .exact(let version)? = CUDAVersion.support(ofDriver: driverVersion),
                let cuda = DottedVersion(ByteString(version.description))
            else { return nil }
            let directory = csv.compatContainerRoot
            return try ForwardCompatibility(
                driverVersion: nil, cudaVersion: cuda,
                directory: directory.isEmpty ? ForwardCompatibility.orinDirectory : directory)
        } catch {
            return nil
        }
    }
}

extension Settings {
    /// Whether what the original's hook `name` does is done.
    func isEnabled(hook name: ByteString) -> Bool {
        let disabled = runtime.modes.jitCDI.disabledHooks
        return !disabled.contains(name) && !disabled.contains("all")
    }

    /// Mode `mount` of the original mounts files of the image over others; here the loader is told of them instead.
    fileprivate var allowsCUDACompatibility: Bool {
        if features.disableCUDACompatLibraryHook { return false }
        return runtime.mode != .legacy || runtime.modes.legacy.cudaCompatMode != .disabled
    }
}
