// SPDX-License-Identifier: Apache-2.0

internal import CYAML
internal import Linux
internal import OCISpec

/// Turns a YAML text into the JSON text that says the same, so that both formats are read by one reader.
///
/// What it takes is the part of YAML that JSON can say, and not more: no anchors and aliases (so no bomb of them), no
/// tags, no merge keys, no directives, one document. Each token stands in the line that it has in the YAML text, so that
/// a line of the one is a line of the other. Names that an object has twice are found by the reader of the result.
struct YAMLConverter {
    /// Names the text in errors.
    private let file: ByteString
    private let limits: JSONLimits
    private var json: [UInt8] = []
    /// Newlines written so far.
    private var line = 0
    /// The collections that are open, the innermost one last.
    private var open: [Collection] = []
    private var documents = 0

    private struct Collection {
        let isMapping: Bool
        /// Keys and values, or elements, so far.
        var count = 0

        var isAtKey: Bool { isMapping && count % 2 == 0 }
    }

    /// The JSON text for `yaml`. `limits.bytes` and `limits.depth` are those of the YAML text.
    static func json(from yaml: [UInt8], file: ByteString, limits: JSONLimits) throws(SpecError) -> [UInt8] {
        guard yaml.count <= limits.bytes else {
            throw SpecError(.tooLarge, in: file, "\(yaml.count) bytes; the limit is \(limits.bytes)")
        }
        var converter = YAMLConverter(file: file, limits: limits, capacity: yaml.count + yaml.count / 8)
        let failure = yaml.withUnsafeBufferPointer { text -> SpecError? in
            do throws(SpecError) {
                try converter.convert(text)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        return converter.json
    }

    private init(file: ByteString, limits: JSONLimits, capacity: Int) {
        self.file = file
        self.limits = limits
        json.reserveCapacity(capacity)
    }

    private mutating func convert(_ text: UnsafeBufferPointer<UInt8>) throws(SpecError) {
        guard var parser = YAMLParser(text) else { throw SpecError(.system, in: file, "out of memory") }
        while true {
            let event: yaml_event_t
            do throws(YAMLParser.Failure) {
                event = try parser.next()
            } catch {
                throw SpecError(.malformed, in: file, "line \(error.line): \(error.reason)")
            }
            if event.type == YAML_STREAM_END_EVENT { break }
            try take(event)
        }
        guard documents == 1 else { throw SpecError(.malformed, in: file, "the file is empty") }
    }

    private mutating func take(_ event: yaml_event_t) throws(SpecError) {
        switch event.type {
        case YAML_DOCUMENT_START_EVENT:
            documents += 1
            guard documents == 1 else { throw refusal(event, "a second document") }
            let start = event.data.document_start
            guard start.version_directive == nil, start.tag_directives.start == start.tag_directives.end else {
                throw refusal(event, "a directive")
            }
        case YAML_ALIAS_EVENT: throw refusal(event, "an alias")
        case YAML_SCALAR_EVENT: try takeScalar(event)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            try openCollection(event, isMapping: false, anchor: start.anchor, tag: start.tag)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            try openCollection(event, isMapping: true, anchor: start.anchor, tag: start.tag)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            let isMapping = open.popLast()?.isMapping ?? false
            json.append(isMapping ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        default: break  // the start of the stream, the end of the document
        }
    }

    private mutating func openCollection(
        _ event: yaml_event_t, isMapping: Bool, anchor: UnsafeMutablePointer<UInt8>?, tag: UnsafeMutablePointer<UInt8>?
    ) throws(SpecError) {
        try requireNothingExplicit(event, anchor, tag)
        if open.last?.isAtKey == true { throw refusal(event, "a key that is no scalar") }
        guard open.count < limits.depth else {
            let place = "line \(number(of: event))"
            throw SpecError(.tooLarge, in: file, "\(place): more than \(limits.depth) levels of nesting")
        }
        startToken(event)
        open.append(Collection(isMapping: isMapping))
        json.append(isMapping ? UInt8(ascii: "{") : UInt8(ascii: "["))
    }

    private mutating func takeScalar(_ event: yaml_event_t) throws(SpecError) {
        let scalar = event.data.scalar
        try requireNothingExplicit(event, scalar.anchor, scalar.tag)
        let text = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
        let meaning = scalar.style == YAML_PLAIN_SCALAR_STYLE ? PlainScalar(text) : .string
        if open.last?.isAtKey == true {
            if scalar.style == YAML_PLAIN_SCALAR_STYLE, text.elementsEqual("<<".utf8) {
                throw refusal(event, "a merge key")
            }
            if meaning == .null { throw refusal(event, "an empty key") }
            startToken(event)
            try append(text, event)
            return
        }
        startToken(event)
        switch meaning {
        case .string: try append(text, event)
        case .null: json += "null".utf8
        case .boolean(let value): json += (value ? "true" : "false").utf8
        case .integer(let isNegative, let magnitude):
            if isNegative { json.append(UInt8(ascii: "-")) }
            json += String(magnitude).utf8
        case .otherNumber:
            let start = "line \(number(of: event)): \(ByteString(text.prefix(32)))"
            throw SpecError(.malformed, in: file, "\(start) is no whole number; put it in quotes if it is text")
        }
    }

    private func requireNothingExplicit(
        _ event: yaml_event_t, _ anchor: UnsafeMutablePointer<UInt8>?, _ tag: UnsafeMutablePointer<UInt8>?
    ) throws(SpecError) {
        if anchor != nil { throw refusal(event, "an anchor") }
        if tag != nil { throw refusal(event, "a tag") }
    }

    /// Writes what stands before a key, a value or an element.
    private mutating func startToken(_ event: yaml_event_t) {
        if let last = open.indices.last {
            let isValue = open[last].isMapping && !open[last].isAtKey
            if open[last].count > 0 { json.append(isValue ? UInt8(ascii: ":") : UInt8(ascii: ",")) }
            open[last].count += 1
        }
        let wanted = Int(clamping: event.start_mark.line)
        while line < wanted {
            json.append(0x0A)
            line += 1
        }
    }

    /// Appends `text`, which libyaml has checked to be UTF-8, as a JSON string.
    private mutating func append(_ text: UnsafeBufferPointer<UInt8>, _ event: yaml_event_t) throws(SpecError) {
        json.append(UInt8(ascii: "\""))
        // Nearly all strings stand for themselves.
        if text.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            json += text
        } else {
            for byte in text {
                switch byte {
                case 0: throw SpecError(.ambiguous, in: file, "line \(number(of: event)): a NUL character")
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
                case 0x01..<0x20: json += (byte < 0x10 ? "\\u000" : "\\u00").utf8 + Array(String(byte, radix: 16).utf8)
                default: json.append(byte)
                }
            }
        }
        json.append(UInt8(ascii: "\""))
    }

    private func refusal(_ event: yaml_event_t, _ what: String) -> SpecError {
        SpecError(.malformed, in: file, "line \(number(of: event)): \(what), which is not read in a CDI file")
    }

    /// The line of an event, counted from 1.
    private func number(of event: yaml_event_t) -> Int { Int(clamping: event.start_mark.line) &+ 1 }
}
