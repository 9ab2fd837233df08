// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// Files that a container gets unless it is said otherwise (`--no-persistenced`, `--no-fabricmanager`,
/// `--no-gsp-firmware`).
struct Exclusions {
    private var sockets: [ByteString] = []
    private var hasFirmware = true

    /// Whether `option` is one of these.
    mutating func take(_ option: ByteString) -> Bool {
        switch option {
        case "no-persistenced": sockets.append("/nvidia-persistenced/socket")
        case "no-fabricmanager": sockets.append("/nvidia-fabricmanager/socket")
        case "no-gsp-firmware": hasFirmware = false
        default: return false
        }
        return true
    }

    /// Whether what has the path `containerPath` in a container is left out.
    func contains(_ containerPath: ByteString) -> Bool {
        if sockets.contains(where: containerPath.hasSuffix) { return true }
        return !hasFirmware && containerPath.lastPathComponent.hasPrefix("gsp") && containerPath.hasSuffix(".bin")
    }
}
