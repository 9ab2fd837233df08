// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The version of the CUDA driver interface, such as 12.4: what libcuda and NVML report, never a toolkit's update number.
package struct CUDAVersion: Hashable, Sendable {
    package let major: UInt32
    package let minor: UInt32

    package init(_ major: UInt32, _ minor: UInt32) {
        self.major = major
        self.minor = minor
    }
}

/// What a driver's version number tells of the CUDA version that it supports.
package enum CUDASupport: Hashable, Sendable {
    /// This one, neither more nor less.
    case exact(CUDAVersion)
    /// This one, and perhaps a later one too.
    case atLeast(CUDAVersion)
}

extension CUDAVersion {
    /// A driver branch, the oldest release in it that has its CUDA version, and that version.
    private struct Branch {
        let number: UInt32
        let release: UInt32
        let cuda: CUDAVersion

        init(_ number: UInt32, _ release: UInt32, _ major: UInt32, _ minor: UInt32) {
            self.number = number
            self.release = release
            cuda = CUDAVersion(major, minor)
        }
    }

    /// The branches for Linux, from old to new.
    ///
    /// Source: "CUDA Toolkit and Corresponding Driver Versions" in NVIDIA's CUDA release notes, editions 11.1 to 13.3; there
    /// is no toolkit 12.7, which is what nvidia-smi of the branch 565 reports. Where a branch had releases with different
    /// CUDA versions (430 has 10.2 in 430.26 and 10.1 in 430.50), it is not here.
    private static let branches: [Branch] = [
        Branch(346, 46, 7, 0), Branch(352, 31, 7, 5), Branch(367, 48, 8, 0), Branch(384, 81, 9, 0),
        Branch(390, 46, 9, 1), Branch(396, 26, 9, 2), Branch(410, 48, 10, 0), Branch(418, 39, 10, 1),
        Branch(440, 33, 10, 2), Branch(450, 36, 11, 0), Branch(455, 23, 11, 1), Branch(460, 27, 11, 2),
        Branch(465, 19, 11, 3), Branch(470, 42, 11, 4), Branch(495, 29, 11, 5), Branch(510, 39, 11, 6),
        Branch(515, 43, 11, 7), Branch(520, 61, 11, 8), Branch(525, 60, 12, 0), Branch(530, 30, 12, 1),
        Branch(535, 54, 12, 2), Branch(545, 23, 12, 3), Branch(550, 54, 12, 4), Branch(555, 42, 12, 5),
        Branch(560, 28, 12, 6), Branch(565, 57, 12, 7), Branch(570, 26, 12, 8), Branch(575, 51, 12, 9),
        Branch(580, 65, 13, 0), Branch(590, 44, 13, 1), Branch(595, 45, 13, 2), Branch(610, 43, 13, 3),
    ]

    /// The release notes bound a driver's CUDA version from below only. From this branch on nvidia-smi shows it, and it was
    /// checked to be the same for the releases of each branch.
    private static let oldestVerifiedBranch: UInt32 = 410

    /// The CUDA version that the driver `version` (such as `550.144.03`) supports by its number alone; nil where the
    /// number says nothing.
    ///
    /// Never a guess: a release between the known branches, as Jetson's 540.4.0 with CUDA 12.6 is, and one after the
    /// newest give a lower bound. That a later branch supports no older CUDA is the only assumption.
    package static func support(ofDriver version: ByteString) -> CUDASupport? {
        let parts = version.split(separator: UInt8(ascii: "."))
        guard parts.count >= 2, let number = parts[0].decimal(as: UInt32.self),
            let release = parts[1].decimal(as: UInt32.self),
            let branch = branches.last(where: { ($0.number, $0.release) <= (number, release) })
        else { return nil }
        return branch.number == number && number >= oldestVerifiedBranch ? .exact(branch.cuda) : .atLeast(branch.cuda)
    }

    /// The oldest driver known to support a CUDA version that meets `condition`, such as `570.26`; nil where none does.
    package static func oldestDriver(where condition: (CUDAVersion) -> Bool) -> String? {
        branches.first { condition($0.cuda) }.map { "\($0.number).\($0.release)" }
    }
}

extension CUDAVersion: Comparable {
    package static func < (left: CUDAVersion, right: CUDAVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

extension CUDAVersion: CustomStringConvertible {
    package var description: String { "\(major).\(minor)" }
}
