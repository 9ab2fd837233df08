// SPDX-License-Identifier: Apache-2.0

/// Strings, numbers and literals.
extension JSONScanner {
    /// Moves over the member's name whose quote is at the position.
    mutating func scanKey() throws(SpecError) -> (range: Range<Int>, traits: JSONIndex.Traits) {
        let start = position
        let traits = try scanString()
        if traits.contains(.loneSurrogate) {
            position = start
            throw malformed("a member's name with half a surrogate pair")
        }
        return ((start + 1)..<(position - 1), traits.intersection(.intricateKey))
    }

    /// Moves over the string whose quote is at the position. `intricateKey` in the result is what it says if the string
    /// is a key.
    mutating func scanString() throws(SpecError) -> JSONIndex.Traits {
        let start = position
        var traits: JSONIndex.Traits = []
        position += 1
        while position < text.count {
            let byte = text[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return traits
            case UInt8(ascii: "\\"):
                traits.formUnion(try scanEscape())
            case 0x20...0x7F:
                position += 1
            case 0x80...:
                guard let length = JSONText.sequenceLength(text, at: position) else {
                    throw malformed("invalid UTF-8")
                }
                traits.insert(.intricateKey)
                position += length
            default:
                throw malformed("an unescaped control character '\(JSONText.shown([byte]))' in a string")
            }
        }
        position = start
        throw malformed("the string that starts here has no end")
    }

    private mutating func scanEscape() throws(SpecError) -> JSONIndex.Traits {
        switch position + 1 < text.count ? text[position + 1] : 0 {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
            return [.escaped, .intricateKey]
        case UInt8(ascii: "u"):
            guard let unit = JSONKey.hexadecimal(text, at: position + 2) else {
                throw malformed("'\\u' without four hexadecimal digits")
            }
            guard unit != 0 else {
                // A C string ends there, so that "/dev/nvidia0\u0000/x" would be two paths. json-c cuts names there.
                throw SpecError(.ambiguous, in: file, "\(place(position)): a NUL character (\\u0000)")
            }
            position += 6
            guard (0xD800...0xDFFF).contains(unit) else { return [.escaped, .intricateKey] }
            guard unit < 0xDC00, position + 1 < text.count, text[position] == UInt8(ascii: "\\"),
                text[position + 1] == UInt8(ascii: "u"), let low = JSONKey.hexadecimal(text, at: position + 2),
                (0xDC00...0xDFFF).contains(low)
            else { return [.escaped, .intricateKey, .loneSurrogate] }
            position += 6
            return [.escaped, .intricateKey]
        default:
            throw malformed("an escape that JSON does not have")
        }
    }

    /// Moves over the number at the position: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
    mutating func scanNumber() throws(SpecError) {
        if text[position] == UInt8(ascii: "-") { position += 1 }
        if position < text.count, text[position] == UInt8(ascii: "0") {
            position += 1
            if position < text.count, JSONText.isDigit(text[position]) {
                throw malformed("a number with a leading zero")
            }
        } else {
            try scanDigits()
        }
        if position < text.count, text[position] == UInt8(ascii: ".") {
            position += 1
            try scanDigits()
        }
        if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < text.count, text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") {
                position += 1
            }
            try scanDigits()
        }
    }

    private mutating func scanDigits() throws(SpecError) {
        let start = position
        while position < text.count, JSONText.isDigit(text[position]) { position += 1 }
        if position == start { throw unexpected("a digit") }
    }

    /// Moves over `true`, `false` or `null`, whose first letter is at the position.
    mutating func scanLiteral(_ literal: StaticString) throws(SpecError) {
        let matches = literal.withUTF8Buffer { text[position...].starts(with: $0) }
        guard matches else { throw unexpected("a value") }
        position += literal.utf8CodeUnitCount
    }
}
