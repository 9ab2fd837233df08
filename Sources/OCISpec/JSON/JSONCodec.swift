// SPDX-License-Identifier: Apache-2.0

internal import CJSONC
internal import Glibc
internal import Linux

/// json-c, and the only place that calls it: it decodes slices of a document that `JSONScanner` has accepted, and
/// renders what we add.
///
/// The scanner comes first because json-c alone reads too much (NaN, raw control characters) and too little (names cut
/// at NUL). Its getters convert between types and saturate without a word, so the type is checked before each of them.
struct JSONCodec: ~Copyable {
    /// Why a slice could not be decoded.
    enum Failure: Error {
        /// Of another type than asked for. Also what a slice that json-c refuses would be.
        case wrongType
        /// An integer beyond 64 bits.
        case outOfRange
    }

    /// Owned; reused for each slice.
    private let tokener: UnsafeMutablePointer<json_tokener>

    /// Nesting inside the slices that we decode: an array of one number, and a margin.
    private static let depth: CInt = 4

    /// Makes json-c's parser. `file` is for the error if there is no memory.
    init(file: ByteString) throws(SpecError) {
        guard let tokener = json_tokener_new_ex(Self.depth) else {
            throw SpecError(.system, in: file, "out of memory")
        }
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8)
        self.tokener = tokener
    }

    deinit { json_tokener_free(tokener) }

    /// The value of the string in `slice`, quotes included.
    func string(_ slice: ArraySlice<UInt8>) throws(Failure) -> ByteString {
        let object = try parse(slice)
        defer { json_object_put(object) }
        guard json_object_is_type(object, json_type_string) != 0, let start = json_object_get_string(object),
            let count = Int(exactly: json_object_get_string_len(object)), count >= 0
        else { throw .wrongType }
        return ByteString(Array(UnsafeRawBufferPointer(start: start, count: count)))
    }

    /// The value of the number in `slice`, which must be a whole one, written without fraction and exponent as Go wants
    /// it, and fit `Integer`.
    func integer<Integer: FixedWidthInteger>(_ slice: ArraySlice<UInt8>) throws(Failure) -> Integer {
        // json-c waits for more after a number that is the whole text; brackets end it.
        let object = try parse([UInt8(ascii: "[")] + slice + [UInt8(ascii: "]")])
        defer { json_object_put(object) }
        let number = json_object_array_get_idx(object, 0)
        guard json_object_is_type(number, json_type_int) != 0 else { throw .wrongType }
        let value: Integer? =
            if slice.first == UInt8(ascii: "-") {
                // Go refuses "-0" for an unsigned type.
                Integer.isSigned ? Integer(exactly: json_object_get_int64(number)) : nil
            } else {
                Integer(exactly: json_object_get_uint64(number))
            }
        guard let value else { throw .outOfRange }
        return value
    }

    /// Parses `slice` with json-c. The caller owns the result and releases it.
    private func parse(_ slice: ArraySlice<UInt8>) throws(Failure) -> OpaquePointer {
        guard let length = CInt(exactly: slice.count) else { throw .outOfRange }
        json_tokener_reset(tokener)
        errno = 0
        let object = slice.withUnsafeBytes { json_tokener_parse_ex(tokener, $0.baseAddress, length) }
        let code = errno
        guard let object else { throw .wrongType }
        // json-c saturates an integer that is too large, and only errno tells.
        guard json_tokener_get_error(tokener) == json_tokener_success, code != ERANGE else {
            json_object_put(object)
            throw code == ERANGE ? .outOfRange : .wrongType
        }
        return object
    }
}

/// Rendering.
extension JSONCodec {
    /// Appends `string` with quotes and escapes to `text`. `file` is for the error where JSON can't carry it.
    ///
    /// Slashes stay as they are: consumers of what crun wrote as `\/` broke once (crun NEWS, 1.29).
    static func append(_ string: ByteString, to text: inout [UInt8], file: ByteString) throws(SpecError) {
        guard JSONText.canCarry(string.bytes), let length = CInt(exactly: string.count) else {
            throw SpecError(.outOfRange, in: file, "\"\(string)\" is not UTF-8 without NUL; JSON can't carry it")
        }
        let object = string.bytes.withUnsafeBytes {
            json_object_new_string_len($0.baseAddress?.assumingMemoryBound(to: CChar.self), length)
        }
        guard let object else { throw SpecError(.system, in: file, "out of memory") }
        defer { json_object_put(object) }
        var rendered = 0
        let flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE
        // Belongs to `object`.
        guard let start = json_object_to_json_string_length(object, flags, &rendered) else {
            throw SpecError(.system, in: file, "out of memory")
        }
        text += UnsafeRawBufferPointer(start: start, count: rendered)
    }
}
