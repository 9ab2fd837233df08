// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// The part of a container's cgroup that decides which devices its processes may open: the controller `devices` of cgroups
/// version 1, or the programs attached to a cgroup of version 2 (Documentation/admin-guide/cgroup-v2.rst, "Device
/// controller").
///
/// For a container that exists, so that its low-level runtime can't be asked any more. Those who own the cgroup may set
/// their own rules again later: systemd does on daemon-reload.
package struct DeviceCgroup: ~Copyable {
    /// Version 1 or 2.
    let hierarchy: CgroupMount.Hierarchy
    /// The container's cgroups, the outermost first: all of them have to allow a device.
    let directories: [CgroupDirectory]

    /// Bytes; both tables are the kernel's, and the second can have 100,000 mounts (sysctl fs.mount-max).
    private static let membershipLimit = 1 << 20
    private static let mountTableLimit = 64 << 20

    /// Finds the cgroup of process `pid`, as `procPath` and our own mount namespace show it.
    ///
    /// A process that is in a hierarchy of version 1 for devices is ruled by that one, on hosts with both versions too: the
    /// low-level runtimes put their rules there. Not if it is in that one's root and the hierarchy is not mounted, where no
    /// runtime can have put a rule: a hierarchy that was mounted once stays in the list. crun makes a cgroup in the scope that systemd makes for a container, and
    /// both of them have rules: the scope is taken as well, if there is nothing else in it.
    package init(of pid: Int32, procPath: ByteString = "/proc") throws(CgroupError) {
        let process = procPath.appending(component: ByteString(String(pid)))
        let membership = CgroupMembership(
            parsing: try Self.read(process.appending(component: "cgroup"), limit: Self.membershipLimit))
        let table = try Self.read(procPath.appending(component: "self/mountinfo"), limit: Self.mountTableLimit)
        let mounts = CgroupMount.all(in: table)
        var devices = membership.devices
        if devices == "/", membership.unified != nil, !mounts.contains(where: { $0.hierarchy == .devices }) {
            devices = nil
        }
        guard let path = devices ?? membership.unified else { throw .notInCgroup(pid: pid) }
        guard !path.isOutsideCgroupNamespace else { throw .outsideNamespace(path: path) }
        let hierarchy: CgroupMount.Hierarchy = devices == nil ? .unified : .devices
        directories = try Self.directories(of: pid, at: path, hierarchy, mounts: mounts)
        self.hierarchy = hierarchy
    }

    private static func read(_ path: ByteString, limit: Int) throws(CgroupError) -> ByteString {
        do throws(LinuxError) {
            let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            return ByteString(try file.readToEnd(limit: limit, sizeHint: 16383))
        } catch {
            throw .unreadable(LinuxError(error.operation, path, code: error.code))
        }
    }

    /// From the first mount that shows the cgroup; the error is that of the last one tried.
    private static func directories(
        of pid: Int32, at path: ByteString, _ hierarchy: CgroupMount.Hierarchy, mounts: [CgroupMount]
    ) throws(CgroupError) -> [CgroupDirectory] {
        var failure = CgroupError.notMounted(path: path, hierarchy: hierarchy.rawValue)
        for mount in mounts where mount.hierarchy == hierarchy {
            guard !mount.root.isOutsideCgroupNamespace else {
                failure = .outsideNamespace(path: mount.root)
                continue
            }
            guard let name = mount.pathInMount(of: path) else { continue }
            do throws(CgroupError) {
                let directory = try CgroupDirectory(name, in: mount)
                guard try directory.contains(pid) else { throw .notMember(pid: pid, path: directory.path) }
                return try scope(around: name, in: mount) + [directory]
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// systemd's scope that holds the cgroup `name` and nothing else; none, mostly.
    private static func scope(around name: ByteString, in mount: CgroupMount) throws(CgroupError) -> [CgroupDirectory] {
        guard name.parentPath.hasSuffix(".scope") else { return [] }
        let scope = try CgroupDirectory(name.parentPath, in: mount)
        return try scope.holdsOneCgroupOnly() ? [scope] : []
    }

    /// Allows `rules` beside what is allowed already. All or nothing: after a failure the cgroup allows what it allowed
    /// before. At no time does it allow more than that and the rules.
    @discardableResult
    package func allow(_ rules: [Rule]) throws(CgroupError) -> DeviceCgroupChange {
        var change = DeviceCgroupChange()
        guard !rules.isEmpty else { return change }
        do throws(CgroupError) {
            for directory in directories {
                switch hierarchy {
                case .devices: try DeviceLists(directory).allow(rules, recording: &change)
                case .unified: try DevicePrograms(directory).allow(rules, recording: &change)
                }
            }
        } catch {
            change.undo()
            throw error
        }
        return change
    }
}
