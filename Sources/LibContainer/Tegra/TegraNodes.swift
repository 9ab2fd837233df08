// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The device nodes that CSV files list.
///
/// The files are root's, so a node is what they say it is: any character device below `/dev` is taken, with the numbers
/// that it has. Block devices never are.
struct TegraNodes {
    private(set) var nodes: [DeviceNode] = []
    private(set) var omissions: [Omission] = []
    /// How many lines list nodes, and the first path.
    private(set) var listed = 0
    private(set) var first = ByteString()
    private var seen: Set<ByteString> = []

    /// Adds what is at `paths`, the matches of `listing`. Matches of a pattern that are no character devices were not
    /// meant.
    mutating func add(_ paths: [ByteString], _ listing: TegraListing, in devices: borrowing DeviceNodes) {
        listed += 1
        if first.isEmpty { first = listing.entry.path }
        for path in paths where seen.insert(path).inserted {
            do throws(DriverRoot.Refusal) {
                nodes.append(try Self.node(at: path, in: devices))
            } catch {
                if !listing.isPattern { omissions.append(listing.omission(error)) }
            }
        }
    }

    /// The character device that `path` leads to. Links are followed inside the dev root: container and host get the
    /// same device under the same name.
    static func node(
        at path: ByteString, in devices: borrowing DeviceNodes
    ) throws(DriverRoot.Refusal) -> DeviceNode {
        let status: FileStatus?
        do throws(LinuxError) {
            status = try devices.root.status(of: path)
        } catch {
            throw .refused(error.description)
        }
        guard let status else { throw .absent }
        guard status.kind == .characterDevice else { throw .refused("it is no character device") }
        guard path.isPrintableUTF8 else { throw .refused("its name has control characters or is not UTF-8") }
        return DeviceNode(
            path: path, hostPath: devices.hostPath(of: path), major: status.major, minor: status.minor,
            permissions: status.permissions & 0o777, owner: status.owner, group: status.group)
    }
}
