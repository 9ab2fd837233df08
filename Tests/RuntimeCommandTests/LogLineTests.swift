// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import RuntimeConfig
import Testing

@testable import RuntimeCommand

@Suite struct LogLineTests {
    private static let hostile: [ByteString] = [
        "plain", "two\nlines", "\r\u{1B}[2J\u{7}", "quote \" and \\ backslash", "right to left \u{202E}", "%s%n%@",
        ByteString([0xFF, 0x00, 0x80, 0x9B]), ByteString(repeatElement(0x0A, count: 100_000)), ByteString(),
    ]

    private func line(_ message: String, _ fields: [LogField] = [], _ format: LogFormat) -> [UInt8] {
        LogLine(level: .info, message: message, fields: fields, time: Timestamp(seconds: 1_795_252_620)).bytes(format)
    }

    @Test func matchesLogrus() {
        let fields = [
            LogField("container", .string("c1")), LogField("gpus", .strings(["0", "1"])),
            LogField("nodes", .integer(7)),
        ]
        #expect(
            String(decoding: line("gpu container", fields, .json), as: UTF8.self)
                == #"{"level":"info","msg":"gpu container","time":"2026-11-21T09:17:00Z","container":"c1","#
                + #""gpus":["0","1"],"nodes":7}"# + "\n")
        #expect(
            String(decoding: line("gpu container", fields, .text), as: UTF8.self)
                == #"time="2026-11-21T09:17:00Z" level=info msg="gpu container" container="c1" gpus="0,1" nodes=7"#
                + "\n")
    }

    /// G-01, G-03: one printable line, and JSON where it says so.
    @Test(arguments: hostile.indices) func staysOneLine(index: Int) throws {
        let text = LogLineTests.hostile[index]
        let fields = [LogField("id", .string(text)), LogField("list", .strings([text, text]))]
        for message in [text.description, String(decoding: text.bytes, as: UTF8.self)] {
            for format in [LogFormat.json, .text] {
                let bytes = line(message, fields, format)
                #expect(bytes.last == 0x0A)
                #expect(bytes.dropLast().allSatisfy { (0x20...0x7E).contains($0) })
                #expect(bytes.count < 10_000)
            }
            let object = try JSONSerialization.jsonObject(with: Data(line(message, fields, .json))) as? [String: Any]
            #expect(object?["level"] as? String == "info")
            #expect(object?["msg"] is String)
            #expect((object?["list"] as? [String])?.count == 2)
        }
    }

    @Test func truncates() {
        let printable = LogLine.printable(String(repeating: "x", count: 5000))
        #expect(printable.count == 1027)
        #expect(printable.suffix(4).elementsEqual("x...".utf8))
        #expect(LogLine.printable(String(repeating: "x", count: 1024)).count == 1024)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (1_795_252_620, "2026-11-21T09:17:00Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
    ]) func timestamps(seconds: Int, text: String) {
        #expect(Timestamp(seconds: seconds).description == text)
    }

    @Test func timestampsAgreeWithFoundation() {
        var generator = FixedGenerator(state: 1)
        for _ in 0..<2_000 {
            let seconds = Int.random(in: 0...8_000_000_000, using: &generator)
            let expected = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
            #expect(Timestamp(seconds: seconds).description == expected)
        }
    }
}
