// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import RuntimeConfig

/// packaging/config.toml says what the defaults are, and leaves out no key that acts.
@Suite struct SampleFileTests {
    private let text: String

    init() throws {
        let file = ConfigData.directory.appending(path: "../../packaging/config.toml")
        text = try String(contentsOf: file, encoding: .utf8)
    }

    /// With its defaults written out. `# ` is prose, and `#` without a blank a key.
    private var uncommented: String {
        text.split(separator: "\n").map { line in
            line.first == "#" && line.dropFirst().first?.isLetter == true ? line.dropFirst() : line
        }.joined(separator: "\n")
    }

    @Test func asItIsItChangesNothing() throws {
        #expect(try Settings.load(from: Array(text.utf8)) == Settings())
    }

    @Test func whatItSaysIsTheDefault() throws {
        #expect(uncommented != text)
        #expect(try Settings.load(from: Array(uncommented.utf8)) == Settings())
    }

    @Test func examplesCanBeUsed() throws {
        let examples = text.split(separator: "\n").filter { $0.hasPrefix("#     ") }.map { $0.dropFirst(6) }
        let table = "[nvidia-container-runtime.policy]\n" + examples.joined(separator: "\n")
        let settings = try Settings.load(from: Array(table.utf8))
        #expect(settings.policy(handler: "nvidia").maximumGPUs == 4)
        #expect(settings.policy(handler: "nvidia").capabilities == "compute,utility")
        #expect(settings.policy(handler: "nvidia-tenant").maximumGPUs == 1)
        #expect(settings.policy(handler: "nvidia-tenant").channels == .volumeMounts)
    }

    /// The keys in it are those that are read, but for those that nothing acts on.
    @Test func everyKeyThatActsIsThere() throws {
        let sample = try TOMLDocument(parsing: Array(uncommented.utf8))
        let everything = try TOMLDocument(parsing: ConfigData.bytes("good/everything.toml"))
        let idle: Set<String> = [
            // Not a key, and one of older versions.
            "some-future-key.a", "nvidia-container-runtime.discover-mode",
            // Lets a value of a key pass that has no effect.
            "features.allow-ldconfig-from-container",
        ]
        let expected = Set(keys(of: everything.root)).subtracting(idle)
            .subtracting(Settings.keysWithoutEffect(in: everything))
        let policy = ["channels", "on-violation"].map { "nvidia-container-runtime.policy.\($0)" }
        #expect(Set(keys(of: sample.root)) == expected.union(policy))
    }

    /// The dotted names of all values below `table`.
    private func keys(of table: TOMLValue, prefix: String = "") -> [String] {
        table.keys.flatMap { key -> [String] in
            let name = prefix + key.description
            guard let value = key.bytes.withUnsafeBufferPointer({ table.member($0) }) else { return [] }
            return value.isTable ? keys(of: value, prefix: name + ".") : [name]
        }
    }
}
