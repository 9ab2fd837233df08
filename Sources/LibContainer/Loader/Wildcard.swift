// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// File name patterns: `*`, `?`, classes such as `[0-9]` and `[^a]` (or `[!a]`), and `\` before a byte that is meant as
/// it is. None of them matches a `/`; a dot at the start of a name is nothing special. As in glob(3), but by byte: `?`
/// is one byte of UTF-8.
///
/// Patterns can be an image's (ld.so.conf's `include`), so glob(3) is not asked: it takes exponential time for some.
/// A class that never ends, and a `\` at the end, match nothing.
struct Wildcard {
    private enum Token {
        case any
        case one
        case byte(UInt8)
        /// Bounds of the bytes in the class, both included.
        case oneOf([(UInt8, UInt8)], isNegated: Bool)

        func matches(_ byte: UInt8) -> Bool {
            switch self {
            case .any: false
            case .one: true
            case .byte(let expected): byte == expected
            case .oneOf(let ranges, let isNegated):
                ranges.contains { $0.0 <= byte && byte <= $0.1 } != isNegated
            }
        }
    }

    /// Nil for a malformed pattern.
    private let tokens: [Token]?

    /// Of a name, not of a path.
    init(_ pattern: ByteString) { tokens = Self.parse(pattern.bytes) }

    /// Whether the absolute `path` matches `pattern`, component by component.
    static func path(_ path: ByteString, matches pattern: ByteString) -> Bool {
        let (names, patterns) = (path.pathComponents, pattern.pathComponents)
        return names.count == patterns.count && zip(names, patterns).allSatisfy { Wildcard($1).matches($0) }
    }

    /// Whether `text` is more than a name.
    static func isPattern(_ text: ByteString) -> Bool {
        text.bytes.contains {
            $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "\\")
        }
    }

    /// Linear in the product of the lengths: on a mismatch only the last `*` takes one more byte.
    func matches(_ name: ByteString) -> Bool {
        guard let tokens else { return false }
        let name = name.bytes
        var (position, next) = (0, 0)
        var star: (position: Int, next: Int)?
        while position < name.count {
            if next < tokens.count, case .any = tokens[next] {
                next += 1
                star = (position, next)
            } else if next < tokens.count, tokens[next].matches(name[position]) {
                position += 1
                next += 1
            } else if let last = star {
                star = (last.position + 1, last.next)
                (position, next) = (last.position + 1, last.next)
            } else {
                return false
            }
        }
        return tokens[next...].allSatisfy { if case .any = $0 { true } else { false } }
    }

    private static func parse(_ pattern: [UInt8]) -> [Token]? {
        var tokens: [Token] = []
        var rest = pattern[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"): tokens.append(.any)
            case UInt8(ascii: "?"): tokens.append(.one)
            case UInt8(ascii: "["):
                guard let token = parseClass(&rest) else { return nil }
                tokens.append(token)
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { return nil }
                tokens.append(.byte(escaped))
            default: tokens.append(.byte(byte))
            }
        }
        return tokens
    }

    /// What follows a `[`, up to its `]`. A `]` that comes first is one of the bytes, as in glob(7).
    private static func parseClass(_ rest: inout ArraySlice<UInt8>) -> Token? {
        let isNegated = rest.first == UInt8(ascii: "^") || rest.first == UInt8(ascii: "!")
        if isNegated { rest.removeFirst() }
        var ranges: [(UInt8, UInt8)] = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "]"), !ranges.isEmpty { return .oneOf(ranges, isNegated: isNegated) }
            guard let low = byte == UInt8(ascii: "\\") ? rest.popFirst() : byte else { return nil }
            var high = low
            if rest.first == UInt8(ascii: "-"), let end = rest.dropFirst().first, end != UInt8(ascii: "]") {
                rest.removeFirst(2)
                guard let bound = end == UInt8(ascii: "\\") ? rest.popFirst() : end else { return nil }
                high = bound
            }
            ranges.append((low, high))
        }
        return nil
    }
}
