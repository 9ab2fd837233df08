// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LibContainer
internal import Linux

/// What was made in a container, so that it can be taken away again after a failure.
struct SetupJournal: ~Copyable {
    /// A file or a device node, by the descriptor of its folder.
    private struct Entry {
        let folder: CInt
        let name: ByteString
        let device: dev_t
        let inode: ino_t
    }

    /// Descriptors, owned: of the roots of mounts, oldest first.
    private var mounts: [CInt] = []
    private var entries: [Entry] = []

    init() {}

    deinit {
        for number in mounts { close(number) }
        for entry in entries { close(entry.folder) }
    }

    mutating func add(mount: consuming FileDescriptor) { mounts.append(mount.release()) }

    /// Remembers `entry` if it was made now.
    mutating func add(_ entry: consuming RootEntry) throws(LinuxError) {
        guard entry.isMade else { return }
        let (status, name) = (try entry.descriptor.status(), entry.name)
        entries.append(
            Entry(folder: entry.releaseFolder(), name: name, device: status.device, inode: status.inode))
    }

    /// Takes away all of it, the newest first, as far as it is still there. Folders stay.
    func undo(_ descriptors: borrowing DescriptorFolder) {
        for number in mounts.reversed() {
            let mount = FileDescriptor(owning: number)
            descriptors.unmount(mount)
            _ = mount.release()
        }
        for entry in entries.reversed() {
            do throws(LinuxError) {
                let found = try FileStatus.of(entry.name, relativeTo: entry.folder, followLinks: false)
                guard found.inode == entry.inode, found.device == entry.device else { continue }
                _ = entry.name.withCString { unlinkat(entry.folder, $0, 0) }
            } catch {
                continue
            }
        }
    }
}
