// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What a directory of CDI files had.
package struct CDIDirectoryReport: Equatable, Sendable {
    package let path: ByteString
    /// Files with the name of a CDI file; nil where the directory does not exist or is not read.
    package let files: Int?
}

extension CDIDirectoryReport: CustomStringConvertible {
    /// "/etc/cdi (2 files)"
    package var description: String {
        let words = files.map { $0 == 1 ? "1 file" : "\($0) files" } ?? "not there"
        return "\(Shown.path(path, limit: 40)) (\(words))"
    }
}
