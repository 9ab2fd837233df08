// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DriverRoot {
    private static let debianFolders: [ByteString] = ["/usr/lib/nvidia", "/usr/lib/nvidia/current"]
    private static let serverFolders: [ByteString] = [
        "/usr/lib/xorg", "/usr/lib64/xorg", "/usr/X11R6/lib", "/usr/X11R6/lib64",
    ]

    /// Adds the X server's driver and GLX module, at the same paths in the container. `libraryFolders` are those where
    /// the driver's libraries were found; installers put the modules below them.
    func addXorgModules(
        libraryFolders: [ByteString], for capabilities: DriverCapabilities, using opened: inout DriverFolders,
        to files: inout DriverFiles
    ) {
        // Most servers have none of it: one look at each parent spares eight below it.
        let own = libraryFolders.map { $0.appending(component: "nvidia/xorg") } + Self.debianFolders
        let servers = libraryFolders.map { $0.appending(component: "xorg") } + Self.serverFolders
        var folders = existing(own, using: &opened)
        let modules: [ByteString] = [
            "modules/drivers", "modules/extensions", "modules/updates/drivers", "modules/updates/extensions",
        ]
        for server in existing(servers, using: &opened) { folders += modules.map { server.appending(component: $0) } }
        let glx: ByteString = "libglxserver_nvidia.so"
        for name in ["nvidia_drv.so", glx + "." + files.version] {
            do throws(Refusal) {
                let (location, folder) = try firstFile(named: name, in: folders, using: &opened)
                var file = DriverFile(
                    kind: .configuration, hostPath: location.hostPath, containerPath: location.pathInRoot,
                    capability: capabilities.intersection(.drawing), foundIn: folder)
                if name != "nvidia_drv.so" {
                    let directory = location.pathInRoot.parentPath
                    file.links = [SymbolicLink(path: directory.appending(component: glx), target: name)]
                }
                files.found.append(file)
            } catch {
                files.omit(name, error, searched: folders.isEmpty ? own + servers : folders)
            }
        }
    }
}
