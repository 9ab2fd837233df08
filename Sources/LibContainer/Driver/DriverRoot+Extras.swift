// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

extension DriverRoot {
    /// The files that belong to `nodes`, which `DeviceNodes.nodes(for:)` found for `gate`: for GPUDirect Storage what
    /// libcufile reads, udev's database of block devices and its own configuration. None where there is no node.
    package func files(for gate: DeviceGate, with nodes: [DeviceNode]) -> FileSet {
        var set = FileSet()
        guard gate == .gds, !nodes.isEmpty else { return set }
        let wanted: [(path: ByteString, kind: FileStatus.Kind)] = [
            ("/run/udev", .directory), ("/etc/cufile.json", .regular),
        ]
        for (path, kind) in wanted {
            do throws(Refusal) {
                let location = try file(at: path, kind: kind).location
                set.found.append(
                    DriverFile(
                        kind: .configuration, hostPath: location.hostPath, containerPath: path, capability: [],
                        foundIn: path.parentPath))
            } catch {
                set.omissions.append(error.omission(of: path, searched: [path.parentPath]))
            }
        }
        return set
    }

    /// Where the Multi-Process Service has its pipe directory, unless CUDA_MPS_PIPE_DIRECTORY says otherwise.
    package static let usualMPSDirectory: ByteString = "/tmp/nvidia-mps"

    /// The pipe directory of the Multi-Process Service, for a container that asks for MPS. It is for no
    /// other: where it is, CUDA becomes a client of the service, whether the program wants it or not.
    ///
    /// Everybody may make a directory of that name, so it is taken only where root has made it, it is no link, and the
    /// daemon's socket `control` in it is root's. nvidia-cuda-mps-control makes it with mode 0777 whatever its umask is
    /// (seen with 535.261.03), so its permissions tell nothing, and every local user can change what is in it later. The
    /// clients' shared memory, `/dev/shm`, is the engine's.
    package func mpsDirectory(_ path: ByteString = Self.usualMPSDirectory) -> FileSet {
        var set = FileSet()
        do throws(Refusal) {
            set.found.append(
                DriverFile(
                    kind: .socket, hostPath: try checkedPipeDirectory(path), containerPath: path, capability: .compute,
                    foundIn: path.parentPath))
        } catch {
            set.omissions.append(error.omission(of: path, searched: [path.parentPath]))
        }
        return set
    }

    /// The real path of the directory `path` on the host.
    private func checkedPipeDirectory(_ path: ByteString) throws(Refusal) -> ByteString {
        let location: Location
        let socket: FileStatus?
        do throws(LinuxError) {
            let directory = try root.open(path, flags: CLX_O_PATH | O_NOFOLLOW)
            let status = try directory.status()
            location = Location(hostPath: try hostPath(of: directory), pathInRoot: path, status: status)
            switch status.kind {
            case .directory: socket = try FileStatus.of("control", relativeTo: directory.number, followLinks: false)
            default: socket = nil
            }
        } catch {
            throw error.isAbsence ? .absent : .refused(error.description)
        }
        try check(location, kind: .directory, foundAs: path)
        guard let socket, socket.kind == .socket else { throw .refused("\(path)/control is not a socket") }
        guard socket.owner == 0 || socket.owner == owner else {
            throw .refused("\(path)/control belongs to user \(socket.owner), not to root")
        }
        return location.hostPath
    }
}
