// SPDX-License-Identifier: Apache-2.0

internal import CYAML
internal import Linux

/// libyaml's event parser on a text in memory; the only place that calls libyaml.
struct YAMLParser: ~Copyable {
    /// Owned. On the heap since libyaml keeps pointers into it.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeBufferPointer<UInt8>
    private var event = yaml_event_t()

    /// What the parser stopped at.
    struct Failure: Error {
        /// Counted from 1.
        let line: Int
        let reason: String
    }

    /// Nil if there is no memory. `text` is borrowed for as long as the parser lives.
    init?(_ text: UnsafeBufferPointer<UInt8>) {
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        self.text = text
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            return nil
        }
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
        // Not left to a byte order mark: a text in UTF-16 would get past every check of bytes.
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        var event = event
        yaml_event_delete(&event)
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// The next event, whose pointers are valid until the next call.
    mutating func next() throws(Failure) -> yaml_event_t {
        yaml_event_delete(&event)
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        return event
    }

    private func failure() -> Failure {
        // Of static storage, plain ASCII.
        let problem = parser.pointee.problem.map { ByteString(cString: $0).description }
        switch parser.pointee.error {
        case YAML_MEMORY_ERROR: return Failure(line: 1, reason: "out of memory")
        case YAML_READER_ERROR:
            let newlines = text.prefix(Int(clamping: parser.pointee.problem_offset)).count { $0 == 0x0A }
            return Failure(line: newlines + 1, reason: problem ?? "not UTF-8")
        default:
            return Failure(line: Int(clamping: parser.pointee.problem_mark.line) &+ 1, reason: problem ?? "not YAML")
        }
    }
}
