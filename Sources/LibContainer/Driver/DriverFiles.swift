// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What a driver root offers for some capabilities, and what it lacks.
package struct DriverFiles: Sendable {
    /// The version of the kernel module, which the libraries were searched for.
    package let version: ByteString
    /// The path of the driver root.
    package let root: ByteString
    package var found: [DriverFile] = []
    package var omissions: [Omission] = []

    package init(version: ByteString, root: ByteString) {
        self.version = version
        self.root = root
    }

    /// Why a container can't work with `found`: a core library that is missing, of another version or refused. nil
    /// where all of them were found.
    package var coreFailure: DriverError? {
        for omission in omissions where omission.isCore {
            switch omission.cause {
            case .versionMismatch(let path, let version):
                return .versionMismatch(kernel: self.version, library: path, version: version)
            case .notFound(let searched):
                return .libraryNotFound(name: omission.name, root: root, searched: searched)
            case .refused(let reason): return .libraryRefused(name: omission.name, reason: reason)
            }
        }
        return nil
    }
}
