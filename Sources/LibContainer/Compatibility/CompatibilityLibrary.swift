// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The libraries of the `cuda-compat` packages (driver branches 418 to 590, and those for Jetson).
enum CompatibilityLibrary {
    /// The libcuda of an image.
    struct File: ~Copyable {
        /// What stands behind `libcuda.so.` in its name.
        let version: ByteString
        /// Open for reading.
        let descriptor: FileDescriptor
    }

    /// libcuda and what it loads under a name without a version of the driver: of these the driver's own is shadowed.
    private static let stems: [ByteString] = [
        "libcuda", "libcudadebugger", "libnvcudla", "libnvidia-nvvm", "libnvidia-nvvm70", "libnvidia-ptxjitcompiler",
    ]
    private static let family: ByteString = "libnvidia-"

    /// Whether a file of that name could be one.
    static func mayBeNamed(_ name: ByteString) -> Bool {
        // Cheap for what most names are.
        guard name.hasPrefix("libcuda") || name.hasPrefix("libnv"), let stem = stem(of: name) else { return false }
        return stem.hasPrefix(family) || stems.contains(stem)
    }

    /// Whether a file or SONAME of that name belongs to the libcuda of `version`.
    ///
    /// What has the version in its name is loaded by that libcuda alone (libnvidia-gpucomp, libnvidia-tileiras, ...). A
    /// libnvidia-ml must not come in: it has to be of the kernel module's version.
    static func belongs(_ name: ByteString, toVersion version: ByteString) -> Bool {
        guard let stem = stem(of: name) else { return false }
        return stems.contains(stem) || stem.hasPrefix(family) && name.hasSuffix(".so." + version)
    }

    /// The name that a linker looks for, such as `libcuda.so`, for a SONAME.
    static func linkName(ofSoname soname: ByteString) -> ByteString? { stem(of: soname).map { $0 + ".so" } }

    private static func stem(of name: ByteString) -> ByteString? {
        guard let range = name.range(of: ".so") else { return nil }
        let isEnd = range.upperBound == name.count || name.bytes[range.upperBound] == UInt8(ascii: ".")
        return isEnd ? ByteString(name.bytes[..<range.lowerBound]) : nil
    }
}
