// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// One pass over a JSON text that makes its index and refuses whatever runc, crun or json-c could read differently.
///
/// The grammar is RFC 8259's and nothing else: json-c takes NaN, control characters, NUL in names and `1.` even with
/// JSON_TOKENER_STRICT, and runc takes bytes behind the document and invalid UTF-8. The pass does not recurse, so that
/// deep input can't exhaust the stack.
struct JSONScanner {
    /// What is read.
    let text: [UInt8]
    /// Names the text in errors.
    let file: ByteString
    /// Checked while reading, so that no more memory is used.
    let limits: JSONLimits
    /// Whether a place in an error has its column.
    let showsColumns: Bool
    /// The next byte.
    var position = 0
    /// Of what was read so far.
    var index = JSONIndex()

    private enum State {
        /// A value must come.
        case value
        /// The first element of an array, or its end.
        case firstElement
        /// A member's name must come.
        case key
        /// The first member's name of an object, or its end.
        case firstKey
        /// A comma, or the end of the container.
        case separator
    }

    /// The containers that are open, the innermost one last.
    private var open: [Int] = []
    private var state = State.value
    private var pendingKey: (range: Range<Int>, traits: JSONIndex.Traits) = (0..<0, [])

    /// The index of `text`, the whole of which must be one JSON value. `file` names the text in errors.
    static func scan(
        _ text: [UInt8], file: ByteString, limits: JSONLimits, showsColumns: Bool = true
    ) throws(SpecError) -> JSONIndex {
        guard text.count <= limits.bytes else {
            throw SpecError(.tooLarge, in: file, "\(text.count) bytes; the limit is \(limits.bytes)")
        }
        var scanner = JSONScanner(text: text, file: file, limits: limits, showsColumns: showsColumns)
        try scanner.run()
        return scanner.index
    }

    private init(text: [UInt8], file: ByteString, limits: JSONLimits, showsColumns: Bool) {
        self.text = text
        self.file = file
        self.limits = limits
        self.showsColumns = showsColumns
        // In real specs a value has about 14 bytes of text.
        index.nodes.reserveCapacity(min(text.count / 12 + 1, limits.values))
    }

    private mutating func run() throws(SpecError) {
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { throw malformed("a byte order mark is not JSON") }
        repeat { try step() } while !open.isEmpty
        skipSpace()
        if position < text.count { throw malformed("\(describeByte()) behind the end of the document") }
    }

    /// Reads one name, one value or the start of one, or one separator or end.
    private mutating func step() throws(SpecError) {
        skipSpace()
        guard position < text.count else { throw malformed("the document ends too early") }
        let byte = text[position]
        switch state {
        case .firstElement where byte == UInt8(ascii: "]"), .firstKey where byte == UInt8(ascii: "}"):
            try close()
        case .value, .firstElement:
            try scanValue(byte)
        case .key, .firstKey:
            guard byte == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
            pendingKey = try scanKey()
            skipSpace()
            guard position < text.count, text[position] == UInt8(ascii: ":") else { throw unexpected("':'") }
            position += 1
            state = .value
        case .separator:
            let isObject = open.last.map { index.nodes[$0].kind == .object } ?? false
            if byte == UInt8(ascii: ",") {
                position += 1
                state = isObject ? .key : .value
            } else if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                try close()
            } else {
                throw unexpected(isObject ? "',' or '}'" : "',' or ']'")
            }
        }
    }

    private mutating func scanValue(_ byte: UInt8) throws(SpecError) {
        let start = position
        switch byte {
        case UInt8(ascii: "{"): try openContainer(.object)
        case UInt8(ascii: "["): try openContainer(.array)
        case UInt8(ascii: "\""):
            let traits = try scanString()
            try append(.string, from: start, traits: traits.subtracting(.intricateKey))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try scanNumber()
            try append(.number, from: start)
        case UInt8(ascii: "t"):
            try scanLiteral("true")
            try append(.boolean, from: start)
        case UInt8(ascii: "f"):
            try scanLiteral("false")
            try append(.boolean, from: start)
        case UInt8(ascii: "n"):
            try scanLiteral("null")
            try append(.null, from: start)
        default: throw unexpected("a value")
        }
    }

    private mutating func openContainer(_ kind: JSONIndex.Kind) throws(SpecError) {
        guard open.count < limits.depth else {
            throw SpecError(.tooLarge, in: file, "\(place(position)): more than \(limits.depth) levels of nesting")
        }
        let start = position
        position += 1
        let number = index.nodes.count
        try append(kind, from: start)
        open.append(number)
        state = kind == .object ? .firstKey : .firstElement
    }

    private mutating func close() throws(SpecError) {
        position += 1
        state = .separator
        guard let number = open.popLast() else { return }
        index.nodes[number].end = UInt32(truncatingIfNeeded: position)
        index.nodes[number].next = UInt32(truncatingIfNeeded: index.nodes.count)
        if index.nodes[number].kind == .object { try checkNames(of: number) }
    }

    private mutating func append(
        _ kind: JSONIndex.Kind, from start: Int, traits: JSONIndex.Traits = []
    ) throws(SpecError) {
        guard index.nodes.count < limits.values else {
            throw SpecError(.tooLarge, in: file, "\(place(start)): more than \(limits.values) values")
        }
        // The limits keep every position and number below 2^32.
        index.nodes.append(
            JSONIndex.Node(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: position),
                keyStart: UInt32(truncatingIfNeeded: pendingKey.range.lowerBound),
                keyEnd: UInt32(truncatingIfNeeded: pendingKey.range.upperBound),
                next: UInt32(truncatingIfNeeded: index.nodes.count &+ 1), kind: kind,
                traits: traits.union(pendingKey.traits)))
        pendingKey = (0..<0, [])
        state = .separator
    }

    private mutating func skipSpace() {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }
}

/// Errors.
extension JSONScanner {
    /// `reason` at the position.
    func malformed(_ reason: String) -> SpecError {
        SpecError(.malformed, in: file, "\(place(position)): \(reason)")
    }

    /// The byte at the position, or the end, is not what must be there.
    func unexpected(_ wanted: String) -> SpecError {
        guard position < text.count else { return malformed("the document ends too early") }
        return malformed("\(describeByte()) where \(wanted) must be")
    }

    /// The byte at the position in words, safe for a terminal.
    private func describeByte() -> String { "'\(ByteString(text[position..<(position + 1)]))'" }

    /// "line 3, column 14", both counted from 1, the column in bytes.
    func place(_ offset: Int) -> String {
        let before = text.prefix(offset)
        let line = before.count(where: { $0 == 0x0A }) + 1
        guard showsColumns else { return "line \(line)" }
        let column = offset - (before.lastIndex(of: 0x0A) ?? -1)
        return "line \(line), column \(column)"
    }
}
