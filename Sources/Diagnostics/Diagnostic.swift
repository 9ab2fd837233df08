// SPDX-License-Identifier: Apache-2.0

/// An error in the form in which every program of ours shows it: `NVR1204: cause; hint`, one line.
package struct Diagnostic: Error, Equatable, Sendable {
    package let id: ErrorID
    /// The cause: lower case, no period, the thing at fault named; at most `causeLimit` bytes.
    package let cause: String
    /// What to do about it; empty where nothing general can be said.
    package let hint: String

    /// Bytes. Engines cut long messages, and the cause must survive that.
    package static let causeLimit = 200

    package init(_ id: ErrorID, _ cause: String, hint: String = "") {
        self.id = id
        self.cause = cause.utf8.count <= Self.causeLimit ? cause : Self.cut(cause)
        self.hint = hint
    }

    /// Without the middle: what it is about stands at the start, and the reason at the end.
    private static func cut(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let half = (causeLimit - 3) / 2
        var (headEnd, tailStart) = (half, bytes.count - half)
        // No half characters: what they become is longer than they are.
        while headEnd > 0, bytes[headEnd] & 0xC0 == 0x80 { headEnd -= 1 }
        while tailStart < bytes.count, bytes[tailStart] & 0xC0 == 0x80 { tailStart += 1 }
        return String(decoding: bytes[..<headEnd], as: UTF8.self) + "..."
            + String(decoding: bytes[tailStart...], as: UTF8.self)
    }
}

extension Diagnostic: CustomStringConvertible {
    package var description: String { hint.isEmpty ? "\(id): \(cause)" : "\(id): \(cause); \(hint)" }
}
