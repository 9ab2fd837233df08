// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// The directory of a cgroup, open. It is a class so that several can be in a list.
///
/// That it is the right one is checked on the descriptor, whatever is mounted at the path: by the file system's magic number
/// (statfs(2)), and by the process's number in the list that the kernel shows of the cgroup's processes.
final class CgroupDirectory: Sendable {
    /// Open for reading, as bpf(2) wants it.
    let descriptor: FileDescriptor
    /// Where it was opened, for messages only.
    let path: ByteString

    /// Bytes of a list of processes. There are at most 4,194,304 on a machine (PID_MAX_LIMIT), with 8 bytes each.
    private static let listLimit = 32 << 20

    /// Opens the cgroup `name`, an absolute path below the mount.
    init(_ name: ByteString, in mount: CgroupMount) throws(CgroupError) {
        path = name == "/" ? mount.mountPoint : mount.mountPoint.appending(component: name)
        let version: CInt
        do throws(LinuxError) {
            let root = try RootDirectory(opening: mount.mountPoint)
            descriptor = try root.open(name, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            version = try retryingOnInterrupt("stat file system") { clx_cgroup_version(descriptor.number) }
        } catch {
            throw .unusable(LinuxError(error.operation, path, code: error.code))
        }
        guard version == (mount.hierarchy == .devices ? 1 : 2) else { throw .notCgroupFileSystem(path: path) }
    }

    /// Whether process `pid` is in this cgroup itself.
    func contains(_ pid: Int32) throws(CgroupError) -> Bool {
        let list: ByteString
        do throws(LinuxError) {
            list = try read("cgroup.procs", limit: Self.listLimit)
        } catch {
            // A threaded cgroup of version 2 (cgroups(7)); the process's first thread has its number.
            guard error.code == EOPNOTSUPP else { throw .unusable(error) }
            list = try reading("cgroup.threads", limit: Self.listLimit)
        }
        return list.lines.contains { $0.decimal(as: Int32.self) == pid }
    }

    /// Whether there is one cgroup in it and no process.
    func holdsOneCgroupOnly() throws(CgroupError) -> Bool {
        do throws(LinuxError) {
            // kernfs counts `.`, the name in the parent, and `..` of the cgroups in it.
            guard try descriptor.status().linkCount == 3 else { return false }
        } catch {
            throw .unusable(LinuxError(error.operation, path, code: error.code))
        }
        return try reading("cgroup.procs", limit: Self.listLimit).isEmpty
    }

    /// Reads the file `name` of the cgroup, of at most `limit` bytes.
    func reading(_ name: ByteString, limit: Int) throws(CgroupError) -> ByteString {
        do throws(LinuxError) {
            return try read(name, limit: limit)
        } catch {
            throw .unusable(error)
        }
    }

    private func read(_ name: ByteString, limit: Int) throws(LinuxError) -> ByteString {
        do throws(LinuxError) {
            let file = try FileDescriptor(
                opening: name, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK, relativeTo: descriptor.number)
            return ByteString(try file.readToEnd(limit: limit))
        } catch {
            throw LinuxError(error.operation, path.appending(component: name), code: error.code)
        }
    }

    /// Writes `text` to the file `name` of the cgroup with one write(2), as the kernel wants it.
    func write(_ text: String, to name: ByteString) throws(LinuxError) {
        do throws(LinuxError) {
            let file = try FileDescriptor(
                opening: name, flags: O_WRONLY | O_NOFOLLOW | O_NONBLOCK, relativeTo: descriptor.number)
            try file.write(Array(text.utf8))
        } catch {
            throw LinuxError(error.operation, path.appending(component: name), code: error.code)
        }
    }
}
