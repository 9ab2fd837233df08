// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DriverRoot {
    /// Adds the sockets of the driver's daemons for utility and, for compute, the pipe directory of the Multi-Process
    /// Service where its control daemon runs.
    func addSockets(
        for capabilities: DriverCapabilities, using opened: inout DriverFolders, to files: inout DriverFiles
    ) {
        if capabilities.contains(.utility) {
            let folders: [ByteString] = ["/run", "/var/run"]
            for name: ByteString in ["nvidia-persistenced/socket", "nvidia-fabricmanager/socket"] {
                do throws(Refusal) {
                    let (location, folder) = try firstFile(named: name, in: folders, kind: .socket, using: &opened)
                    files.found.append(
                        DriverFile(
                            kind: .socket, hostPath: location.hostPath, containerPath: location.pathInRoot,
                            capability: .utility, foundIn: folder))
                } catch {
                    files.omit(name, error, searched: folders)
                }
            }
        }
        if capabilities.contains(.compute) {
            let path: ByteString = "/tmp/nvidia-mps"
            do throws(Refusal) {
                // Everybody may make this directory: one that is not root's could be a trap for containers.
                let location = try file(at: path, kind: .directory).location
                _ = try file(at: path.appending(component: "control"), kind: .socket)
                files.found.append(
                    DriverFile(
                        kind: .socket, hostPath: location.hostPath, containerPath: path, capability: .compute,
                        foundIn: path.parentPath))
            } catch {
                files.omit(path, error, searched: [path.parentPath])
            }
        }
    }
}
