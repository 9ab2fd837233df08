// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A string of bytes: a path, an environment entry, a device name, anything the kernel or a user gives us.
///
/// Linux paths and environments are bytes, and Swift's `String` changes them: it repairs invalid UTF-8, takes `"/"`
/// followed by a combining accent for one `Character`, and compares by canonical equivalence. `ByteString` compares and
/// hashes byte by byte and never changes what it holds. Become a `String` only for display, through `description`.
@usableFromInline
package struct ByteString: Hashable, Sendable {
    @usableFromInline
    package var bytes: [UInt8]

    @inlinable
    package init() { bytes = [] }

    @inlinable
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    @inlinable
    package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// The UTF-8 bytes of `string`.
    package init(_ string: String) { bytes = Array(string.utf8) }

    /// Copies the NUL-terminated string at `pointer`, without the NUL. Borrows `pointer` for the call.
    package init(cString pointer: UnsafePointer<CChar>) {
        var length = 0
        while pointer[length] != 0 { length += 1 }
        let start = UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
        bytes = Array(UnsafeBufferPointer(start: start, count: length))
    }

    package var count: Int { bytes.count }

    package var isEmpty: Bool { bytes.isEmpty }

    /// Whether a C string can hold these bytes: none of them is NUL.
    package var isCString: Bool { !bytes.contains(0) }

    /// Calls `body` with the bytes followed by a NUL. The pointer is valid for the call only.
    ///
    /// Inlinable, as every system call on a path goes through it: out of line its closures and types are generic.
    @inlinable
    package func withCString<Result, Failure: Error>(
        _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // On the stack, unless it is longer than a kilobyte.
        try withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { (buffer) throws(Failure) in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
            buffer[bytes.count] = 0
            // Never nil: there is room for the NUL at least.
            return try body(UnsafePointer(buffer.baseAddress.unsafelyUnwrapped))
        }
    }
}

/// Comparisons are memcmp(3)'s: those of arrays go byte by byte.
extension ByteString {
    @inlinable
    package static func == (left: ByteString, right: ByteString) -> Bool {
        left.bytes.count == right.bytes.count && left.hasPrefix(right)
    }

    @usableFromInline
    package func hash(into hasher: inout Hasher) {
        hasher.combine(bytes.count)
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    @usableFromInline
    package func hasPrefix(_ prefix: ByteString) -> Bool {
        count >= prefix.count && Self.compare(bytes[..<prefix.count], prefix.bytes[...]) == 0
    }

    package func hasSuffix(_ suffix: ByteString) -> Bool {
        count >= suffix.count && Self.compare(bytes[(count - suffix.count)...], suffix.bytes[...]) == 0
    }

    /// memcmp(3) of as many bytes as the shorter one has.
    private static func compare(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> CInt {
        left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in
                guard let leftStart = left.baseAddress, let rightStart = right.baseAddress else { return 0 }
                return memcmp(leftStart, rightStart, min(left.count, right.count))
            }
        }
    }
}

extension ByteString: ExpressibleByStringLiteral {
    @usableFromInline
    package init(stringLiteral value: StaticString) {
        self.bytes = value.withUTF8Buffer { Array($0) }
    }
}

extension ByteString: Comparable {
    /// Byte order, as strcmp(3) in the C locale.
    @usableFromInline
    package static func < (left: ByteString, right: ByteString) -> Bool {
        let order = compare(left.bytes[...], right.bytes[...])
        return order < 0 || order == 0 && left.count < right.count
    }
}

extension ByteString: CustomStringConvertible {
    /// The bytes for a log or an error: printable ASCII as it is, everything else as `\n`, `\t`, `\r` or `\xNN`, so
    /// that hostile bytes can't move a terminal's cursor, forge a line or end one.
    @usableFromInline
    package var description: String {
        var text = ""
        text.reserveCapacity(bytes.count)
        for byte in bytes {
            switch byte {
            case 0x0A: text += "\\n"
            case 0x0D: text += "\\r"
            case 0x09: text += "\\t"
            case 0x5C: text += "\\\\"
            case 0x20...0x7E: text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                text += byte < 0x10 ? "\\x0" : "\\x"
                text += String(byte, radix: 16)
            }
        }
        return text
    }
}
