// SPDX-License-Identifier: Apache-2.0

internal import Linux
internal import RuntimeConfig

/// One line of a log in a format of logrus, which containerd and docker parse.
///
/// Whatever the message and the fields hold, the line is printable ASCII and one line, so that a container's name or path
/// can't forge an entry, end one or drive a terminal; in JSON it is always valid.
struct LogLine {
    let level: LogLevel
    let message: String
    let fields: [LogField]
    let time: Timestamp

    /// Bytes of a message or of a field's value that are kept.
    private static let textLimit = 1024
    /// Elements of a list that are kept.
    private static let listLimit = 64

    /// The line, with its newline.
    func bytes(_ format: LogFormat) -> [UInt8] {
        switch format {
        case .json: json
        case .text: text
        }
    }

    /// `{"level":"info","msg":"...","time":"...","gpus":["0"]}`
    private var json: [UInt8] {
        var line = Array("{\"level\":\"".utf8)
        line.append(level.name)
        line += Array("\",\"msg\":".utf8) + LogLine.quoted(LogLine.printable(message))
        line += Array(",\"time\":\"\(time)\"".utf8)
        for field in fields {
            line += Array(",\"".utf8)
            line.append(field.name)
            line += Array("\":".utf8)
            switch field.value {
            case .string(let string): line += LogLine.quoted(LogLine.printable(string.description))
            case .integer(let integer): line += Array(String(integer).utf8)
            case .strings(let strings):
                let elements = strings.prefix(LogLine.listLimit).map {
                    LogLine.quoted(LogLine.printable($0.description))
                }
                line += [UInt8(ascii: "[")] + elements.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
            }
        }
        line += Array("}\n".utf8)
        return line
    }

    /// `time="..." level=info msg="..." gpus="0,1"`
    private var text: [UInt8] {
        var line = Array("time=\"\(time)\" level=".utf8)
        line.append(level.name)
        line += Array(" msg=".utf8) + LogLine.quoted(LogLine.printable(message))
        for field in fields {
            line.append(UInt8(ascii: " "))
            line.append(field.name)
            line.append(UInt8(ascii: "="))
            switch field.value {
            case .string(let string): line += LogLine.quoted(LogLine.printable(string.description))
            case .integer(let integer): line += Array(String(integer).utf8)
            case .strings(let strings):
                let list = strings.prefix(LogLine.listLimit).map(\.description).joined(separator: ",")
                line += LogLine.quoted(LogLine.printable(list))
            }
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// `text` as printable ASCII, everything else as `\n` or `\xNN`, and at most 1 KiB of it, with `...` where it was
    /// cut. A backslash stays one: texts are made of descriptions that are escaped already.
    static func printable(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if bytes.count >= textLimit { return bytes + Array("...".utf8) }
            if (0x20...0x7E).contains(byte) {
                bytes.append(byte)
            } else {
                bytes += Array(ByteString([byte]).description.utf8)
            }
        }
        return bytes
    }

    /// Printable ASCII as a JSON string, which is a Go string too.
    private static func quoted(_ printable: [UInt8]) -> [UInt8] {
        var bytes = [UInt8(ascii: "\"")]
        for byte in printable {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }
}
