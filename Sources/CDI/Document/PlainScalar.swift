// SPDX-License-Identifier: Apache-2.0

/// What a YAML scalar without quotes stands for.
///
/// The rules are go-yaml v2's (resolve.go), YAML 1.1 with its octal numbers and its eleven spellings of a boolean: every
/// engine reads CDI files with it, through sigs.k8s.io/yaml, and a device must have the same name for all of them.
enum PlainScalar: Equatable {
    /// Its own text.
    case string
    case null
    case boolean(Bool)
    case integer(isNegative: Bool, magnitude: UInt64)
    /// A fraction, an infinity, not-a-number, or an integer beyond 64 bits. No field of CDI has such a value, and what
    /// it is as a string depends on the reader.
    case otherNumber

    init(_ text: UnsafeBufferPointer<UInt8>) {
        guard let first = text.first else {
            self = .null
            return
        }
        switch first {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"):
            self = Self.number(text)
        case UInt8(ascii: "~") where text.count == 1: self = .null
        case UInt8(ascii: "y"), UInt8(ascii: "Y"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "t"),
            UInt8(ascii: "T"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "o"), UInt8(ascii: "O"):
            self = Self.word(text)
        default: self = .string
        }
    }

    private static func word(_ text: UnsafeBufferPointer<UInt8>) -> PlainScalar {
        // "false" is the longest.
        guard text.count <= 5 else { return .string }
        func isOne(of words: [StaticString]) -> Bool {
            words.contains { $0.withUTF8Buffer { $0.elementsEqual(text) } }
        }
        if isOne(of: ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]) {
            return .boolean(true)
        }
        if isOne(of: ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]) {
            return .boolean(false)
        }
        return isOne(of: ["null", "Null", "NULL"]) ? .null : .string
    }

    /// Go's strconv.ParseInt with base 0 after all underscores are gone, then go-yaml's pattern for a float.
    private static func number(_ text: UnsafeBufferPointer<UInt8>) -> PlainScalar {
        var digits = text.filter { $0 != UInt8(ascii: "_") }[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        if isInfinityOrNaN(digits) { return .otherNumber }
        let (base, body) = splitBase(digits)
        switch magnitude(of: body, base: base) {
        case .value(let magnitude):
            return isNegative && magnitude > UInt64(1) << 63
                ? .otherNumber : .integer(isNegative: isNegative && magnitude != 0, magnitude: magnitude)
        case .overflow: return .otherNumber
        case .none: return isFloat(digits) ? .otherNumber : .string
        }
    }

    private static func splitBase(_ digits: ArraySlice<UInt8>) -> (base: UInt64, body: ArraySlice<UInt8>) {
        guard digits.first == UInt8(ascii: "0"), digits.count > 1 else { return (10, digits) }
        switch digits[digits.startIndex + 1] | 0x20 {
        case UInt8(ascii: "x"): return (16, digits.dropFirst(2))
        case UInt8(ascii: "b"): return (2, digits.dropFirst(2))
        case UInt8(ascii: "o"): return (8, digits.dropFirst(2))
        default: return (8, digits.dropFirst())
        }
    }

    private enum Magnitude {
        case none
        case overflow
        case value(UInt64)
    }

    private static func magnitude(of digits: ArraySlice<UInt8>, base: UInt64) -> Magnitude {
        guard !digits.isEmpty else { return .none }
        var value: UInt64 = 0
        var hasOverflowed = false
        for byte in digits {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte &- UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte &- UInt8(ascii: "a") &+ 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte &- UInt8(ascii: "A") &+ 10
            default: return .none
            }
            guard UInt64(digit) < base else { return .none }
            let (product, overflowed) = value.multipliedReportingOverflow(by: base)
            let (sum, carried) = product.addingReportingOverflow(UInt64(digit))
            hasOverflowed = hasOverflowed || overflowed || carried
            value = sum
        }
        return hasOverflowed ? .overflow : .value(value)
    }

    private static func isInfinityOrNaN(_ text: ArraySlice<UInt8>) -> Bool {
        let words: [StaticString] = [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"]
        return text.count == 4 && words.contains { $0.withUTF8Buffer { $0.elementsEqual(text) } }
    }

    /// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
    private static func isFloat(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        func takeDigits() -> Int {
            let count = rest.prefix(while: CDICharacter.isDigit).count
            rest = rest.dropFirst(count)
            return count
        }
        var digits = takeDigits()
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            digits += takeDigits()
        }
        guard digits > 0 else { return false }
        if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard takeDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
