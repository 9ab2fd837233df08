// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

extension SpecDocument {
    /// Whether one of `patterns`, which are ASCII, or of `configured`, which may be any bytes, may occur in a string of the
    /// JSON text `text`: a check that costs microseconds and can spare the parse. May answer true for nothing, but never
    /// false where a parser would find the pattern: an escape for a byte of one, such as `\u004e` for N or `\/`, gives true.
    package static func mayMention(
        _ patterns: [StaticString], _ configured: [ByteString] = [], in text: [UInt8]
    ) -> Bool {
        text.withUnsafeBytes { buffer in
            patterns.contains { $0.withUTF8Buffer { contains(buffer, UnsafeRawBufferPointer($0)) } }
                || configured.contains { $0.bytes.withUnsafeBytes { contains(buffer, $0) } }
        } || hidesByte(of: patterns, configured, in: text)
    }

    /// memmem(3), which glibc shows to C only with _GNU_SOURCE.
    private static func contains(_ text: UnsafeRawBufferPointer, _ pattern: UnsafeRawBufferPointer) -> Bool {
        guard let bytes = pattern.baseAddress, pattern.count > 0 else { return true }
        guard let base = text.baseAddress, text.count >= pattern.count else { return false }
        let first = CInt(pattern[0])
        // Every place where the pattern can start.
        let end = text.count - pattern.count + 1
        var offset = 0
        while offset < end, let found = memchr(base + offset, first, end - offset) {
            if memcmp(found, bytes, pattern.count) == 0 { return true }
            offset = UnsafeRawPointer(found) - base + 1
        }
        return false
    }

    /// Whether `text` has an escape for a byte of a pattern.
    private static func hidesByte(
        of patterns: [StaticString], _ configured: [ByteString], in text: [UInt8]
    ) -> Bool {
        guard var backslash = position(of: UInt8(ascii: "\\"), in: text, from: 0) else { return false }
        var occurs = [Bool](repeating: false, count: 256)
        for pattern in patterns { pattern.withUTF8Buffer { for byte in $0 { occurs[Int(byte)] = true } } }
        for pattern in configured { for byte in pattern.bytes { occurs[Int(byte)] = true } }
        // More than ASCII takes several bytes above 0x7F. Both patterns with such bytes and escapes for them are rare: any
        // escape may hide any byte.
        let isBeyondASCII = occurs[0x80...].contains(true)
        while backslash + 1 < text.count {
            let letter = text[backslash + 1]
            if letter != UInt8(ascii: "u") {
                if occurs[Int(JSONKey.byte(ofEscape: letter))] { return true }
            } else if let unit = JSONKey.hexadecimal(text, at: backslash + 2) {
                if unit < 0x80 ? occurs[Int(unit)] : isBeyondASCII { return true }
            }
            guard let next = position(of: UInt8(ascii: "\\"), in: text, from: backslash + 2) else { return false }
            backslash = next
        }
        return false
    }

    /// memchr(3).
    private static func position(of byte: UInt8, in text: [UInt8], from start: Int) -> Int? {
        text.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, start < buffer.count else { return nil }
            return memchr(base + start, CInt(byte), buffer.count - start).map { UnsafeRawPointer($0) - base }
        }
    }
}
