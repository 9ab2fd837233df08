// SPDX-License-Identifier: Apache-2.0

internal import CTOML
internal import Linux

/// A TOML text, parsed by toml++ and freed with the value.
struct TOMLDocument: ~Copyable {
    private let handle: OpaquePointer

    /// Parses `text`, which is copied.
    init(parsing text: some Collection<UInt8>) throws(TOMLSyntaxError) {
        let bytes = ContiguousArray(text)
        if let error = TOMLBareText.firstError(in: bytes) { throw error }
        let parsed = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { ctoml_parse($0.baseAddress, $0.count) }
        }
        var line: UInt32 = 0
        var column: UInt32 = 0
        if let message = ctoml_error(parsed, &line, &column) {
            let error = TOMLSyntaxError(
                line: Int(line), column: Int(column), message: ByteString(cString: message).description)
            ctoml_free(parsed)
            throw error
        }
        handle = parsed
    }

    deinit { ctoml_free(handle) }

    /// The top-level table. Valid only as long as the document.
    var root: TOMLValue { TOMLValue(raw: ctoml_root(handle)) }
}

/// Why a text is no TOML, and where.
struct TOMLSyntaxError: Error, Equatable {
    /// Counted from 1.
    let line: Int
    /// Counted from 1, in characters.
    let column: Int
    /// toml++'s words, made printable, or ours.
    let message: String
}
