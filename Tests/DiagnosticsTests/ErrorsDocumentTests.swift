// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Diagnostics

/// docs/errors.md has every error, in the words of the sources.
@Suite struct ErrorsDocumentTests {
    private let document: ErrorsDocument

    init() throws { document = try ErrorsDocument() }

    /// Every literal of the Swift sources, and the C sources as they are.
    private static let sources: [SwiftLiterals.Literal] = Repository.sources(["swift", "c"]).flatMap { file in
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return file.pathExtension == "c" ? [.init(text: text, before: "")] : SwiftLiterals(text).literals
    }

    @Test func oneSectionForEachNumber() {
        let names = document.sections.map(\.name)
        #expect(names == ErrorID.allCases.map(\.description).sorted())
    }

    @Test func everySectionIsWhole() {
        for section in document.sections {
            #expect(!section.texts.isEmpty, "\(section.name)")
            #expect(section.parts == ["Cause", "See it", "Fix"], "\(section.name)")
        }
    }

    @Test func textsAreThoseOfTheSources() {
        #expect(Self.sources.count > 1000)
        for section in document.sections + [document.other] {
            var count = 0
            for text in section.texts {
                for fragment in text.fragments(separator: "...", longerThan: 5) {
                    #expect(Self.sources.contains { $0.text.contains(fragment) }, "\(section.name): \(fragment)")
                    count += 1
                }
            }
            #expect(count > 0, "\(section.name) quotes nothing that could be found in the sources")
        }
    }

    /// The other direction: what the sources say to make an error stands in its section.
    @Test func errorsOfTheSourcesAreThere() throws {
        var numbers = try self.numbers()
        numbers["LowLevelRuntimeError("] = .lowLevelRuntimeNotFound
        numbers["InvalidArgument("] = .hookUsage
        numbers[".wrong("] = .hookUsage
        var found = 0
        for literal in Self.sources {
            let before = literal.before.filter { !$0.isWhitespace }
            guard let id = numbers.first(where: { before.hasSuffix($0.key) })?.value else { continue }
            found += 1
            let texts = document.section(id.description)?.texts ?? []
            // A hint behind the cause is no part of the text.
            let cause = literal.text.components(separatedBy: "; ")[0]
            for part in cause.fragments(separator: "\(SwiftLiterals.hole)", longerThan: 11) {
                #expect(texts.contains { $0.contains(part) }, "\(id): \(part)")
            }
        }
        #expect(found > 30)
    }

    /// The descriptions of error types that other errors are made of.
    @Test(arguments: [
        "LibContainer/Driver/DriverError", "LibContainer/Tegra/TegraError", "LibContainer/WSL/WSLError",
        "LibContainer/NVML/NVMLError", "LibContainer/Cgroups/CgroupError", "CDI/CDIError",
        "CDI/Registry/CDIUnresolvedDevice",
        "HookInjector/Requirements/RequirementError",
    ]) func descriptionsAreThere(name: String) throws {
        let file = Repository.root.appending(path: "Sources/\(name).swift")
        let source = try String(contentsOf: file, encoding: .utf8)
        let texts = document.sections.flatMap(\.texts)
        var found = 0
        for block in source.matches(of: /var (description|text|cause): String \{\n(?s:.*?)\n    \}\n/) {
            for literal in SwiftLiterals(String(block.output.0)).literals {
                guard literal.before.last(where: { !$0.isWhitespace }) == ":" else { continue }
                found += 1
                for part in literal.text.fragments(separator: "\(SwiftLiterals.hole)", longerThan: 11) {
                    #expect(texts.contains { $0.contains(part) }, "\(name): \(part)")
                }
            }
        }
        #expect(found >= 2)
    }

    /// How the sources begin an error of each number.
    private func numbers() throws -> [String: ErrorID] {
        let file = Repository.root.appending(path: "Sources/Diagnostics/ErrorID.swift")
        var numbers: [String: ErrorID] = [:]
        for match in try String(contentsOf: file, encoding: .utf8).matches(of: /case (\w+) = (\d+)/) {
            numbers["Diagnostic(.\(match.output.1),"] = UInt16(match.output.2).flatMap(ErrorID.init(rawValue:))
        }
        #expect(numbers.count == ErrorID.allCases.count)
        return numbers
    }

    @Test func literalsAreTakenApart() {
        let source = """
            let a = "one \\(x ? "two" : name(of: "three")) four" + "five \\"six\\""  // "no"
            throw Diagnostic(
                .noGPU, "se" +
                    "ven")
            """
        let found = SwiftLiterals(source).literals
        #expect(found.map(\.text) == ["two", "three", "one \u{0} fourfive \"six\"", "seven"])
        #expect(found.last?.before.hasSuffix(".noGPU, ") == true)
    }
}
