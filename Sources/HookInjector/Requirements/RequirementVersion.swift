// SPDX-License-Identifier: Apache-2.0

package import LibContainer
package import Linux

/// A version in a requirement or of the host: up to four numbers, those that are missing are 0, so that 12 is 12.0.
package struct RequirementVersion: Hashable, Sendable {
    package let major: UInt32
    package let minor: UInt32
    package let patch: UInt32
    package let build: UInt32

    package init(_ major: UInt32, _ minor: UInt32 = 0, _ patch: UInt32 = 0, _ build: UInt32 = 0) {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.build = build
    }

    package init(_ version: CUDAVersion) { self.init(version.major, version.minor) }

    /// Reads `text` as `550.144.03` or `v12.4`; nil where it is anything else.
    package init?(parsing text: ByteString) { self.init(parsing: text.bytes, from: 0, to: text.count) }

    /// Reads the bytes from `start` up to `end`.
    ///
    /// One to four numbers of 32 bits with single dots between them, leading zeros allowed; a `v` before them, as the csv
    /// mode of the original takes it. What libnvidia-container takes beyond that, `12.` and `12..4`, is a typing error.
    init?(parsing bytes: [UInt8], from start: Int, to end: Int) {
        guard let (version, _, position) = Self.numbers(in: bytes, from: start, to: end, limit: 4), position == end
        else { return nil }
        self = version
    }

    /// Reads numbers up to the first byte that can't be part of them; nil where there is none or more than `limit`.
    static func numbers(
        in bytes: [UInt8], from start: Int, to end: Int, limit: Int
    ) -> (version: RequirementVersion, count: Int, position: Int)? {
        var position = start
        let end = min(end, bytes.count)
        if position < end, bytes[position] == UInt8(ascii: "v") { position += 1 }
        var numbers: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        var count = 0
        while true {
            let first = position
            var number: UInt32 = 0
            while position < end, bytes[position] &- UInt8(ascii: "0") < 10 {
                let (product, overflowed) = number.multipliedReportingOverflow(by: 10)
                let (sum, carried) = product.addingReportingOverflow(UInt32(bytes[position] &- UInt8(ascii: "0")))
                if overflowed || carried { return nil }
                number = sum
                position += 1
            }
            guard position > first, count < limit else { return nil }
            switch count {
            case 0: numbers.0 = number
            case 1: numbers.1 = number
            case 2: numbers.2 = number
            default: numbers.3 = number
            }
            count += 1
            guard position < end, bytes[position] == UInt8(ascii: ".") else { break }
            position += 1
        }
        return (RequirementVersion(numbers.0, numbers.1, numbers.2, numbers.3), count, position)
    }
}

extension RequirementVersion: Comparable {
    package static func < (left: RequirementVersion, right: RequirementVersion) -> Bool {
        (left.major, left.minor, left.patch, left.build) < (right.major, right.minor, right.patch, right.build)
    }
}

extension RequirementVersion: CustomStringConvertible {
    package var description: String {
        if build != 0 { return "\(major).\(minor).\(patch).\(build)" }
        return patch != 0 ? "\(major).\(minor).\(patch)" : "\(major).\(minor)"
    }
}
