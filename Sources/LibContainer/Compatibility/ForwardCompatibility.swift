// SPDX-License-Identifier: Apache-2.0

package import Linux

/// CUDA forward compatibility: an image's own, newer libcuda in place of the host driver's, which is too old for the
/// CUDA version that the image was built with (NVIDIA, CUDA Compatibility; the `cuda-compat` packages).
///
/// This is what the host says about itself. The image's libraries are judged by it inside of the container's root; they
/// are only ever listed in the loader's cache there, never mounted (CVE-2024-0132, CVE-2025-23359).
package struct ForwardCompatibility: Hashable, Sendable {
    /// Where the packages put their libraries.
    package static let defaultDirectory: ByteString = "/usr/local/cuda/compat"
    /// Where images for arm64 have those for Orin's integrated GPU, which no other GPU can use.
    package static let orinDirectory: ByteString = "/usr/local/cuda/compat_orin"

    /// Of the host's kernel module; nil where it is not known.
    package let driverVersion: DottedVersion?
    /// Of the host's libcuda; nil where it is not known. It counts for libraries that name no driver, those of Tegra.
    package let cudaVersion: DottedVersion?
    /// In the container.
    package let directory: ByteString

    /// Throws where `directory` is no path that the loader's configuration can hold.
    package init(
        driverVersion: DottedVersion?, cudaVersion: DottedVersion? = nil,
        directory: ByteString = Self.defaultDirectory
    ) throws(LoaderUpdate.InvalidArgument) {
        try LoaderUpdate.checkPath(directory)
        self.driverVersion = driverVersion
        self.cudaVersion = cudaVersion
        self.directory = directory
    }

    /// Whether the image's libraries are used, and why.
    package struct Decision: Hashable, Sendable, CustomStringConvertible {
        package let isUsed: Bool
        /// Lower case, no period.
        package let reason: String

        /// One line.
        package var description: String {
            "CUDA forward compatibility: \(isUsed ? "used" : "not used"): \(reason)"
        }
    }
}
