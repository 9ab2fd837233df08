// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux

/// The root of a container that is set up by this process, which is in the container's namespaces: where it is, how to
/// mount there, and what was made so far.
struct ContainerRoot: ~Copyable {
    let directory: RootDirectory
    let descriptors: DescriptorFolder
    /// Nil where mounts may appear elsewhere.
    private var shared: SharedMounts?
    private var journal = SetupJournal()
    /// A line each.
    var warnings: [String] = []

    /// Opens `path` in the namespaces that this process is in. `descriptors` and `shared` are from before these were
    /// joined.
    init(
        _ path: ByteString, _ descriptors: consuming DescriptorFolder, notOn shared: consuming SharedMounts?
    ) throws(Diagnostic) {
        let directory: RootDirectory
        do throws(LinuxError) {
            directory = try RootDirectory(ofContainer: path)
        } catch {
            throw Diagnostic(.hookRootUnusable, error.description)
        }
        self.directory = directory
        self.descriptors = descriptors
        self.shared = shared
    }

    /// Binds the open file or folder `source`, with what is mounted below it, at `path`.
    mutating func bind(
        _ source: borrowing FileDescriptor, at path: ByteString, _ attributes: MountAttributes
    ) throws(LinuxError) {
        if try source.status().kind == .directory {
            let point = try directory.makeDirectories(path)
            try requireOwn(point, path)
            journal.add(
                mount: try directory.bind(
                    source, on: point, path: path, attributes: attributes, descriptors: descriptors))
            return
        }
        let point = try directory.makeMountPoint(forFileAt: path)
        try requireOwn(point.descriptor, path)
        let mount = try directory.bind(
            source, on: point.descriptor, path: path, attributes: attributes, descriptors: descriptors)
        journal.add(mount: mount)
        try journal.add(point)
    }

    /// Mounts a tmpfs on the folder `point` at `path`, has `fill` write in it, and makes it read-only.
    mutating func mountScratch(
        on point: borrowing FileDescriptor, _ path: ByteString,
        fill: (inout ContainerRoot, borrowing FileDescriptor) throws(LinuxError) -> Void
    ) throws(LinuxError) {
        try requireOwn(point, path)
        let attributes: MountAttributes = [.noSetID, .noDevices, .noExecution]
        let folder = try directory.mountScratch(
            on: point, path: path, attributes: attributes, descriptors: descriptors)
        do throws(LinuxError) {
            try fill(&self, folder)
            try directory.restrict(folder, path: path, attributes: [.readOnly], descriptors: descriptors)
        } catch {
            descriptors.unmount(point)
            throw error
        }
        journal.add(mount: folder)
    }

    /// Makes a device node and tells whether it is of use: not on a mount that allows none.
    mutating func make(_ node: DeviceNode) throws(LinuxError) -> Bool {
        let entry = try directory.makeDeviceNode(
            at: node.path, major: node.major, minor: node.minor, permissions: node.permissions, owner: node.owner,
            group: node.group)
        let isUsable = try entry.descriptor.allowsDevices
        try journal.add(entry)
        return isUsable
    }

    /// Takes away what was made, as far as it is still there.
    func undo() { journal.undo(descriptors) }

    private mutating func requireOwn(_ point: borrowing FileDescriptor, _ path: ByteString) throws(LinuxError) {
        try shared?.requireOther(for: point, path: path, descriptors)
    }
}
