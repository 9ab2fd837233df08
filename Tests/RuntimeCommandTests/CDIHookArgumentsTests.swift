// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import RuntimeCommand

@Suite struct CDIHookArgumentsTests {
    private func read(_ words: String, as name: ByteString = "nvidia-cdi-hook") -> CDIHookArguments? {
        CDIHookArguments([name] + ByteString(words).split(separator: UInt8(ascii: " ")).filter { !$0.isEmpty })
    }

    /// What the program does with a line, by its name.
    @Test(
        arguments: [
            ("", .unsupported(nil)), ("--debug", .unsupported(nil)), ("--", .unsupported(nil)),
            ("-", .unsupported("-")),
            ("later --flag", .unsupported("later")), ("-- noop", .run(.noop)), ("noop", .run(.noop)),
            ("-d=false --quiet chmod", .run(.chmod)), ("chmod -d -q", .run(.chmod)), ("--help", .help), ("h", .help),
            ("chmod --help --mode", .help), ("chmod --help=false", .run(.chmod)), ("--version", .version),
            ("-v chmod", .version), ("--flag chmod", .invalid(#"unknown flag "--flag""#)),
            ("--flag=1", .invalid(#"unknown flag "--flag""#)),
            ("chmod -flag", .invalid(#"chmod: unknown flag "-flag""#)),
            ("chmod --link a::b", .invalid(#"chmod: unknown flag "--link""#)),
            ("chmod --mode", .invalid("chmod: --mode needs a value")),
            ("chmod 755", .invalid(#"chmod: unexpected argument "755""#)),
            ("chmod -- --mode", .invalid(#"chmod: unexpected argument "--mode""#)),
        ] as [(String, CDIHookArguments.Request)]) func request(words: String, expected: CDIHookArguments.Request)
    {
        #expect(read(words)?.request == expected)
        #expect(read(words, as: "/usr/local/bin/nvidia-cdi-hook")?.request == expected)
    }

    /// By another name only a known verb makes it ours.
    @Test(arguments: ["nvidia-runtime-hook", "nvidia-container-runtime-hook", "nvidia-cdi-hook/", ""] as [ByteString])
    func otherNames(name: ByteString) {
        for words in ["", "--debug", "later", "prestart", "--help", "--version", "help"] {
            #expect(read(words, as: name) == nil)
        }
        for verb in CDIHookVerb.allCases { #expect(read(verb.rawValue, as: name)?.request == .run(verb)) }
        #expect(CDIHookArguments([]) == nil)
    }

    /// Both dashes, both ways to give a value, lists at commas, and the last of several single values.
    @Test func values() throws {
        let line = try #require(
            CDIHookArguments([
                "nvidia-cdi-hook", "chmod", "--path", "/a", "-path=/b, /c", "--path=", "--mode", "--mode", "-mode=755",
            ]))
        #expect(line.request == .run(.chmod))
        #expect(line.list(of: .path) == ["/a", "/b", "/c", ""])
        #expect(line.value(of: .mode) == "755")
        #expect(line.value(of: .link) == nil && line.list(of: .folder) == [])
        let driver = try #require(read("enable-cuda-compat --host-driver-version=1,2 --host-cuda-version="))
        #expect(driver.value(of: .hostDriverVersion) == "1,2" && driver.value(of: .hostCUDAVersion) == "")
    }

    @Test(
        arguments: [
            ("noop", nil), ("noop --container-spec -", nil), ("noop --container-spec=", nil),
            ("noop --container-spec /a --container-spec=/b", "/b"),
        ] as [(String, ByteString?)]) func stateFile(words: String, file: ByteString?)
    {
        #expect(read(words)?.stateFile == file)
    }

    @Test func levels() throws {
        let line = try #require(read("--debug --quiet=true noop -d=0"))
        #expect(!line.isDebug && line.isQuiet)
    }

    /// Whatever the arguments are: no trap, and what is run is a known verb.
    @Test func survivesAnything() {
        let words: [ByteString] = [
            "noop", "chmod", "create-symlinks", "--link", "-link=", "--", "-", "", "=", "--=", "---", "--mode=", "a,,b",
            "--help", "-d", "--container-spec", ByteString([0xFF, 0x2C, 0xCC]), "help",
        ]
        var state: UInt64 = 11
        for _ in 0..<20_000 {
            var line: [ByteString] = ["nvidia-cdi-hook"]
            for _ in 0..<6 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                line.append(words[Int(state >> 33) % words.count])
            }
            let read = CDIHookArguments(line)
            #expect(read != nil)
            if case .run(let verb) = read?.request { #expect(line.contains(ByteString(verb.rawValue))) }
        }
    }
}
