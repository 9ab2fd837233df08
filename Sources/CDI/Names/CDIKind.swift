// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What a CDI specification is about: `vendor/class`, such as `nvidia.com/gpu` (CDI SPEC.md, "Kind").
package struct CDIKind: Hashable, Sendable {
    /// The whole, such as `nvidia.com/gpu`. Plain ASCII.
    package let text: ByteString

    /// The lengths that SPEC.md gives; upstream's parser has no bound.
    private static let vendorLimit = 253
    private static let classLimit = 63

    /// Nil where `text` is not of the grammar: both parts start with a letter, end with a letter or digit, and have
    /// letters, digits, `_`, `-` and `.` between (upstream pkg/parser/parser.go).
    package init?(_ text: ByteString) {
        guard text.count <= Self.vendorLimit + 1 + Self.classLimit,
            let slash = text.bytes.firstIndex(of: UInt8(ascii: "/"))
        else { return nil }
        let vendor = text.bytes[..<slash]
        let `class` = text.bytes[(slash + 1)...]
        guard vendor.count <= Self.vendorLimit, `class`.count <= Self.classLimit, Self.isPart(vendor),
            Self.isPart(`class`)
        else { return nil }
        self.text = text
    }

    /// Whether the class has a dot, which CDI allows since version 0.6.0.
    var hasDottedClass: Bool {
        guard let slash = text.bytes.firstIndex(of: UInt8(ascii: "/")) else { return false }
        return text.bytes[slash...].contains(UInt8(ascii: "."))
    }

    private static func isPart(_ part: ArraySlice<UInt8>) -> Bool {
        guard let first = part.first, let last = part.last else { return false }
        return CDICharacter.isLetter(first) && CDICharacter.isAlphanumeric(last)
            && part.allSatisfy {
                CDICharacter.isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: ".")
            }
    }
}

extension CDIKind: CustomStringConvertible {
    package var description: String { text.description }
}
