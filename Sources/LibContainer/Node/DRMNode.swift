// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A node of the kernel's direct rendering manager below `/dev/dri`.
struct DRMNode {
    /// DRM_MAJOR of include/uapi/drm/drm.h, fixed.
    static let major: UInt32 = 226

    /// The number in the name, which is the node's minor as well (drm_minor_register in drivers/gpu/drm/drm_drv.c).
    let minor: UInt32

    /// `card` and a number or `renderD` and a number; nil for other entries, such as connectors.
    init?(name: ByteString) {
        guard let digits = name.droppingPrefix("card") ?? name.droppingPrefix("renderD"),
            let minor = digits.decimal(as: UInt32.self)
        else { return nil }
        self.minor = minor
    }
}
