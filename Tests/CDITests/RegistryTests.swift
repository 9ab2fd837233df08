// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import CDI

/// Which file counts, in which order edits come, and what is said where none does.
struct RegistryTests {
    private let directories: Directories

    init() throws { directories = try Directories() }

    private func file(_ devices: [String], common: String = "null", kind: String = "vendor.example/device") -> String {
        let list = devices.map { #"{"name":"\#($0)","containerEdits":{"env":["DEVICE=\#($0)"]}}"# }
        return #"{"cdiVersion":"1.1.0","kind":"\#(kind)","devices":[\#(list.joined(separator: ","))],"#
            + #""containerEdits":\#(common)}"#
    }

    private func environment(_ resolution: CDIResolution) -> [String] {
        resolution.edits.flatMap { $0.environment.map(\.description) }
    }

    @Test func laterDirectoriesTakePrecedence() throws {
        try directories.write("x.json", file(["a", "b"], common: #"{"env":["FILE=low"]}"#), in: directories.low)
        let high = try directories.write("x.json", file(["a"], common: #"{"env":["FILE=high"]}"#))
        #expect(environment(try directories.resolve("vendor.example/device=a")) == ["FILE=high", "DEVICE=a"])
        #expect(environment(try directories.resolve("vendor.example/device=b")) == ["FILE=low", "DEVICE=b"])
        let both = try directories.resolve("vendor.example/device=b", "vendor.example/device=a")
        #expect(environment(both) == ["FILE=low", "DEVICE=b", "FILE=high", "DEVICE=a"])
        #expect(both.edits[2].origin == CDIOrigin(file: high, device: nil))
        #expect(try both.edits[3].origin == CDIOrigin(file: high, device: name("vendor.example/device=a")))
        #expect(both.files.last == high)
    }

    @Test func ownEditsOfAFileComeOnceAndFirst() throws {
        try directories.write("x.json", file(["a", "b"], common: #"{"env":["FILE=x"]}"#))
        try directories.write("y.json", file(["c"], common: #"{"env":["FILE=y"]}"#, kind: "vendor.example/other"))
        let resolution = try directories.resolve(
            "vendor.example/device=b", "vendor.example/other=c", "vendor.example/device=a", "vendor.example/device=b")
        #expect(environment(resolution) == ["FILE=x", "DEVICE=b", "FILE=y", "DEVICE=c", "DEVICE=a"])
    }

    @Test func oneKindInTwoFiles() throws {
        try directories.write("x.json", file(["a"], common: #"{"env":["FILE=x"]}"#))
        try directories.write("y.json", file(["b"], common: #"{"env":["FILE=y"]}"#))
        let resolution = try directories.resolve("vendor.example/device=b", "vendor.example/device=a")
        #expect(environment(resolution) == ["FILE=y", "DEVICE=b", "FILE=x", "DEVICE=a"])
    }

    @Test("C-04: two files of one directory that define a device deny it")
    func conflict() throws {
        let one = try directories.write("one.json", file(["a", "b"]))
        let other = try directories.write("two.yaml", file(["a", "c"]))
        try directories.write("x.json", file(["a"]), in: directories.low)
        let error = try #require(try directories.failure("vendor.example/device=b", "vendor.example/device=a"))
        #expect(
            try error
                == .unresolvable([
                    CDIUnresolvedDevice(name: name("vendor.example/device=a"), cause: .conflict(one, other))
                ]))
        #expect(
            error.description
                == "unresolvable CDI devices vendor.example/device=a: both \(one) and \(other) define it")
        #expect(error.hint == "remove one of the two files, such as \(other)")
        // Devices that only one of them has are not hurt, and a directory above both settles it.
        #expect(environment(try directories.resolve("vendor.example/device=b")) == ["DEVICE=b"])
        let above = directories.base.appending(component: "above")
        #expect(mkdir(above.description, 0o755) == 0)
        try directories.write("x.json", file(["a"]), in: above)
        let registry = CDIRegistry(directories: [directories.low, directories.high, above], host: .stub)
        #expect(try registry.resolve([name("vendor.example/device=a")]).files.first?.hasPrefix(above) == true)
    }

    @Test("C-04: a file in a directory that takes precedence shadows, and a conflict below it is not looked at")
    func shadowing() throws {
        try directories.write("one.json", file(["a"]), in: directories.low)
        try directories.write("two.json", file(["a"]), in: directories.low)
        let high = try directories.write("x.json", file(["a"]))
        #expect(try directories.resolve("vendor.example/device=a").files == [high])
    }

    @Test("P5: no file defines the kind")
    func unknownKind() throws {
        let missing = directories.base.appending(component: "none")
        let registry = CDIRegistry(directories: [missing, directories.high])
        try directories.write("x.json", file(["a"]))
        try directories.write("y.yml", file(["a"], kind: "nvidia.com/gpu"))
        let error = try #require(
            failure { () throws(CDIError) in
                try registry.resolve([CDIQualifiedName("nvidia.com/gpu=all")].compactMap { $0 })
            })
        #expect(
            error.description
                == "unresolvable CDI devices nvidia.com/gpu=all: no CDI file defines nvidia.com/gpu; looked in "
                + "\(directories.high) (1 file), \(missing) (not there)")
        #expect(error.hint.contains("have a CDI file made"))
        let nowhere = failure { () throws(CDIError) in
            try CDIRegistry(directories: []).resolve([CDIQualifiedName("a/b=c")].compactMap { $0 })
        }
        #expect(nowhere?.description.hasSuffix("no CDI file defines a/b; looked in no directory") == true)
    }

    @Test("P5: the kind is there, the name is not")
    func unknownDevice() throws {
        let path = try directories.write("x.json", file(["0", "1", "all", "GPU-1"]))
        let error = try #require(try directories.failure("vendor.example/device=GPU-2"))
        #expect(
            error.description
                == "unresolvable CDI devices vendor.example/device=GPU-2: vendor.example/device has no device GPU-2 in "
                + "\(Shown.path(path, limit: 40)); nearest: GPU-1, 0, 1")
        #expect(error.hint.contains("ask for a device that is there"))
    }

    @Test("P5: the file that names the kind is broken")
    func brokenFile() throws {
        let path = try directories.write("x.yaml", "kind: vendor.example/device\ncdiVersion: 9.0.0\n")
        try directories.write("y.json", file(["other"]))
        let error = try #require(try directories.failure("vendor.example/device=a"))
        #expect(
            error.description
                == "unresolvable CDI devices vendor.example/device=a: \(path): "
                + "line 2: cdiVersion: version 9.0.0 is unknown; 0.3.0 to 1.1.0 are read")
        #expect(error.hint == "correct or remove \(path)")
        // It is a warning for those who don't need it.
        let resolution = try directories.resolve("vendor.example/device=other")
        #expect(resolution.warnings.map(\.file) == [path])
        #expect(resolution.warnings.first?.description.hasPrefix("\(path): line 2: cdiVersion") == true)
    }

    @Test func allNamesAreListed() throws {
        let error = try directories.failure("a/b=1", "a/b=2", "a/b=3", "a/b=4", "a/b=5")
        #expect(error?.description.hasPrefix("unresolvable CDI devices a/b=1, a/b=2, a/b=3 and 2 more: no ") == true)
        guard case .unresolvable(let devices) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(devices.map(\.name.name) == ["1", "2", "3", "4", "5"])
    }

    @Test func filesThatCanNotDefineTheKindAreNotParsed() throws {
        try directories.write("broken.json", #"{"kind":"vendor.example/other","#)
        try directories.write("latin1.yaml", [0x6B, 0xE9, 0xFF, 0x0A])
        try directories.write("x.json", file(["a"]))
        #expect(try directories.resolve("vendor.example/device=a").warnings == [])
    }

    /// Where the prefilter could be wrong: a kind that is written with escapes or over lines.
    @Test(arguments: [
        #"kind: "vendor.example\x2Fdevice""#, #"kind: "vendor.example\/device""#,
        #"kind: "\u0076endor.example/device""#, "kind: \"vendor.exam\\\n  ple/device\"",
        "kind: |-\n  vendor.example/device", "kind: >-\n  vendor.example/device", "kind: 'vendor.example/device'",
        "? kind\n: vendor.example/device",
    ])
    func kindsWrittenOtherwise(line: String) throws {
        try directories.write(
            "x.yaml", "cdiVersion: 1.1.0\ndevices: [{name: a, containerEdits: {env: [A=b]}}]\n\(line)\n")
        #expect(environment(try directories.resolve("vendor.example/device=a")) == ["A=b"])
    }

    @Test func kindInJSONWithEscapes() throws {
        let text = file(["a"]).replacing("vendor.example/device", with: #"\u0076endor.example\/devic\u0065"#)
        try directories.write("x.json", text)
        #expect(environment(try directories.resolve("vendor.example/device=a")) == ["DEVICE=a"])
    }

    @Test func nothingAskedReadsNothing() throws {
        try directories.write("x.json", "{")
        #expect(try directories.registry().resolve([]) == CDIResolution(edits: [], warnings: []))
    }

    @Test func errorsAreShort() throws {
        let long = ByteString("/" + String(repeating: "directory/", count: 400))
        let device = try name("v" + String(repeating: "e", count: 250) + "/c=" + String(repeating: "n", count: 255))
        let origin = CDIOrigin(file: long, device: device)
        let reason = String(repeating: "reason ", count: 50)
        let reports = (0..<9).map { _ in CDIDirectoryReport(path: long, files: 10_000) }
        let causes: [CDIUnresolvedDevice.Cause] = [
            .unknownKind(device.kind, directories: reports),
            .unknownDevice(device, files: [long, long], nearest: [long, long, long]), .conflict(long, long),
            .brokenFile(CDIProblem(file: long, reason)),
        ]
        var errors: [CDIError] = causes.map {
            .unresolvable(Array(repeating: CDIUnresolvedDevice(name: device, cause: $0), count: 9))
        }
        errors += [
            .malformedFile(file: long, reason: reason), .invalidFile(file: long, reason: reason),
            .missingHostDevice(path: long, origin: origin, code: ENOENT),
            .unsuitableHostDevice(path: long, origin: origin, reason: reason),
            .missingMountSource(path: long, origin: origin),
            .missingHook(path: long, origin: origin, reason: reason),
            .untrustedHook(path: long, origin: origin, reason: TrustError(.writable(0o777), long)),
            .refusedEdit(origin: origin, reason: reason),
        ]
        for error in errors {
            #expect(error.description.utf8.count <= 200)
            #expect(!error.hint.isEmpty && !error.hint.hasSuffix("."))
        }
    }
}
