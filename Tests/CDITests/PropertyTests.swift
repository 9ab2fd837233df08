// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import CDI

/// Mutated files: an error or edits, never a trap, and never a file that the search would pass over.
struct PropertyTests {
    private static let files = [
        "specs/everything.yaml", "specs/imex.yaml", "specs/nvswitch.yaml", "specs/gds.yaml", "specs/mofed.yaml",
    ]

    @Test(arguments: files)
    func mutations(file: String) throws {
        var generator = FixedGenerator(seed: UInt64(file.utf8.count))
        let original = try TestData.bytes(file)
        var accepted = 0
        for _ in 0..<600 {
            let text = mutated(original, &generator)
            for format in [CDISpecification.Format.yaml, .json] {
                do throws(CDIError) {
                    let specification = try CDISpecification(parsing: text, format: format, file: "x")
                    accepted += 1
                    #expect(CDIDirectory.mayDefine([specification.kind], text))
                    try check(specification)
                } catch {
                    #expect(error.description.utf8.count <= 200)
                }
            }
        }
        #expect(accepted > 20)
    }

    private func check(_ specification: CDISpecification) throws(CDIError) {
        #expect(Set(specification.deviceNames).count == specification.deviceNames.count)
        var completion = EditCompletion(host: .stub)
        for name in specification.deviceNames {
            #expect(CDIQualifiedName(kind: specification.kind, name: name) != nil)
            guard let edits = try specification.containerEdits(ofDevice: name) else { continue }
            let origin = CDIOrigin(file: "x", device: nil)
            let resolved = try completion.complete(edits, origin: origin)
            let targets = resolved.mounts.map(\.containerPath) + resolved.deviceNodes.map(\.path)
            #expect(targets.allSatisfy { $0.isAbsolutePath && !$0.hasParentComponent })
            #expect(resolved.hooks.allSatisfy { !$0.environment.isEmpty && $0.timeout != nil })
            #expect(!resolved.additionalGIDs.contains(0))
        }
    }

    private func mutated(_ original: [UInt8], _ generator: inout FixedGenerator) -> [UInt8] {
        var text = original
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let position = Int.random(in: 0..<text.count, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: text[position] = UInt8.random(in: 0...255, using: &generator)
            case 1: text[position] = "&*!?|>%@`\"'{}[],:#-\n\t\\0".utf8.randomElement(using: &generator) ?? 0
            case 2: text.remove(at: position)
            case 3:
                let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
                var copy = lines
                let place = Int.random(in: 0...copy.count, using: &generator)
                copy.insert(lines.randomElement(using: &generator) ?? [], at: place)
                text = Array(copy.joined(separator: [0x0A]))
            default:
                let end = position + Int.random(in: 1...30, using: &generator)
                text.removeSubrange(position..<min(text.count, end))
            }
            if text.isEmpty { return [0x20] }
        }
        return text
    }
}
