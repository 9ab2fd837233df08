// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

extension DeviceNodes {
    /// Makes the links `/dev/char/<major>:<minor>` that are missing for `nodes`, which come from this dev root, and
    /// returns what could not be done.
    ///
    /// udev makes them for devices that sysfs knows; NVIDIA's are not among them. Without them runc's systemd cgroup
    /// driver leaves the devices out of DeviceAllow, and a `systemctl daemon-reload` takes the GPUs from every running
    /// container. The links are relative, so that they mean the same inside and outside of the dev root.
    package func ensureCharLinks(_ nodes: [DeviceNode]) -> [Omission] {
        let path: ByteString = "/dev/char"
        let directory: FileDescriptor
        do throws(LinuxError) {
            directory = try openOrMakeDirectory(path)
        } catch {
            return [Omission(name: path, cause: .refused(error.description))]
        }
        var omissions: [Omission] = []
        let (prefix, parent): (ByteString, ByteString) = ("/dev/", "../")
        for node in nodes {
            guard let target = node.path.droppingPrefix(prefix) else { continue }
            let name = ByteString("\(node.major):\(node.minor)")
            do throws(LinuxError) {
                try ensureLink(name, target: parent + target, in: directory)
            } catch {
                omissions.append(
                    Omission(name: path.appending(component: name), cause: .refused(error.description)))
            }
        }
        return omissions
    }

    /// The directory `path`, made with mode 0755 where it is missing.
    func openOrMakeDirectory(_ path: ByteString) throws(LinuxError) -> FileDescriptor {
        do throws(LinuxError) {
            return try root.open(path, flags: CLX_O_PATH | O_DIRECTORY)
        } catch {
            guard error.code == ENOENT else { throw error }
        }
        let parent = try root.open(path.parentPath, flags: CLX_O_PATH | O_DIRECTORY)
        let made = path.lastPathComponent.withCString { mkdirat(parent.number, $0, 0o755) }
        if made != 0, errno != EEXIST { throw LinuxError.last("create directory", path) }
        let directory = try root.open(path, flags: CLX_O_PATH | O_DIRECTORY)
        // The umask took permissions away.
        if made == 0, chmod("/proc/self/fd/\(directory.number)", 0o755) != 0 {
            throw LinuxError.last("change the mode of", path)
        }
        return directory
    }

    private func ensureLink(
        _ name: ByteString, target: ByteString, in directory: borrowing FileDescriptor
    ) throws(LinuxError) {
        do throws(LinuxError) {
            _ = try FileStatus.of(name, relativeTo: directory.number)
            return
        } catch {
            guard error.code == ENOENT else { throw error }
        }
        let number = directory.number
        let made = target.withCString { target in name.withCString { symlinkat(target, number, $0) } }
        // With EEXIST either another start was faster, or a link is there that leads nowhere, which stays.
        if made != 0 {
            let error = LinuxError.last("create symlink", name)
            guard error.code == EEXIST else { throw error }
            _ = try FileStatus.of(name, relativeTo: number)
        }
    }
}
