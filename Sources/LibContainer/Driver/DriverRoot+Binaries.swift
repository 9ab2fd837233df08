// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DriverRoot {
    /// The programs of the driver. In the container all are in `/usr/bin`, as with libnvidia-container.
    private static let binaries: [Binary] = [
        Binary("nvidia-smi", .utility), Binary("nvidia-debugdump", .utility), Binary("nvidia-persistenced", .utility),
        Binary("nv-fabricmanager", .utility), Binary("nvidia-imex", .utility), Binary("nvidia-imex-ctl", .utility),
        Binary("nvidia-cuda-mps-control", .compute), Binary("nvidia-cuda-mps-server", .compute),
        Binary("nvidia-xconfig", .drawing),
    ]

    private struct Binary {
        let name: ByteString
        let capabilities: DriverCapabilities

        init(_ name: ByteString, _ capabilities: DriverCapabilities) {
            self.name = name
            self.capabilities = capabilities
        }
    }

    /// The usual ones, Talos' and GKE's among them, and NixOS's.
    private static let binaryFolders: [ByteString] = [
        "/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/opt/bin", "/usr/local/nvidia/bin",
        "/run/current-system/sw/bin",
    ]

    func addBinaries(
        for capabilities: DriverCapabilities, using opened: inout DriverFolders, to files: inout DriverFiles
    ) {
        let wanted = Self.binaries.filter { !$0.capabilities.isDisjoint(with: capabilities) }
        if wanted.isEmpty { return }
        let folders = existing(Self.binaryFolders, using: &opened)
        let target: ByteString = "/usr/bin"
        for binary in wanted {
            do throws(Refusal) {
                let (location, folder) = try firstFile(named: binary.name, in: folders, using: &opened) {
                    $0.permissions & 0o111 != 0
                }
                files.found.append(
                    DriverFile(
                        kind: .binary, hostPath: location.hostPath,
                        containerPath: target.appending(component: binary.name),
                        capability: binary.capabilities.intersection(capabilities), foundIn: folder))
            } catch {
                files.omit(binary.name, error, searched: folders.isEmpty ? Self.binaryFolders : folders)
            }
        }
    }
}
