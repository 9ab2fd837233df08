// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux

@testable import LibContainer

/// A temporary directory that stands for a container's root, with a canary directory beside it that nothing may touch.
final class ScratchRoot {
    let path: String
    let canary: String
    private let base: String

    init() throws {
        base = NSTemporaryDirectory() + "/nvidia-runtime-test-\(UUID().uuidString)"
        path = base + "/rootfs"
        canary = base + "/canary"
        for directory in [path, canary] {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: base) }

    func open() throws -> RootDirectory { try RootDirectory(opening: ByteString(path)) }

    /// Creates the parent directories too. `file` is relative to the root.
    func write(_ file: String, _ contents: some Sequence<UInt8>) throws {
        try makeParent(of: file)
        try Data(contents).write(to: URL(fileURLWithPath: path + "/" + file))
    }

    func write(_ file: String, _ text: String = "") throws { try write(file, text.utf8) }

    func makeDirectory(_ directory: String) throws {
        try FileManager.default.createDirectory(atPath: path + "/" + directory, withIntermediateDirectories: true)
    }

    func link(_ file: String, to target: String) throws {
        try makeParent(of: file)
        try FileManager.default.createSymbolicLink(atPath: path + "/" + file, withDestinationPath: target)
    }

    private func makeParent(of file: String) throws {
        if let slash = file.lastIndex(of: "/") { try makeDirectory(String(file[..<slash])) }
    }

    func read(_ file: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path + "/" + file).map { Array($0) }
    }

    func text(_ file: String) -> String? { read(file).map { String(decoding: $0, as: UTF8.self) } }

    func target(of file: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: path + "/" + file)
    }

    func names(in directory: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + directory)) ?? []).sorted()
    }

    var canaryIsUntouched: Bool {
        (try? FileManager.default.contentsOfDirectory(atPath: canary))?.isEmpty == true
    }

    /// `testdata` of this package.
    static func testData(_ name: String, file: String = #filePath) throws -> [UInt8] {
        let package = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return Array(try Data(contentsOf: package.appendingPathComponent("testdata").appendingPathComponent(name)))
    }
}

/// Random numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
