// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

extension DeviceNodes {
    /// As many as there can be IMEX channels; a folder in `/dev` is root's, so that this is no defence.
    private static let entryLimit = 1 << 20

    /// The nodes in `directory` (`/dev/...`) that are called `prefix` and a number, by number; none where there is no such
    /// directory. `device` says which device a number stands for, nil where its driver is not loaded. Entries of another
    /// kind are omissions.
    func nodes(
        in directory: ByteString, prefix: ByteString, device: (UInt32) -> (major: UInt32, minor: UInt32)?
    ) -> NodeSet {
        var set = NodeSet()
        do throws(LinuxError) {
            let folder = try root.open(directory, flags: O_RDONLY | O_DIRECTORY)
            var numbers: [UInt32] = []
            try folder.forEachEntry(limit: Self.entryLimit) { name in
                if let number = ByteString(Array(name)).number(after: prefix) { numbers.append(number) }
            }
            for number in numbers.sorted() {
                let name = prefix.appending(number: number)
                add(directory.appending(component: name), device(number), to: &set) { () throws(LinuxError) in
                    try FileStatus.of(name, relativeTo: folder.number, followLinks: false)
                }
            }
        } catch {
            if !error.isAbsence { set.omit(directory, error.description) }
        }
        return set
    }

    /// The node at `path`, if it is there and is `device`.
    func nodes(at path: ByteString, device: (major: UInt32, minor: UInt32)?) -> NodeSet {
        var set = NodeSet()
        add(path, device, to: &set) { () throws(LinuxError) in try status(of: path) }
        return set
    }

    private func add(
        _ path: ByteString, _ device: (major: UInt32, minor: UInt32)?, to set: inout NodeSet,
        status: () throws(LinuxError) -> FileStatus?
    ) {
        do throws(LinuxError) {
            guard let status = try status() else { return }
            guard let device else {
                set.omit(path, "no loaded driver owns it")
                return
            }
            do throws(DriverError) {
                set.nodes.append(try node(path, status, major: device.major, minor: device.minor))
            } catch {
                set.omit(path, error.description)
            }
        } catch {
            // Gone since it was listed.
            if !error.isAbsence { set.omit(path, error.description) }
        }
    }
}
