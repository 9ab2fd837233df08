// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux

@testable import OCISpec

/// Files of testdata/ocispec.
enum TestData {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "testdata/ocispec")

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    /// The names of specs that engines wrote, for `bytes`.
    static var realSpecs: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "real").path())
                .map { "real/" + $0 }.sorted()
        }
    }

    static var allSpecs: [String] {
        get throws { try realSpecs + ["full-features.json"] }
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

/// The code of the error that `body` throws, or nil where it throws none.
func code(_ body: () throws(SpecError) -> Void) -> SpecError.Code? {
    do throws(SpecError) {
        try body()
        return nil
    } catch {
        return error.code
    }
}

/// The code of the error with which `text` is refused as a config.json.
func refusal(_ text: some Sequence<UInt8>, limits: JSONLimits = .spec) -> SpecError.Code? {
    code { () throws(SpecError) in _ = try SpecDocument(parsing: Array(text), limits: limits) }
}

func refusal(_ text: String, limits: JSONLimits = .spec) -> SpecError.Code? {
    refusal(text.utf8, limits: limits)
}

/// The text of `input` after `edit`.
func edited(_ input: String, _ edit: (inout SpecDocument) throws -> Void) throws -> String {
    String(decoding: try edited(Array(input.utf8), edit), as: UTF8.self)
}

func edited(_ input: [UInt8], _ edit: (inout SpecDocument) throws -> Void) throws -> [UInt8] {
    var document = try SpecDocument(parsing: input)
    try edit(&document)
    return try document.rendered()
}

/// What the injection of two GPUs does, about.
func inject(_ document: inout SpecDocument) throws(SpecError) {
    try document.setEnvironment(name: "NVIDIA_VISIBLE_DEVICES", value: "void")
    for minor in 0..<2 as Range<Int64> {
        let path = ByteString("/dev/nvidia\(minor)")
        try document.addDevice(SpecDevice(path: path, major: 195, minor: minor, fileMode: 0o666, uid: 0, gid: 0))
        try document.allowDevice(SpecDeviceRule(allow: true, type: "c", major: 195, minor: minor, access: "rwm"))
    }
    for name in ["libcuda.so.1", "libnvidia-ml.so.1"] {
        let path = ByteString("/usr/lib/x86_64-linux-gnu/\(name)")
        try document.addMount(SpecMount(destination: path, source: path, options: ["ro", "nosuid", "rbind"]))
    }
    try document.addAdditionalGID(44)
    let hook = SpecHook(
        path: "/usr/bin/nvidia-runtime-hook", arguments: ["nvidia-runtime-hook", "createContainer"],
        environment: ["SWIFT_BACKTRACE=enable=no"], timeout: 30)
    try document.addHook(hook, stage: .createContainer) { $0.path == hook.path }
}
