// SPDX-License-Identifier: Apache-2.0

package import Linux

extension ForwardCompatibility {
    /// Decides on a libcuda whose file is named `libcuda.so.VERSION` and has `note`. As upstream's enable-cuda-compat:
    ///
    /// - A note names the driver branches that the library works with; it is used on one of them, and only in place of
    ///   an older driver: CUDA fails where it is older than the kernel module of its own branch.
    /// - A note without branches, as on Tegra, counts by its CUDA version.
    /// - Without a note, the library is used in place of a driver of an older branch.
    package func decide(libraryVersion name: ByteString, note: CompatibilityNote?) -> Decision {
        let version = DottedVersion(name)
        guard let note else { return decide(version: version, name: name) }
        if !note.driverBranches.isEmpty, let version, let driver = driverVersion {
            guard note.driverBranches.contains(driver.major) else {
                let branches = note.driverBranches.map(String.init).joined(separator: ", ")
                return .no("libcuda \(version) works with the driver branches \(branches), the host has \(driver)")
            }
            guard version.isNewer(than: driver) else {
                return .no("libcuda \(version) is not newer than the host's driver \(driver)")
            }
            return .yes("libcuda \(version) works with branch \(driver.major) and is newer than the host's \(driver)")
        }
        guard let cuda = note.cudaVersion, let hostCUDA = cudaVersion else {
            return .no("the note of libcuda \(name) names nothing that is known of the host")
        }
        return cuda.isNewer(than: hostCUDA)
            ? .yes("its CUDA \(cuda) is newer than the host's \(hostCUDA)")
            : .no("its CUDA \(cuda) is not newer than the host's \(hostCUDA)")
    }

    private func decide(version: DottedVersion?, name: ByteString) -> Decision {
        guard let version else { return .no("libcuda \(name) has neither a note nor a version in its name") }
        guard let driver = driverVersion else {
            return .no("libcuda \(version) has no note, and the version of the host's driver is not known")
        }
        return version.major > driver.major
            ? .yes("libcuda \(version) is of a newer branch than the host's driver \(driver)")
            : .no("libcuda \(version) is not of a newer branch than the host's driver \(driver)")
    }
}

extension ForwardCompatibility.Decision {
    static func yes(_ reason: String) -> Self { Self(isUsed: true, reason: reason) }
    static func no(_ reason: String) -> Self { Self(isUsed: false, reason: reason) }

    /// `detail` in parentheses behind the reason.
    func adding(_ detail: String) -> Self { Self(isUsed: isUsed, reason: "\(reason) (\(detail))") }
}
