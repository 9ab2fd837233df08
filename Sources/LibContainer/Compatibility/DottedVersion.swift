// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A version of numbers with dots between them, as the driver (`575.57.08`) and CUDA (`12.9`) have.
package struct DottedVersion: Hashable, Sendable, CustomStringConvertible {
    /// As it was written; `575.57.08` and `575.57.8` are as new as each other, but not equal.
    package let text: ByteString
    /// The first number: the branch of a driver.
    package let major: UInt32
    private let rest: [UInt32]

    private static let partLimit = 4

    /// Nil where `text` is anything else, or has more than four numbers or one that does not fit into 32 bits.
    package init?(_ text: ByteString) {
        let parts = text.split(separator: UInt8(ascii: "."))
        var numbers: [UInt32] = []
        for part in parts {
            guard numbers.count < Self.partLimit, let number: UInt32 = part.decimal() else { return nil }
            numbers.append(number)
        }
        guard let major = numbers.first else { return nil }
        self.text = text
        self.major = major
        rest = Array(numbers.dropFirst())
    }

    /// By the numbers; one that is missing is 0.
    package func isNewer(than other: DottedVersion) -> Bool {
        if major != other.major { return major > other.major }
        for index in 0..<max(rest.count, other.rest.count) {
            let left = index < rest.count ? rest[index] : 0
            let right = index < other.rest.count ? other.rest[index] : 0
            if left != right { return left > right }
        }
        return false
    }

    package var description: String { "\(text)" }
}
