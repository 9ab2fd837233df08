// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The full name of a CDI device, `vendor/class=name`, such as `nvidia.com/gpu=0`.
package struct CDIQualifiedName: Hashable, Sendable {
    package let kind: CDIKind
    /// The device's name in its kind. Plain ASCII.
    package let name: ByteString

    /// Bytes of a device's name. CDI has no bound; names that a file name could not have are nobody's.
    private static let nameLimit = 255

    /// Nil where `text` is no qualified name. It is split at the first `=`, and before that at the first `/`, as upstream
    /// does (pkg/parser/parser.go).
    package init?(_ text: ByteString) {
        guard let equals = text.bytes.firstIndex(of: UInt8(ascii: "=")),
            let kind = CDIKind(ByteString(text.bytes[..<equals]))
        else { return nil }
        self.init(kind: kind, name: ByteString(text.bytes[(equals + 1)...]))
    }

    /// Nil where `name` is no device's name.
    package init?(kind: CDIKind, name: ByteString) {
        guard Self.isName(name) else { return nil }
        self.kind = kind
        self.name = name
    }

    /// `vendor/class=name`.
    package var text: ByteString { kind.text + "=" + name }

    /// Whether `name` can be a device's: it starts and ends with a letter or digit, and has letters, digits, `_`, `-`,
    /// `.` and `:` between.
    static func isName(_ name: ByteString) -> Bool {
        guard name.count <= nameLimit, let first = name.bytes.first, let last = name.bytes.last else { return false }
        return CDICharacter.isAlphanumeric(first) && CDICharacter.isAlphanumeric(last)
            && name.bytes.allSatisfy {
                CDICharacter.isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":")
            }
    }
}

extension CDIQualifiedName: CustomStringConvertible {
    package var description: String { text.description }
}
