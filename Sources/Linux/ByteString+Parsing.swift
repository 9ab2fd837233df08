// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension ByteString {
    package static func + (left: ByteString, right: ByteString) -> ByteString {
        ByteString(left.bytes + right.bytes)
    }

    package static func += (left: inout ByteString, right: ByteString) {
        left.bytes += right.bytes
    }

    /// The rest after `prefix`, or nil where the string does not start with it.
    package func droppingPrefix(_ prefix: ByteString) -> ByteString? {
        hasPrefix(prefix) ? ByteString(bytes[prefix.count...]) : nil
    }

    /// The parts between occurrences of `separator`; empty parts are kept, as in `"a,,b"`.
    package func split(separator: UInt8) -> [ByteString] {
        // By hand: the generic split builds types at run time, which a start of the shim would feel.
        var parts: [ByteString] = []
        var start = 0
        for index in bytes.indices where bytes[index] == separator {
            parts.append(ByteString(bytes[start..<index]))
            start = index + 1
        }
        parts.append(ByteString(bytes[start...]))
        return parts
    }

    /// The lines, without their `\n` and without one `\r` before it. A last line without `\n` counts.
    package var lines: [ByteString] {
        var lines = split(separator: UInt8(ascii: "\n"))
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { $0.bytes.last == UInt8(ascii: "\r") ? ByteString($0.bytes.dropLast()) : $0 }
    }

    /// Without spaces and tabs at both ends.
    package var trimmed: ByteString {
        let blank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        guard let first = bytes.firstIndex(where: { !blank($0) }), let last = bytes.lastIndex(where: { !blank($0) })
        else { return ByteString() }
        return ByteString(bytes[first...last])
    }

    /// The elements of a list such as `compute, utility`: what is between commas, without blanks around it and without
    /// empty ones.
    package var commaSeparatedElements: [ByteString] {
        split(separator: UInt8(ascii: ",")).map(\.trimmed).filter { !$0.isEmpty }
    }

    /// The value of a string of ASCII decimal digits only (no sign, no blanks), or nil if it is none or too large.
    @inlinable
    package func decimal<Integer: FixedWidthInteger>(as type: Integer.Type = Integer.self) -> Integer? {
        guard !bytes.isEmpty else { return nil }
        var value: Integer = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(Integer(byte - UInt8(ascii: "0")))
            guard !overflowed, !carried else { return nil }
            value = sum
        }
        return value
    }

    /// The first position of `pattern`, or nil where there is none or `pattern` is empty.
    package func range(of pattern: ByteString) -> Range<Int>? {
        bytes.withUnsafeBytes { text in
            pattern.bytes.withUnsafeBytes { pattern in
                guard let start = text.baseAddress, let first = pattern.first, let bytes = pattern.baseAddress,
                    pattern.count <= text.count
                else { return nil }
                // Every place where it can start: memmem(3), which glibc shows with _GNU_SOURCE only.
                let end = text.count - pattern.count + 1
                var offset = 0
                while offset < end, let found = memchr(start + offset, CInt(first), end - offset) {
                    offset = UnsafeRawPointer(found) - start
                    if memcmp(found, bytes, pattern.count) == 0 { return offset..<(offset + pattern.count) }
                    offset += 1
                }
                return nil
            }
        }
    }
}

/// Paths.
extension ByteString {
    package var isAbsolutePath: Bool { bytes.first == UInt8(ascii: "/") }

    /// Whether it is absolute, without `.`, `..`, empty components and a slash at the end, but for the root's. One with a
    /// name that starts with a dot may be taken for one that is not.
    package var isPlainAbsolutePath: Bool {
        guard isAbsolutePath, count == 1 || bytes.last != UInt8(ascii: "/") else { return false }
        var followsSlash = false
        for byte in bytes {
            if followsSlash, byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return false }
            followsSlash = byte == UInt8(ascii: "/")
        }
        return true
    }

    /// Everything after the last `/`; the whole string where there is none.
    package var lastPathComponent: ByteString {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return self }
        return ByteString(bytes[(slash + 1)...])
    }

    /// Everything before the last `/`; `/` for an entry of the root, `.` where there is no `/`.
    package var parentPath: ByteString {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == 0 ? "/" : ByteString(bytes[..<slash])
    }

    /// The components, without empty ones and `.`.
    package var pathComponents: [ByteString] {
        split(separator: UInt8(ascii: "/")).filter { !$0.isEmpty && $0 != "." }
    }

    /// Whether one of the components is `..`.
    package var hasParentComponent: Bool {
        // Hardly any path has two dots, and taking one apart takes a block of memory for each component.
        range(of: "..") != nil && pathComponents.contains("..")
    }

    /// `self` and `component` with exactly one `/` between them.
    package func appending(component: ByteString) -> ByteString {
        let slash = UInt8(ascii: "/")
        let head = bytes[..<((bytes.lastIndex { $0 != slash } ?? -1) + 1)]
        let tail = component.bytes.drop { $0 == slash }
        var joined: [UInt8] = []
        joined.reserveCapacity(head.count + 1 + tail.count)
        joined += head
        joined.append(slash)
        joined += tail
        return ByteString(joined)
    }
}
