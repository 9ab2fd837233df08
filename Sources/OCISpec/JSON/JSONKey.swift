// SPDX-License-Identifier: Apache-2.0

/// Comparison of member names, the way both kinds of readers do it: crun compares bytes, and Go's encoding/json, in
/// runc, also takes a name that is equal under case folding (encoding/json/fold.go). A document where that makes a
/// difference must not pass.
enum JSONKey {
    /// The name in `text[range]`, escapes decoded. The scanner has checked it: all escapes are whole, none stands for
    /// NUL or half a surrogate pair.
    static func decoded(_ text: [UInt8], _ range: Range<Int>) -> [UInt8] {
        var name: [UInt8] = []
        var position = range.lowerBound
        while position < range.upperBound {
            let byte = text[position]
            guard byte == UInt8(ascii: "\\"), position + 1 < range.upperBound else {
                name.append(byte)
                position += 1
                continue
            }
            if text[position + 1] == UInt8(ascii: "u") {
                var scalar = UInt32(hexadecimal(text, at: position + 2) ?? 0)
                if (0xD800...0xDBFF).contains(scalar), let low = hexadecimal(text, at: position + 8) {
                    scalar = 0x10000 &+ ((scalar &- 0xD800) << 10) &+ (UInt32(low) &- 0xDC00)
                    position += 6
                }
                if let scalar = Unicode.Scalar(scalar) { name += UTF8.encode(scalar).map(Array.init) ?? [] }
                position += 4
            } else {
                name.append(Self.byte(ofEscape: text[position + 1]))
            }
            position += 2
        }
        return name
    }

    /// What an escape of two characters stands for, `letter` being the second: `"`, `\` and `/` are themselves.
    static func byte(ofEscape letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: letter
        }
    }

    /// The value of four hexadecimal digits at `position`, or nil if they are not there.
    static func hexadecimal(_ text: [UInt8], at position: Int) -> UInt16? {
        guard position >= 0, position <= text.count - 4 else { return nil }
        var value: UInt16 = 0
        for byte in text[position..<(position + 4)] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte &- UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte &- UInt8(ascii: "a") &+ 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte &- UInt8(ascii: "A") &+ 10
            default: return nil
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    /// `name` with ASCII letters in lower case, and with the only two other characters that Go folds to an ASCII
    /// letter, U+017F (long s) and U+212A (Kelvin sign), as `s` and `k`. The names of the specification are ASCII, so
    /// that no other folding can turn something into one of them.
    static func folded(_ name: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(name.count)
        var rest = name[...]
        while let byte = rest.first {
            if byte < 0x80 {
                result.append(lowercase(byte))
                rest = rest.dropFirst()
            } else if rest.starts(with: [0xC5, 0xBF]) {
                result.append(UInt8(ascii: "s"))
                rest = rest.dropFirst(2)
            } else if rest.starts(with: [0xE2, 0x84, 0xAA]) {
                result.append(UInt8(ascii: "k"))
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// `byte`, in lower case if it is an ASCII letter.
    static func lowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
