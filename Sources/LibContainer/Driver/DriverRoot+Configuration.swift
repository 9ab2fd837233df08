// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DriverRoot {
    /// A file that programs look for at a fixed place, wherever the host keeps it.
    private struct ConfigurationFile {
        /// Below one of the folders searched, and below `target` in the container.
        let name: ByteString
        let target: ByteString
        let capabilities: DriverCapabilities

        init(_ name: ByteString, below target: ByteString, for capabilities: DriverCapabilities) {
            self.name = name
            self.target = target
            self.capabilities = capabilities
        }
    }

    #if arch(arm64)
        private static let vulkanICD: ByteString = "vulkan/icd.d/nvidia_icd.aarch64.json"
    #else
        private static let vulkanICD: ByteString = "vulkan/icd.d/nvidia_icd.x86_64.json"
    #endif

    private static let configuration: [ConfigurationFile] = {
        return [
            .init("glvnd/egl_vendor.d/10_nvidia.json", below: "/usr/share", for: .drawing),
            .init("egl/egl_external_platform.d/15_nvidia_gbm.json", below: "/usr/share", for: .drawing),
            .init("egl/egl_external_platform.d/10_nvidia_wayland.json", below: "/usr/share", for: .drawing),
            .init("egl/egl_external_platform.d/09_nvidia_wayland2.json", below: "/usr/share", for: .drawing),
            .init("egl/egl_external_platform.d/20_nvidia_xcb.json", below: "/usr/share", for: .drawing),
            .init("egl/egl_external_platform.d/20_nvidia_xlib.json", below: "/usr/share", for: .drawing),
            .init("nvidia/nvoptix.bin", below: "/usr/share", for: .drawing),
            .init("X11/xorg.conf.d/10-nvidia.conf", below: "/usr/share", for: .drawing),
            .init("X11/xorg.conf.d/nvidia-drm-outputclass.conf", below: "/usr/share", for: .drawing),
            // The OpenCL loader is compute, although upstream gives its file to graphics only.
            .init("OpenCL/vendors/nvidia.icd", below: "/etc", for: .drawing.union(.compute)),
            .init("vulkan/icd.d/nvidia_icd.json", below: "/etc", for: .drawing),
            .init(vulkanICD, below: "/etc", for: .drawing),
            .init("vulkan/icd.d/nvidia_layers.json", below: "/etc", for: .drawing),
            .init("vulkan/implicit_layer.d/nvidia_layers.json", below: "/etc", for: .drawing),
        ]
    }()

    /// The administrator's first. NixOS has its own below `/run`, GKE has `vulkan` in the driver root itself.
    private static let configurationFolders: [ByteString] = [
        "/etc", "/usr/local/share", "/usr/share", "/run/opengl-driver/share", "/run/opengl-driver/etc", "/",
    ]

    func addConfiguration(
        for capabilities: DriverCapabilities, using opened: inout DriverFolders, to files: inout DriverFiles
    ) {
        let wanted = Self.configuration.filter { !$0.capabilities.isDisjoint(with: capabilities) }
        if wanted.isEmpty { return }
        let folders = existing(Self.configurationFolders, using: &opened)
        for file in wanted {
            do throws(Refusal) {
                let isBelowRoot = file.name.hasPrefix("vulkan/")
                let (location, folder) = try firstFile(
                    named: file.name, in: isBelowRoot ? folders : folders.filter { $0 != "/" }, using: &opened)
                files.found.append(
                    DriverFile(
                        kind: .configuration, hostPath: location.hostPath,
                        containerPath: file.target.appending(component: file.name),
                        capability: file.capabilities.intersection(capabilities), foundIn: folder))
            } catch {
                files.omit(file.name, error, searched: folders)
            }
        }
    }
}
