// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What a container may do with the driver: the words of NVIDIA_DRIVER_CAPABILITIES.
package struct DriverCapabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// CUDA and OpenCL.
    package static let compute = DriverCapabilities(rawValue: 1 << 0)
    /// 32-bit libraries beside the 64-bit ones.
    package static let compat32 = DriverCapabilities(rawValue: 1 << 1)
    /// OpenGL, Vulkan and EGL.
    package static let graphics = DriverCapabilities(rawValue: 1 << 2)
    /// nvidia-smi and NVML.
    package static let utility = DriverCapabilities(rawValue: 1 << 3)
    /// The video codec SDK.
    package static let video = DriverCapabilities(rawValue: 1 << 4)
    /// X11 and mode setting.
    package static let display = DriverCapabilities(rawValue: 1 << 5)
    /// NGX (DLSS).
    package static let ngx = DriverCapabilities(rawValue: 1 << 6)

    // Sets by their bits, and tests on bits: what OptionSet has is for all sets, and found out in the start of every
    // container.

    package func isDisjoint(with other: DriverCapabilities) -> Bool { rawValue & other.rawValue == 0 }

    package func intersection(_ other: DriverCapabilities) -> DriverCapabilities {
        DriverCapabilities(rawValue: rawValue & other.rawValue)
    }

    package func union(_ other: DriverCapabilities) -> DriverCapabilities {
        DriverCapabilities(rawValue: rawValue | other.rawValue)
    }

    package func contains(_ other: DriverCapabilities) -> Bool { rawValue & other.rawValue == other.rawValue }

    package var isEmpty: Bool { rawValue == 0 }

    package static let all = DriverCapabilities(rawValue: (1 << 7) - 1)

    /// What a container gets that says nothing.
    package static let `default` = DriverCapabilities(rawValue: compute.rawValue | utility.rawValue)

    /// Whoever runs code on the GPU.
    package static let computing = DriverCapabilities(rawValue: compute.rawValue | video.rawValue)

    /// Whoever draws.
    package static let drawing = DriverCapabilities(rawValue: graphics.rawValue | display.rawValue)

    /// Every single capability with its name, in the order of the names.
    package static let named: [(name: ByteString, capability: DriverCapabilities)] = [
        ("compat32", .compat32), ("compute", .compute), ("display", .display), ("graphics", .graphics), ("ngx", .ngx),
        ("utility", .utility), ("video", .video),
    ]
}
