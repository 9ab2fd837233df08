// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import RuntimeCommand

/// testdata/argv/invocations.json: command lines of engines, and those where a simpler reading goes wrong.
struct InvocationCase: Decodable, Sendable, CustomTestStringConvertible {
    let arguments: [String]
    let subcommand: String?
    let starts: Bool
    let bundle: String?
    let spec: String?
    let id: String?
    let log: String?
    let format: String?
    let debug: Bool?

    var testDescription: String { arguments.joined(separator: " ") }

    static let all: [InvocationCase] = {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = repository.appending(path: "testdata/argv/invocations.json")
        guard let data = try? Data(contentsOf: file) else { return [] }
        return (try? JSONDecoder().decode([InvocationCase].self, from: data)) ?? []
    }()
}

@Suite struct InvocationTests {
    @Test func tableIsThere() {
        #expect(InvocationCase.all.count > 70)
    }

    @Test(arguments: InvocationCase.all) func reads(line: InvocationCase) {
        let invocation = Invocation(arguments: ["nvidia-runtime"] + line.arguments.map { ByteString($0) })
        #expect(invocation.subcommand == line.subcommand.map { ByteString($0) })
        #expect(invocation.startsContainer == line.starts)
        if let bundle = line.bundle { #expect(invocation.bundle == ByteString(bundle)) }
        if let spec = line.spec { #expect(invocation.specPath == ByteString(spec)) }
        #expect(invocation.containerID == line.id.map { ByteString($0) })
        #expect(invocation.logPath == line.log.map { ByteString($0) })
        #expect(invocation.logFormat == (line.format == "json" ? .json : .text))
        #expect(invocation.isDebug == (line.debug ?? false))
    }

    @Test func keepsBytes() {
        let bundle = ByteString([0x2F, 0xFF, 0x65, 0xCC, 0x81])
        let invocation = Invocation(arguments: ["x", "create", "--bundle", bundle, ByteString([0xC3])])
        #expect(invocation.bundle == bundle)
        #expect(invocation.containerID == ByteString([0xC3]))
    }

    /// Whatever the arguments are: no trap, and a container is started only by a subcommand that does that.
    @Test func survivesAnything() {
        var generator = FixedGenerator(state: 7)
        let words: [ByteString] = [
            "create", "run", "--bundle", "-b", "--", "-", "", "--log", "=", "--=", "-=x", "---", "--debug=", "-b=",
            "id",
            "--help", "list", ByteString([0xFF]),
        ]
        for _ in 0..<5_000 {
            let arguments = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                words.randomElement(using: &generator) ?? "x"
            }
            let invocation = Invocation(arguments: arguments)
            if invocation.startsContainer {
                #expect(invocation.subcommand == "create" || invocation.subcommand == "run")
                #expect(!invocation.bundle.isEmpty)
            }
        }
    }
}

/// SplitMix64: the same numbers at every run.
struct FixedGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
