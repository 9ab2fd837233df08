// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension SpecDocument {
    /// Whether one of `patterns` (ASCII) may occur in a string of the JSON text `text`: a check that costs microseconds
    /// and can spare the parse. May answer true for nothing, but never false where a parser would find the pattern: an
    /// escape for one of the patterns' bytes, such as `\u004e` for N or `\/`, gives true.
    package static func mayMention(_ patterns: [StaticString], in text: [UInt8]) -> Bool {
        text.withUnsafeBytes { buffer in
            patterns.contains { contains(buffer, $0) } || hidesByte(of: patterns, in: buffer)
        }
    }

    /// memmem(3), which glibc shows to C only with _GNU_SOURCE.
    private static func contains(_ text: UnsafeRawBufferPointer, _ pattern: StaticString) -> Bool {
        let length = pattern.utf8CodeUnitCount
        guard length > 0 else { return true }
        guard let base = text.baseAddress, text.count >= length else { return false }
        let first = CInt(pattern.utf8Start.pointee)
        // Every place where the pattern can start.
        let end = text.count - length + 1
        var offset = 0
        while offset < end, let found = memchr(base + offset, first, end - offset) {
            if memcmp(found, pattern.utf8Start, length) == 0 { return true }
            offset = UnsafeRawPointer(found) - base + 1
        }
        return false
    }

    private static func hidesByte(of patterns: [StaticString], in text: UnsafeRawBufferPointer) -> Bool {
        guard let base = text.baseAddress else { return false }
        func occurs(_ byte: UInt8) -> Bool {
            patterns.contains { $0.withUTF8Buffer { $0.contains(byte) } }
        }
        var offset = 0
        while offset < text.count, let found = memchr(base + offset, CInt(UInt8(ascii: "\\")), text.count - offset) {
            let backslash = UnsafeRawPointer(found) - base
            let escape = text[backslash...].dropFirst().prefix(5)
            switch escape.first {
            case UInt8(ascii: "u"):
                // Only \u0000 to \u007f can be a byte of a pattern.
                if let unit = JSONKey.hexadecimal(Array(escape), at: 1), let byte = UInt8(exactly: unit), byte < 0x80,
                    occurs(byte)
                {
                    return true
                }
            case UInt8(ascii: "/"): if occurs(UInt8(ascii: "/")) { return true }
            default: break
            }
            offset = backslash + 2
        }
        return false
    }
}
