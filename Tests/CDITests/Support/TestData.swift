// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import CDI

/// Files of testdata/cdi.
enum TestData {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "testdata/cdi")

    /// The paths, from `folder`, of the CDI files that are good.
    static let specifications: [String] = {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "specs").path())
        return (names ?? []).sorted().map { "specs/\($0)" }
    }()

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    static func specification(_ name: String) throws -> CDISpecification {
        let format = try #require(CDISpecification.Format(fileName: ByteString(name)))
        return try CDISpecification(parsing: try bytes(name), format: format, file: ByteString(name))
    }
}

/// Random numbers that are the same in each run (SplitMix64).
struct FixedGenerator: RandomNumberGenerator {
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

/// The error that `body` throws, or nil where it throws none.
func failure<Result>(_ body: () throws(CDIError) -> Result) -> CDIError? {
    do throws(CDIError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

/// A small file of one device `0` of the kind `vendor.example/device`, with these edits of the device.
func small(
    _ edits: String = #"{"env":["A=b"]}"#, version: String = "1.1.0", kind: String = "vendor.example/device",
    name: String = "0"
) -> String {
    #"{"cdiVersion":"\#(version)","kind":"\#(kind)","devices":[{"name":"\#(name)","containerEdits":\#(edits)}]}"#
}

func name(_ text: String) throws -> CDIQualifiedName { try #require(CDIQualifiedName(ByteString(text))) }
