// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

extension DeviceNodes {
    /// The node at `path` (`/dev/...`, as in the container), made where it is missing and the kernel module's
    /// parameters allow it.
    func requiredNode(_ path: ByteString, major: UInt32, minor: UInt32) throws(DriverError) -> DeviceNode {
        if let node = try existingNode(path, major: major, minor: minor) { return node }
        return try madeNode(path, major: major, minor: minor, parameters: kernel.nodeParameters())
    }

    /// The node at `path`, which is missing, made with `parameters` if they allow it; with its folder, which gets mode
    /// 0755, where `makesFolder`.
    func madeNode(
        _ path: ByteString, major: UInt32, minor: UInt32, parameters: NodeParameters, makesFolder: Bool = false
    ) throws(DriverError) -> DeviceNode {
        guard parameters.areModifiable else {
            throw .missingNode(
                path: hostPath(of: path), reason: "the module parameter ModifyDeviceFiles forbids to make it")
        }
        do throws(LinuxError) {
            if makesFolder { _ = try openOrMakeDirectory(path.parentPath) }
            try makeNode(path, major: major, minor: minor, parameters: parameters)
        } catch {
            throw .missingNode(path: hostPath(of: path), reason: error.description)
        }
        // What is there now, be it made here or by a faster nvidia-modprobe or udev, is verified like any other.
        guard let node = try existingNode(path, major: major, minor: minor) else {
            throw .missingNode(path: hostPath(of: path), reason: "it vanished again")
        }
        return node
    }

    /// The node at `path`, verified; nil where nothing is there.
    func existingNode(_ path: ByteString, major: UInt32, minor: UInt32) throws(DriverError) -> DeviceNode? {
        let status: FileStatus?
        do throws(LinuxError) {
            status = try self.status(of: path)
        } catch {
            throw .unsuitableNode(
                path: hostPath(of: path), found: "not readable (\(error))", expected: Self.text(major, minor))
        }
        guard let status else { return nil }
        return try node(path, status, major: major, minor: minor)
    }

    /// The node at `path` if `status`, which is its own and not that of a link's target, is that of the device expected.
    func node(
        _ path: ByteString, _ status: FileStatus, major: UInt32, minor: UInt32
    ) throws(DriverError) -> DeviceNode {
        guard status.kind == .characterDevice, status.major == major, status.minor == minor else {
            throw .unsuitableNode(
                path: hostPath(of: path), found: Self.text(status), expected: Self.text(major, minor))
        }
        return DeviceNode(
            path: path, hostPath: hostPath(of: path), major: major, minor: minor,
            permissions: status.permissions & 0o777, owner: status.owner, group: status.group)
    }

    func hostPath(of path: ByteString) -> ByteString { root.path == "/" ? path : root.path.appending(component: path) }

    /// Makes the node as nvidia-modprobe does. An entry that exists is no error.
    private func makeNode(
        _ path: ByteString, major: UInt32, minor: UInt32, parameters: NodeParameters
    ) throws(LinuxError) {
        let directory = try root.open(path.parentPath, flags: CLX_O_PATH | O_DIRECTORY)
        do throws(LinuxError) {
            try RootDirectory.makeNode(
                path.lastPathComponent, in: directory.number, path: path, device: clx_makedev(major, minor),
                permissions: parameters.permissions, owner: parameters.owner, group: parameters.group)
        } catch {
            if error.code != EEXIST { throw error }
        }
    }

    private static func text(_ status: FileStatus) -> String {
        switch status.kind {
        case .characterDevice: text(status.major, status.minor)
        case .blockDevice: "block device \(status.major):\(status.minor)"
        case .regular: "a regular file"
        case .directory: "a directory"
        case .symbolicLink: "a symbolic link"
        case .fifo: "a FIFO"
        case .socket: "a socket"
        case .unknown: "of an unknown kind"
        }
    }

    private static func text(_ major: UInt32, _ minor: UInt32) -> String { "character device \(major):\(minor)" }
}
