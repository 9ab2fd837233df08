// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A node of the kernel's direct rendering manager below `/dev/dri`.
struct DRMNode {
    /// DRM_MAJOR of include/uapi/drm/drm.h, fixed.
    static let major: UInt32 = 226

    static let directory: ByteString = "/dev/dri"
    /// Where udev makes links to the nodes (60-drm.rules of systemd).
    static let linkDirectory: ByteString = "/dev/dri/by-path"

    private static let names: [ByteString] = ["card", "renderD"]
    private static let links: (prefix: ByteString, suffixes: [ByteString]) = ("pci-", ["-card", "-render"])

    /// The names of the links to the nodes of `gpu`.
    static func linkNames(of gpu: GPU) -> [ByteString] { links.suffixes.map { links.prefix + gpu.busID + $0 } }

    /// The number in the name, which is the node's minor as well (drm_minor_register in drivers/gpu/drm/drm_drv.c).
    let minor: UInt32

    /// `card` and a number or `renderD` and a number; nil for other entries, such as connectors.
    init?(name: ByteString) {
        guard let prefix = Self.names.first(where: name.hasPrefix),
            let minor = name.droppingPrefix(prefix)?.decimal(as: UInt32.self)
        else { return nil }
        self.minor = minor
    }
}
