// SPDX-License-Identifier: Apache-2.0

package import Linux
package import OCISpec

/// What the marker mounts of a container ask for: `/dev/null` mounted at names below a fixed folder, by which a device
/// plugin says which GPUs it has allocated. A user of Kubernetes can't make such mounts; whoever can mount host paths can
/// have the devices anyway.
package struct VolumeMountList: Hashable, Sendable {
    /// Names of GPUs and qualified names of CDI devices.
    package private(set) var devices: [ByteString] = []
    /// Names of IMEX channels.
    package private(set) var imexChannels: [ByteString] = []

    static let directory: ByteString = "/var/run/nvidia-container-devices"
    private static let prefix = directory + "/"

    /// Reads `mounts`. Only bind mounts of exactly `/dev/null` count, at paths that have the folder's name as their first
    /// bytes and a slash behind it: neither another spelling of the folder nor a folder whose name starts like it.
    package init(_ mounts: [SpecMount]) {
        for mount in mounts where mount.source == "/dev/null" && mount.isBind {
            guard let rest = mount.destination.droppingPrefix(Self.prefix) else { continue }
            add(rest.droppingSlashes)
        }
    }

    private mutating func add(_ name: ByteString) {
        if name.isEmpty { return }
        if let channel = name.droppingPrefix("imex/") {
            imexChannels.append(channel)
        } else if let device = name.droppingPrefix("cdi/") {
            devices.append(Self.qualifiedName(device))
        } else {
            devices.append(name)
        }
    }

    /// `vendor/class/name` as `vendor/class=name`, and what is no such path as it is: a name with a meaning of its own,
    /// or one that is refused later.
    private static func qualifiedName(_ path: ByteString) -> ByteString {
        if path.bytes.contains(UInt8(ascii: "=")) { return path }
        let parts = path.split(separator: UInt8(ascii: "/"))
        guard parts.count >= 3 else { return "cdi/" + path }
        let name = path.bytes.dropFirst(parts[0].count + parts[1].count + 2)
        return parts[0] + "/" + parts[1] + "=" + ByteString(name)
    }
}

extension SpecMount {
    /// Whether it shows a file of the host; runtimes go by the options, and a type may be missing.
    fileprivate var isBind: Bool {
        type == "bind" || (type.isEmpty || type == "none") && (options.contains("bind") || options.contains("rbind"))
    }
}

extension ByteString {
    fileprivate var droppingSlashes: ByteString {
        var rest = bytes[...]
        while rest.last == UInt8(ascii: "/") { rest = rest.dropLast() }
        return ByteString(rest)
    }
}
