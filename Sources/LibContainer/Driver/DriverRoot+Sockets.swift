// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DriverRoot {
    /// Adds the sockets of the persistence daemon and the fabric manager for utility, wherever `/var/run` leads. The
    /// nodes that a fabric manager itself needs are `DeviceGate.nvswitch`.
    func addSockets(
        for capabilities: DriverCapabilities, using opened: inout DriverFolders, to files: inout DriverFiles
    ) {
        guard capabilities.contains(.utility) else { return }
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
}
