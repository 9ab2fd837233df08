// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Reads a JSON object whose values are whole numbers, strings of plain ASCII, and arrays of whole numbers: all that a
/// compat library's note has. Everything else that JSON knows is an error, so nothing nests and nothing is unbounded.
struct FlatJSONScanner {
    enum Value {
        case number(UInt32)
        case string(ByteString)
        case numbers([UInt32])
    }

    typealias Malformed = CompatibilityNote.Malformed

    /// Bytes; a note has about 130.
    private static let sizeLimit = 4096
    private static let memberLimit = 32
    private static let elementLimit = 256

    private let text: [UInt8]
    private var position = 0

    init(_ text: [UInt8]) { self.text = text }

    /// The members in their order; the text must have nothing else.
    mutating func object() throws(Malformed) -> [(key: ByteString, value: Value)] {
        guard text.count <= Self.sizeLimit else { throw Malformed(description: "\(text.count) bytes of JSON") }
        var members: [(key: ByteString, value: Value)] = []
        try expect("{")
        if !take("}") {
            repeat {
                guard members.count < Self.memberLimit else { throw malformed() }
                let key = try string()
                try expect(":")
                members.append((key, try value()))
            } while take(",")
            try expect("}")
        }
        skipBlanks()
        guard position == text.count else { throw malformed() }
        return members
    }

    private mutating func value() throws(Malformed) -> Value {
        switch next {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "["): return .numbers(try numbers())
        default: return .number(try number())
        }
    }

    private mutating func numbers() throws(Malformed) -> [UInt32] {
        try expect("[")
        var numbers: [UInt32] = []
        if take("]") { return numbers }
        repeat {
            guard numbers.count < Self.elementLimit else { throw malformed() }
            numbers.append(try number())
        } while take(",")
        try expect("]")
        return numbers
    }

    private mutating func number() throws(Malformed) -> UInt32 {
        skipBlanks()
        let digits = text[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        // JSON has no numbers such as 007.
        guard digits.count == 1 || digits.first != UInt8(ascii: "0"),
            let number: UInt32 = ByteString(digits).decimal()
        else { throw malformed() }
        position += digits.count
        return number
    }

    private mutating func string() throws(Malformed) -> ByteString {
        try expect("\"")
        let rest = text[position...]
        guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { throw malformed() }
        let content = rest[..<end]
        guard content.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }) else {
            throw malformed()
        }
        position = end + 1
        return ByteString(content)
    }

    /// The next byte that is no blank; nil at the end.
    private var next: UInt8? {
        mutating get {
            skipBlanks()
            return position < text.count ? text[position] : nil
        }
    }

    private mutating func skipBlanks() {
        while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Malformed) {
        guard take(character) else { throw malformed() }
    }

    private func malformed() -> Malformed { Malformed(description: "unexpected JSON at byte \(position)") }
}
