// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import OCISpec

/// A bundle directory that is removed with its last reference.
final class TemporaryBundle {
    let path: String

    var config: String { path + "/config.json" }

    /// Makes the directory, and a config.json with `text` unless that is nil.
    init(_ text: String? = "{\"ociVersion\":\"1.0.2\"}") throws {
        path = FileManager.default.temporaryDirectory.path() + "/ocispec-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        if let text { try write(text) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes config.json in place.
    func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: config), options: [])
    }

    /// What config.json holds.
    var text: String {
        get throws { String(decoding: try Data(contentsOf: URL(filePath: config)), as: UTF8.self) }
    }

    /// The names in the bundle, sorted.
    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }

    func status() throws -> FileStatus { try FileStatus.of(ByteString(config), followLinks: false) }

    func open() throws(SpecError) -> SpecFile { try SpecFile(bundle: ByteString(path)) }

    /// Runs a command and returns whether it succeeded.
    func run(_ command: String...) throws -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}

/// Whether tests may change owners and mount file systems.
let isRoot = geteuid() == 0
