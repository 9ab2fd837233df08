// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A released version of the CDI specification (SPEC.md, "Released versions").
package struct CDIVersion: Hashable, Sendable {
    /// All have patch level 0: CDI changes the minor version whenever the specification changes.
    let major: UInt8
    let minor: UInt8

    init(_ major: UInt8, _ minor: UInt8) {
        self.major = major
        self.minor = minor
    }

    /// Oldest first. 0.1.0 and 0.2.0 had other fields; upstream reads no file of theirs either.
    static let released = [
        CDIVersion(0, 3), CDIVersion(0, 4), CDIVersion(0, 5), CDIVersion(0, 6), CDIVersion(0, 7), CDIVersion(0, 8),
        CDIVersion(1, 0), CDIVersion(1, 1),
    ]

    /// Nil where `text` is not the number of a released version. A `v` before it is let pass, as upstream does
    /// (specs-go/version.go, newVersion).
    init?(_ text: ByteString) {
        let number = text.droppingPrefix("v") ?? text
        guard let found = Self.released.first(where: { $0.text == number }) else { return nil }
        self = found
    }

    /// "0.5.0". Both numbers have one digit.
    private var text: ByteString {
        let (dot, zero) = (UInt8(ascii: "."), UInt8(ascii: "0"))
        return ByteString([zero &+ major, dot, zero &+ minor, dot, zero])
    }
}

extension CDIVersion: Comparable {
    package static func < (left: CDIVersion, right: CDIVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

extension CDIVersion: CustomStringConvertible {
    /// "0.5.0"
    package var description: String { text.description }
}
