// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DriverRoot {
    /// The programs of the driver. In the container all are in `/usr/bin`, as with libnvidia-container.
    private static let binaries: [(name: ByteString, capabilities: DriverCapabilities)] = [
        ("nvidia-smi", .utility), ("nvidia-debugdump", .utility), ("nvidia-persistenced", .utility),
        ("nv-fabricmanager", .utility), ("nvidia-imex", .utility), ("nvidia-imex-ctl", .utility),
        ("nvidia-cuda-mps-control", .compute), ("nvidia-cuda-mps-server", .compute),
        ("nvidia-xconfig", .drawing),
    ]

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
