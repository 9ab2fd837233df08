// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A library of the driver: by which name it is known, who gets it, how its file is called.
struct LibraryComponent {
    enum Naming {
        /// `<stem>.<driver version>`, and useless with a kernel module of another version.
        case driverVersion
        /// A version of its own, such as `libnvidia-egl-gbm.so.1.1.1`.
        case ownVersion
    }

    /// `libcuda.so`
    let stem: ByteString
    let capabilities: DriverCapabilities
    let naming: Naming
    /// Whether the capability is worth nothing without it.
    let isCore: Bool

    private init(
        _ stem: ByteString, _ capabilities: DriverCapabilities, _ naming: Naming = .driverVersion, isCore: Bool = false
    ) {
        self.stem = stem
        self.capabilities = capabilities
        self.naming = naming
        self.isCore = isCore
    }

    /// What libnvidia-container (src/nvc_info.c) mounts by capability, and what a CDI specification of
    /// nvidia-container-toolkit (pkg/nvcdi) adds to it. Video comes with all of compute and display with all of
    /// graphics, as there. libnvidia-sandboxutils is for container tools on the host only.
    static let all: [LibraryComponent] = {
        let compute = DriverCapabilities.computing
        let graphics = DriverCapabilities.drawing
        let both = compute.union(graphics)
        return [
            .init("libnvidia-ml.so", .utility, isCore: true),
            .init("libnvidia-cfg.so", .utility),
            .init("libnvidia-nscq.so", .utility),

            .init("libcuda.so", compute, isCore: true),
            .init("libcudadebugger.so", compute),
            .init("libnvidia-opencl.so", compute),
            .init("libnvidia-ptxjitcompiler.so", compute),
            .init("libnvidia-fatbinaryloader.so", compute),
            .init("libnvidia-compiler.so", compute),
            .init("libnvidia-pkcs11.so", compute),
            .init("libnvidia-pkcs11-openssl3.so", compute),
            // libnvidia-nvvm.so.4.0.0 in some drivers, named after the driver in others.
            .init("libnvidia-nvvm.so", compute, .ownVersion),
            .init("libnvidia-nvvm70.so", compute, .ownVersion),
            .init("libnvidia-tileiras.so", compute),

            // The GL libraries need both as well.
            .init("libnvidia-allocator.so", both),
            .init("libnvidia-gpucomp.so", both),

            .init("libvdpau_nvidia.so", .video),
            .init("libnvidia-encode.so", .video),
            .init("libnvidia-opticalflow.so", .video),
            .init("libnvcuvid.so", .video),

            .init("libnvidia-eglcore.so", graphics),
            .init("libnvidia-glcore.so", graphics),
            .init("libnvidia-tls.so", graphics),
            .init("libnvidia-glsi.so", graphics),
            .init("libnvidia-fbc.so", graphics),
            .init("libnvidia-ifr.so", graphics),
            .init("libnvidia-rtcore.so", graphics),
            .init("libnvoptix.so", graphics),
            .init("libGLX_nvidia.so", graphics),
            .init("libEGL_nvidia.so", graphics),
            .init("libGLESv2_nvidia.so", graphics),
            .init("libGLESv1_CM_nvidia.so", graphics),
            .init("libnvidia-glvkspirv.so", graphics),
            .init("libnvidia-cbl.so", graphics),
            .init("libnvidia-present.so", graphics),
            .init("libnvidia-vksc-core.so", graphics),
            .init("libnvidia-vulkan-producer.so", graphics),
            .init("libnvidia-api.so", graphics, .ownVersion),
            .init("libnvidia-egl-gbm.so", graphics, .ownVersion),
            .init("libnvidia-egl-wayland.so", graphics, .ownVersion),
            .init("libnvidia-egl-wayland2.so", graphics, .ownVersion),
            .init("libnvidia-egl-xcb.so", graphics, .ownVersion),
            .init("libnvidia-egl-xlib.so", graphics, .ownVersion),

            .init("libnvidia-ngx.so", .ngx),
        ]
    }()

    private static let suffix: ByteString = ".so"
    private static let dot: ByteString = "."

    /// The position in `all` of the library that a file or a SONAME called `name` belongs to.
    static func index(ofName name: ByteString) -> Int? {
        guard name.isFileName, let end = name.range(of: suffix)?.upperBound else { return nil }
        guard end == name.count || name.bytes[end] == UInt8(ascii: ".") else { return nil }
        let stem = ByteString(name.bytes[..<end])
        return all.firstIndex { $0.stem == stem }
    }

    /// Whether `name` can belong to one of the libraries. Does not allocate: it is asked for every entry of a host's
    /// cache and of its library folders.
    static func mayBeNamed(_ name: UnsafeRawBufferPointer) -> Bool {
        guard name.count > 8, name[0] == UInt8(ascii: "l"), name[1] == UInt8(ascii: "i"), name[2] == UInt8(ascii: "b")
        else { return false }
        // Two bytes rule nearly all other libraries out.
        switch (name[3], name[4]) {
        case (UInt8(ascii: "n"), UInt8(ascii: "v")), (UInt8(ascii: "c"), UInt8(ascii: "u")),
            (UInt8(ascii: "v"), UInt8(ascii: "d")), (UInt8(ascii: "G"), UInt8(ascii: "L")),
            (UInt8(ascii: "E"), UInt8(ascii: "G")):
            break
        default: return false
        }
        return prefixes.contains { prefix in
            prefix.utf8CodeUnitCount <= name.count
                && prefix.withUTF8Buffer { UnsafeRawBufferPointer(rebasing: name[..<$0.count]).elementsEqual($0) }
        }
    }

    private static let prefixes: [StaticString] = [
        "libnvidia-", "libcuda.", "libcudadebugger.", "libnvcuvid.", "libnvoptix.", "libGLX_nvidia.", "libEGL_nvidia.",
        "libGLESv1_CM_nvidia.", "libGLESv2_nvidia.", "libvdpau_nvidia.",
    ]

    /// The name of the file in a driver of `version`, for libraries without a version of their own.
    func fileName(version: ByteString) -> ByteString { stem + Self.dot + version }

    /// What the name of a file says about its version.
    enum Verdict: Equatable {
        /// The right one.
        case accepted
        /// Of another driver, the version given.
        case otherVersion(ByteString)
        /// Not a name that this library has.
        case foreign
    }

    /// Judges the name of the file itself, with no link to follow any more.
    func judge(fileName: ByteString, version: ByteString) -> Verdict {
        guard let rest = fileName.droppingPrefix(stem) else { return .foreign }
        guard let text = rest.droppingPrefix(".") else {
            return rest.isEmpty && naming == .ownVersion ? .accepted : .foreign
        }
        if text == version { return .accepted }
        // Drivers have had numbers above 100 since 2008; nothing else here has.
        let major = text.split(separator: UInt8(ascii: ".")).first?.decimal(as: UInt32.self)
        if KernelDriver.isVersion(text), let major, major >= 100 { return .otherVersion(text) }
        return naming == .ownVersion && major != nil ? .accepted : .foreign
    }
}
