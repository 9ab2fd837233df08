// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The patterns of ld.so.conf's `include` as far as they are in use: `*` and `?`, neither of which matches a `/`.
///
/// The pattern is an image's, so glob(3) is not asked: it takes exponential time for some. A pattern with `[` or `\`
/// matches nothing.
enum Wildcard {
    /// Whether the absolute `path` matches `pattern`, component by component.
    static func path(_ path: ByteString, matches pattern: ByteString) -> Bool {
        let (names, patterns) = (path.pathComponents, pattern.pathComponents)
        return names.count == patterns.count
            && zip(names, patterns).allSatisfy { name($0.bytes, matches: $1.bytes) }
    }

    /// Linear in the product of the lengths: on a mismatch only the last `*` takes one more byte.
    private static func name(_ name: [UInt8], matches pattern: [UInt8]) -> Bool {
        if pattern.contains(UInt8(ascii: "[")) || pattern.contains(UInt8(ascii: "\\")) { return false }
        var (position, next) = (0, 0)
        var star: (position: Int, next: Int)?
        while position < name.count {
            if next < pattern.count, pattern[next] == UInt8(ascii: "*") {
                next += 1
                star = (position, next)
            } else if next < pattern.count, pattern[next] == UInt8(ascii: "?") || pattern[next] == name[position] {
                position += 1
                next += 1
            } else if let last = star {
                star = (last.position + 1, last.next)
                (position, next) = (last.position + 1, last.next)
            } else {
                return false
            }
        }
        return pattern[next...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
