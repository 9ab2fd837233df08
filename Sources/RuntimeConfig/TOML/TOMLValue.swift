// SPDX-License-Identifier: Apache-2.0

internal import CTOML
internal import Linux

/// A value in a `TOMLDocument`, borrowed from it: never keep one longer than the document.
struct TOMLValue {
    private let raw: ctoml_value

    init(raw: ctoml_value) { self.raw = raw }

    /// Counted from 1.
    var line: Int { Int(raw.line) }

    /// Counted from 1, in characters.
    var column: Int { Int(raw.column) }

    var isTable: Bool { raw.kind == CTOML_TABLE }

    /// "a string", "an integer": the kind in the words of an error.
    var kindDescription: String {
        switch raw.kind {
        case CTOML_TABLE: "a table"
        case CTOML_ARRAY: "an array"
        case CTOML_STRING: "a string"
        case CTOML_INTEGER: "an integer"
        case CTOML_FLOAT: "a float"
        case CTOML_BOOLEAN: "a boolean"
        case CTOML_DATE_TIME: "a date or time"
        default: "nothing"
        }
    }

    /// The value of `key`, one key and no dotted path, in a table; nil where there is none.
    func member(_ key: UnsafeBufferPointer<UInt8>) -> TOMLValue? {
        let member = key.withMemoryRebound(to: CChar.self) { ctoml_member(raw, $0.baseAddress, $0.count) }
        return member.kind == CTOML_ABSENT ? nil : TOMLValue(raw: member)
    }

    /// The keys of a table, in byte order; empty for every other kind.
    var keys: [ByteString] {
        guard isTable else { return [] }
        return (0..<ctoml_count(raw)).compactMap { index in
            var count = 0
            guard let bytes = ctoml_key(raw, index, &count) else { return nil }
            return ByteString(UnsafeRawBufferPointer(start: bytes, count: count))
        }
    }

    /// The number of elements of an array, or nil for every other kind.
    var arrayCount: Int? { raw.kind == CTOML_ARRAY ? ctoml_count(raw) : nil }

    /// The element at `index` of an array, or nil where there is none.
    func element(at index: Int) -> TOMLValue? {
        let element = ctoml_element(raw, index)
        return element.kind == CTOML_ABSENT ? nil : TOMLValue(raw: element)
    }

    /// The bytes of a string, or nil for every other kind. May hold NUL.
    var string: ByteString? {
        var count = 0
        guard let bytes = ctoml_string(raw, &count) else { return nil }
        return ByteString(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    /// The value of an integer, or nil for every other kind.
    var integer: Int64? { raw.kind == CTOML_INTEGER ? ctoml_integer(raw) : nil }

    /// The value of a boolean, or nil for every other kind.
    var boolean: Bool? { raw.kind == CTOML_BOOLEAN ? ctoml_boolean(raw) : nil }
}
