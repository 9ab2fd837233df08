// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// The folders of a dev root with device nodes and links to them, opened once: there are half a dozen entries to look
/// at in them for every GPU.
struct NodeFolders: ~Copyable, Sendable {
    private static let paths: [ByteString] = ["/dev", DRMNode.directory, DRMNode.linkDirectory]

    /// O_PATH descriptors, owned, in the order of `paths`; -1 for a folder that can't be opened.
    private var numbers: [CInt] = []

    init(of root: borrowing RootDirectory) {
        for path in Self.paths {
            do throws(LinuxError) {
                numbers.append(try root.open(path, flags: CLX_O_PATH | O_DIRECTORY).release())
            } catch {
                numbers.append(-1)
            }
        }
    }

    deinit { for number in numbers where number >= 0 { close(number) } }

    /// The descriptor of the folder `path`, borrowed; nil for other folders and for one that is not there.
    func number(of path: ByteString) -> CInt? {
        guard let position = Self.paths.firstIndex(of: path), numbers[position] >= 0 else { return nil }
        return numbers[position]
    }
}
