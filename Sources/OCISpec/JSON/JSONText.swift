// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// What the scanner and the writer both need to know of UTF-8.
enum JSONText {
    /// Whether `byte` is an ASCII decimal digit.
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Up to 64 of `bytes`, safe for a terminal.
    static func shown(_ bytes: some Sequence<UInt8>) -> String { ByteString(bytes.prefix(64)).description }

    /// How many bytes the character at `position` has, or nil if there is no valid one: Unicode 15, table 3-7, which
    /// leaves out overlong forms, surrogates and everything above U+10FFFF.
    static func sequenceLength(_ text: [UInt8], at position: Int) -> Int? {
        func isNext(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position + offset < text.count && range.contains(text[position + offset])
        }
        switch text[position] {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: return isNext(1) ? 2 : nil
        case 0xE0: return isNext(1, 0xA0...0xBF) && isNext(2) ? 3 : nil
        case 0xED: return isNext(1, 0x80...0x9F) && isNext(2) ? 3 : nil
        case 0xE1...0xEF: return isNext(1) && isNext(2) ? 3 : nil
        case 0xF0: return isNext(1, 0x90...0xBF) && isNext(2) && isNext(3) ? 4 : nil
        case 0xF1...0xF3: return isNext(1) && isNext(2) && isNext(3) ? 4 : nil
        case 0xF4: return isNext(1, 0x80...0x8F) && isNext(2) && isNext(3) ? 4 : nil
        default: return nil
        }
    }

    /// Whether `bytes` are ASCII that stands in a JSON string as it is: no control character, quote or backslash.
    static func isPlain(_ bytes: [UInt8]) -> Bool {
        for byte in bytes {
            if byte < 0x20 || byte > 0x7E || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
        }
        return true
    }

    /// Whether a JSON string can carry `bytes` and every reader gets them back: valid UTF-8 without NUL.
    static func canCarry(_ bytes: [UInt8]) -> Bool {
        var position = 0
        while position < bytes.count {
            guard bytes[position] != 0, let length = sequenceLength(bytes, at: position) else { return false }
            position += length
        }
        return true
    }
}
