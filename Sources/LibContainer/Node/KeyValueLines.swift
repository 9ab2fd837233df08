// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The lines of `Key: value` that the kernel module's files are made of, read in place: there are a dozen of them for
/// each GPU, of which three matter.
struct KeyValueLines {
    private let bytes: [UInt8]

    init(_ text: ByteString) { bytes = text.bytes }

    /// Calls `body` with every key and its value, both without blanks and a carriage return at their ends, in the file's
    /// order. Lines without a colon are passed over.
    func forEach(_ body: (_ key: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void) {
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            let line = bytes[start..<end]
            if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
                body(Self.trimmed(line[..<colon]), Self.trimmed(line[(colon + 1)...]))
            }
            start = end + 1
        }
    }

    private static func trimmed(_ slice: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var slice = slice
        while let first = slice.first, isBlank(first) { slice.removeFirst() }
        while let last = slice.last, isBlank(last) { slice.removeLast() }
        return slice
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
}

extension ArraySlice<UInt8> {
    /// Whether the slice holds the bytes of `text`; compares without a copy.
    func isEqual(to text: StaticString) -> Bool {
        text.withUTF8Buffer { count == $0.count && elementsEqual($0) }
    }
}
