// SPDX-License-Identifier: Apache-2.0

import Diagnostics
import Linux
import Testing

@testable import HookInjector
@testable import LibContainer

/// Random nodes and random device lists over the whole grammar, beside a second reading of the documentation that works
/// on text alone: nothing is given that was not named.
@Suite struct DeviceFinderPropertyTests {
    private struct Answer: Equatable {
        var gpus: [Int]
        /// By GPU and by index.
        var parts: [[Int]]
        init(_ gpus: [Int], _ parts: [[Int]]) { (self.gpus, self.parts) = (gpus, parts) }
    }

    private enum Verdict: Equatable {
        case given(Answer)
        case error(ErrorID)
    }

    private func verdict(of node: RandomNode, on value: String) -> (Verdict, Diagnostic?) {
        do throws(Diagnostic) {
            let found = try node.devices(for: value)
            let parts = found.migDevices.map { [$0.parent.index, $0.index] }
            return (.given(Answer(found.gpus.map(\.index), parts)), nil)
        } catch {
            return (.error(error.id), error)
        }
    }

    @Test("what is given is what was named, in its order and once; and what is not there is an error")
    func random() {
        var generator = Generator(state: 20_260)
        var counts: [ErrorID?: Int] = [:]
        for _ in 0..<6_000 {
            let node = RandomNode(using: &generator)
            let value = node.randomList(using: &generator)
            let (verdict, error) = verdict(of: node, on: value)
            let expected = expected(of: node, for: value)
            #expect(verdict == expected, "\(value.debugDescription) on \(node)")
            if case .given(let answer) = verdict {
                #expect(Set(answer.gpus).count == answer.gpus.count)
                #expect(Set(answer.parts).count == answer.parts.count)
                #expect(answer.gpus.allSatisfy { index in node.gpus.contains { $0.index == index } })
            }
            if let error { check(error, on: node) }
            counts[error?.id, default: 0] += 1
        }
        // Each kind of answer is there often enough to mean something.
        let kinds: [ErrorID?] = [
            nil, .deviceNameMalformed, .gpuNotFound, .noGPU, .gpuUnusable, .uuidAmbiguous, .migDeviceNotFound,
        ]
        for kind in kinds { #expect(counts[kind, default: 0] > 25, "\(counts)") }
    }

    private func check(_ error: Diagnostic, on node: RandomNode) {
        #expect(!error.hint.isEmpty && error.cause.utf8.count <= Diagnostic.causeLimit)
        guard error.id == .gpuNotFound else { return }
        for gpu in node.gpus {
            #expect(error.hint.contains(gpu.uuid.isEmpty ? "\(gpu.index)" : "\(gpu.index) (\(gpu.uuid))"), "\(error)")
        }
        for gpu in node.unusable { #expect(error.hint.contains("\(gpu.index) (unusable: \(gpu.reason))"), "\(error)") }
    }

    @Test("none is nobody's GPU, on any node")
    func none() throws {
        var generator = Generator(state: 3)
        for _ in 0..<300 {
            let node = RandomNode(using: &generator)
            let list = "none," + node.randomList(using: &generator)
            let found = try node.devices(for: list)
            #expect(found.gpus.isEmpty && found.migDevices.isEmpty, "\(list)")
        }
    }

    // MARK: - The second reading

    private enum Failure: Error {
        case id(ErrorID)
    }

    private func expected(of node: RandomNode, for value: String) -> Verdict {
        var words = value.split(separator: ",").map { word in
            String(word.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty && $0 != "optional" }
        if words.isEmpty { words = ["all"] }
        if let keyword = words.first(where: { $0 == "all" || $0 == "none" }) {
            if keyword == "none" { return .given(Answer([], [])) }
            if node.gpus.isEmpty { return .error(.noGPU) }
            return .given(complete(node.gpus.map(\.index), [], of: node))
        }
        // Names that are none come before all that is about the node.
        for word in words where !isName(word) { return .error(.deviceNameMalformed) }
        var gpus: [Int] = []
        var parts: [[Int]] = []
        do {
            for word in words {
                let (gpu, part) = try device(word, of: node)
                if let part {
                    if !parts.contains([gpu, part]) { parts.append([gpu, part]) }
                } else if !gpus.contains(gpu) {
                    gpus.append(gpu)
                }
            }
        } catch Failure.id(let id) {
            return .error(id)
        } catch {
            Issue.record(error)
        }
        return .given(complete(gpus, parts, of: node))
    }

    /// With all parts of whole GPUs, behind those that were named of others.
    private func complete(_ gpus: [Int], _ named: [[Int]], of node: RandomNode) -> Answer {
        let parts = named.filter { !gpus.contains($0[0]) }
        return Answer(gpus, parts + gpus.flatMap { gpu in (node.parts[gpu] ?? []).indices.map { [gpu, $0] } })
    }

    private let isIndex = #/[0-9]+/#
    private let isPart = #/([0-9]+):([0-9]+)/#
    private let isUUID = #/(GPU|MIG)-([0-9a-fA-F-]{1,36})/#
    private let isInstance = #/MIG-GPU-([0-9a-fA-F-]{36})/([0-9]+)/([0-9]+)/#
    private let isAddress = #/([0-9a-fA-F]{4,8}):([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-9a-fA-F])/#

    /// Whether the dashes are where a UUID has them, in `text` as far as it goes.
    private func isUUIDStart(_ text: Substring) -> Bool {
        text.utf8.enumerated().allSatisfy { position, byte in
            [8, 13, 18, 23].contains(position) == (byte == UInt8(ascii: "-"))
        }
    }

    private func isName(_ word: String) -> Bool {
        if word.wholeMatch(of: isIndex) != nil { return Int(word) != nil }
        if let match = word.wholeMatch(of: isPart) { return Int(match.1) != nil && Int(match.2) != nil }
        if let match = word.wholeMatch(of: isInstance) {
            return isUUIDStart(match.1) && UInt32(match.2) != nil && UInt32(match.3) != nil
        }
        if let match = word.wholeMatch(of: isUUID) { return isUUIDStart(match.2) }
        return word.wholeMatch(of: isAddress) != nil
    }

    private func device(_ word: String, of node: RandomNode) throws -> (gpu: Int, part: Int?) {
        if let index = Int(word) { return (try gpu(index, of: node), nil) }
        if let match = word.wholeMatch(of: isPart), let index = Int(match.1), let part = Int(match.2) {
            let gpu = try gpu(index, of: node)
            guard part < node.parts[gpu]?.count ?? 0 else { throw Failure.id(.migDeviceNotFound) }
            return (gpu, part)
        }
        if let match = word.wholeMatch(of: isInstance) {
            let uuid = "GPU-" + match.1.lowercased()
            let gpu = try only(node.gpus.filter { $0.uuid.description == uuid }, or: .gpuNotFound)
            let (outer, inner) = (UInt32(match.2), UInt32(match.3))
            let place = node.parts[gpu.index]?.firstIndex { $0.gpuInstance == outer && $0.computeInstance == inner }
            guard let place else { throw Failure.id(.migDeviceNotFound) }
            return (gpu.index, place)
        }
        if let match = word.wholeMatch(of: isUUID) {
            let start = "\(match.1)-" + match.2.lowercased()
            if match.1 == "GPU" {
                let starting = node.gpus.filter { $0.uuid.description.hasPrefix(start) }
                return (try only(starting, or: .gpuNotFound).index, nil)
            }
            let named = node.names.filter { $0.uuid.hasPrefix(start) }
            let one = try only(named, or: .migDeviceNotFound)
            return (one.gpu, one.part)
        }
        let digits = word.lowercased().drop { $0 == "0" }
        for (index, busID) in node.busIDs where busID.drop(while: { $0 == "0" }) == digits {
            return (try gpu(index, of: node), nil)
        }
        throw Failure.id(.gpuNotFound)
    }

    private func gpu(_ index: Int, of node: RandomNode) throws -> Int {
        if node.gpus.contains(where: { $0.index == index }) { return index }
        throw Failure.id(node.unusable.contains { $0.index == index } ? .gpuUnusable : .gpuNotFound)
    }

    private func only<Element>(_ elements: [Element], or id: ErrorID) throws -> Element {
        guard let first = elements.first else { throw Failure.id(id) }
        guard elements.count == 1 else { throw Failure.id(.uuidAmbiguous) }
        return first
    }
}
