// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

/// Which mounts of a container are shared with the host: what is mounted on one of them appears on the host too
/// (mount_namespaces(7), "Shared subtrees").
package struct SharedMounts: ~Copyable, Sendable {
    /// The mountinfo file of the host's mount namespace.
    private let host: FileDescriptor
    /// By mount ID: a container's files are in few mounts.
    private var known: [UInt64: Bool] = [:]

    /// Bytes of a mountinfo file; a mount has some 150.
    private static let limit = 64 << 20

    /// Before another mount namespace is joined.
    package init(_ descriptors: borrowing DescriptorFolder) throws(LinuxError) {
        host = try descriptors.open("../mountinfo")
    }

    /// Throws where `point`, at `path`, is in a shared mount.
    package mutating func requireOther(
        for point: borrowing FileDescriptor, path: ByteString, _ descriptors: borrowing DescriptorFolder
    ) throws(LinuxError) {
        let id = try Self.mountID(of: point, descriptors)
        let isShared: Bool
        if let answer = known[id] {
            isShared = answer
        } else {
            isShared = try Self.isShared(
                id, in: ByteString(try descriptors.open("../mountinfo").readToEnd(limit: Self.limit)), host: host)
            known[id] = isShared
        }
        if isShared { throw LinuxError("mount where mounts are shared with the host,", path, code: EPERM) }
    }

    /// A mount is shared with the host if the host has one in its peer group.
    private static func isShared(
        _ id: UInt64, in own: ByteString, host: borrowing FileDescriptor
    ) throws(LinuxError) -> Bool {
        let line = own.lines.first { $0.split(separator: UInt8(ascii: " ")).first?.decimal(as: UInt64.self) == id }
        guard let line, let group = peerGroup(in: line) else { return false }
        return ByteString(try host.readToEnd(limit: limit)).lines.contains { peerGroup(in: $0) == group }
    }

    /// `shared:N` of a line of a mountinfo file (proc_pid_mountinfo(5)): one of the optional fields, which stand between
    /// the sixth and a dash.
    static func peerGroup(in line: ByteString) -> ByteString? {
        line.split(separator: UInt8(ascii: " ")).dropFirst(6).prefix { $0 != "-" }.first { $0.hasPrefix("shared:") }
    }

    private static func mountID(
        of point: borrowing FileDescriptor, _ descriptors: borrowing DescriptorFolder
    ) throws(LinuxError) -> UInt64 {
        let id = clx_mount_id(point.number)
        if id != 0 { return id }
        let name = DescriptorFolder.name(of: point)
        let text = try descriptors.open(("../fdinfo" as ByteString).appending(component: name)).readToEnd(limit: 4096)
        for line in ByteString(text).lines {
            if let id = line.droppingPrefix("mnt_id:")?.trimmed.decimal(as: UInt64.self) { return id }
        }
        throw LinuxError("find the mount of descriptor", name, code: ENOTSUP)
    }
}
