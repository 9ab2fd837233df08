// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Why a document was refused, could not be edited, or could not be written.
package struct SpecError: Error, Equatable {
    /// The kind of failure, for callers that treat one differently; people read `description`.
    package enum Code: Sendable, Equatable {
        /// Not JSON as RFC 8259 defines it, or not UTF-8.
        case malformed
        /// JSON that two readers understand differently: duplicate members, members that differ only in case, NUL.
        case ambiguous
        /// More bytes, more values or deeper nesting than we read.
        case tooLarge
        /// A member of another JSON type than the runtime specification gives it.
        case wrongType
        /// A number that its member's type can't hold, or a text that JSON can't carry.
        case outOfRange
        /// A member that must be there and is not, or has a value that we don't accept.
        case invalid
        /// A file of a kind, owner or link count that we don't read.
        case refusedFile
        /// The file was replaced or written by someone else while it was being edited.
        case changedMeanwhile
        /// A system call failed.
        case system
    }

    /// The kind of failure.
    package let code: Code
    /// The file or stream, such as `/run/bundle/config.json`.
    package let file: ByteString
    /// What is wrong and where, lower case, one line, without the file's name.
    package let reason: String

    /// Makes an error about `file`.
    package init(_ code: Code, in file: ByteString, _ reason: String) {
        self.code = code
        self.file = file
        self.reason = reason
    }
}

extension SpecError: CustomStringConvertible {
    /// "config.json: line 1, column 14: duplicate member "env""
    package var description: String { "\(file): \(reason)" }
}
