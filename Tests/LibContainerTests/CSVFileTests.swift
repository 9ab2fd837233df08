// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite struct CSVFileTests {
    struct Line: Decodable {
        let line: String
        /// Kind and path; nil for a line that is skipped, empty for one that says nothing.
        let entry: String?
    }

    @Test func lines() throws {
        for line in try jsonFixture("tegra/lines.json", as: [Line].self) {
            let file = CSVFile(parsing: Array(line.line.utf8))
            let entries = file.entries.map { "\($0.kind) \(String(decoding: $0.path.bytes, as: UTF8.self))" }
            #expect(entries == (line.entry.map { $0.isEmpty ? [] : [$0] } ?? []), "\(line)")
            #expect(file.skippedLines == (line.entry == nil ? 1 : 0), "\(line)")
        }
    }

    @Test func whatABoardLists() throws {
        let devices = try CSVFile(parsing: ScratchRoot.testData("tegra/orin/devices.csv"))
        #expect(devices.entries.count == 40)
        #expect(devices.skippedLines == 0)
        #expect(devices.entries.filter { $0.kind == .device }.count == 39)
        #expect(devices.entries.last == .init(kind: .directory, path: "/dev/dri/by-path"))
    }

    @Test func linesThatAreNoUTF8OrTooLong() {
        let long = Array("lib, /".utf8) + [UInt8](repeating: UInt8(ascii: "a"), count: 5000)
        let blanks = Array("lib,".utf8) + [UInt8](repeating: 0x20, count: CSVFile.lineLimit) + Array("/a".utf8)
        let fitting = Array("lib,".utf8) + [UInt8](repeating: 0x20, count: 60_000) + Array("/a".utf8)
        let bytes = [Array("lib, /a".utf8) + [0xFF], long, blanks, fitting, Array("dir, /b".utf8)]
        let file = CSVFile(parsing: Array(bytes.joined(separator: [0x0A])))
        #expect(file.entries.map(\.path) == ["/a", "/b"])
        #expect(file.skippedLines == 3)
    }

    @Test func aMillionLines() {
        var bytes = Array("dev,/dev/a\n".utf8)
        for _ in 0..<20 { bytes += bytes }
        let file = CSVFile(parsing: bytes)
        #expect(file.entries.count == CSVFile.entryLimit)
        #expect(file.skippedLines == (1 << 20) - CSVFile.entryLimit)
    }

    @Test func binary() {
        var generator = FixedGenerator(state: 7)
        for length in [0, 1, 2, 100, 100_000] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(CSVFile(parsing: bytes).entries.isEmpty)
        }
    }

    /// Whatever the lines, an entry can't lead out, and what the parser made of them is read the same again.
    @Test func entriesAreWhatTheySay() {
        var generator = FixedGenerator(state: 2026)
        let pieces = [
            "dev", "dir", "lib", "sym", ",", ",", " ", "\t", "/", "/", "..", ".", "a", "\n", "\r\n", "#", "\u{7F}", "*",
            "dev/", "\0", "é", "x,", "dev, /dev/", "lib, /", "dir,/a/", "sym ,/", "\n",
        ]
        var taken = 0
        for _ in 0..<4000 {
            let text = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }
            let file = CSVFile(parsing: Array(text.joined().utf8))
            taken += file.entries.count
            var written: [String] = []
            for entry in file.entries {
                #expect(entry.path.isAbsolutePath && entry.path.count > 1)
                #expect(!entry.path.pathComponents.contains("..") && entry.path.isPrintableUTF8)
                #expect(entry.kind != .device || entry.path.hasPrefix("/dev/"))
                let word = [CSVFile.Kind.device: "dev", .directory: "dir", .library: "lib", .symbolicLink: "sym"]
                written.append((word[entry.kind] ?? "") + "," + String(decoding: entry.path.bytes, as: UTF8.self) + "/")
            }
            let again = CSVFile(parsing: Array(written.joined(separator: "\n").utf8))
            #expect(again.entries == file.entries)
            #expect(again.skippedLines == 0)
        }
        #expect(taken > 50)
    }
}
