// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A CDI file or directory that was left out, and why. Hurts nobody who does not need it.
package struct CDIProblem: Error, Equatable, Sendable {
    package let file: ByteString
    /// Lower case, one line, without the file's name.
    package let reason: String

    package init(file: ByteString, _ reason: String) {
        self.file = file
        self.reason = reason
    }
}

extension CDIProblem: CustomStringConvertible {
    package var description: String { "\(file): \(reason)" }
}
