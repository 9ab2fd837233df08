// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

/// Roots where there is nothing to use, or that would lead the hook elsewhere.
struct CompatibilityRefusalTests {
    private let root: CompatibilityRoot

    init() throws { root = try CompatibilityRoot() }

    @Test func musl() throws {
        #if arch(x86_64)
            let loader = "lib/ld-musl-x86_64.so.1"
        #else
            let loader = "lib/ld-musl-aarch64.so.1"
        #endif
        try root.scratch.write(loader)
        try root.makePackage()
        #expect(try root.reason(root.update()) == "musl's loader, the image's only one, has no cache")
        #expect(root.scratch.read("etc/ld.so.cache") == nil)
    }

    @Test func rootsWithoutLibraries() throws {
        #expect(try root.reason(root.update()) == "the image has no /usr/local/cuda/compat")
        try root.scratch.write("usr/local/cuda")
        #expect(try root.reason(root.update()) == "the image has no /usr/local/cuda/compat")
        #expect(try root.paths(of: "libcuda.so.1") == ["/opt/nv/libcuda.so.1"])
    }

    @Test(arguments: ["empty", "link", "directory", "fifo", "noVersion", "two", "text", "otherMachine", "otherSoname"])
    func directoriesWithoutALibcuda(kind: String) throws {
        try root.scratch.makeDirectory(CompatibilityRoot.directory)
        let path = "\(CompatibilityRoot.directory)/libcuda.so.999.1"
        let expected: String
        switch kind {
        case "link":
            try root.scratch.link(path, to: root.scratch.canary)
            expected = "/usr/local/cuda/compat has no libcuda.so.*.*"
        case "directory":
            try root.scratch.makeDirectory(path)
            expected = "/usr/local/cuda/compat has no libcuda.so.*.*"
        case "fifo":
            #expect(mkfifo("\(root.scratch.path)/\(path)", 0o644) == 0)
            expected = "/usr/local/cuda/compat has no libcuda.so.*.*"
        case "noVersion":
            try root.scratch.write(
                "\(CompatibilityRoot.directory)/libcuda.so.1", ELFImage(soname: "libcuda.so.1").bytes)
            expected = "/usr/local/cuda/compat has no libcuda.so.*.*"
        case "two":
            try root.scratch.write(path, ELFImage(soname: "libcuda.so.1").bytes)
            try root.scratch.write(
                "\(CompatibilityRoot.directory)/libcuda.so.998.1", ELFImage(soname: "libcuda.so.1").bytes)
            expected = "/usr/local/cuda/compat has 2 libcuda.so.*.*, 998.1 and 999.1 first"
        case "text":
            try root.scratch.write(path, "text")
            expected = "/usr/local/cuda/compat has no libcuda.so.1 for this machine"
        case "otherMachine":
            try root.scratch.write(path, ELFImage(machine: 21, soname: "libcuda.so.1").bytes)
            expected = "/usr/local/cuda/compat has no libcuda.so.1 for this machine"
        case "otherSoname":
            try root.scratch.write(path, ELFImage(soname: "libz.so.1").bytes)
            expected = "/usr/local/cuda/compat has no libcuda.so.1 for this machine"
        default: expected = "/usr/local/cuda/compat has no libcuda.so.*.*"
        }
        #expect(try root.reason(root.update()) == expected)
        #expect(try root.paths(of: "libcuda.so.1") == ["/opt/nv/libcuda.so.1"])
    }

    @Test func linksStayInTheRoot() throws {
        try root.scratch.link("usr/local/cuda", to: "../../../../../../")
        try root.makePackage(in: "compat")
        #expect(try root.apply(root.update()).forwardCompatibility?.isUsed == true)
        #expect(try root.paths(of: "libcuda.so.1").first == "/usr/local/cuda/compat/libcuda.so.1")
    }

    @Test(arguments: ["canary", "loop", "dots"]) func linksToNowhere(kind: String) throws {
        let package = root.scratch.canary + "/compat"
        try FileManager.default.createDirectory(atPath: package, withIntermediateDirectories: true)
        try Data(ELFImage(soname: "libcuda.so.1").bytes).write(to: URL(fileURLWithPath: package + "/libcuda.so.999.1"))
        defer { try? FileManager.default.removeItem(atPath: package) }
        switch kind {
        case "canary": try root.scratch.link("usr/local/cuda", to: root.scratch.canary)
        case "loop": try root.scratch.link(CompatibilityRoot.directory, to: "compat")
        default: try root.scratch.link(CompatibilityRoot.directory, to: "../../../../../../../canary/compat")
        }
        let wanted =
            kind == "loop"
            ? "open /usr/local/cuda/compat: Too many levels of symbolic links"
            : "the image has no /usr/local/cuda/compat"
        #expect(try root.reason(root.update()) == wanted)
        #expect(try FileManager.default.contentsOfDirectory(atPath: package) == ["libcuda.so.999.1"])
    }

    @Test func manyFiles() throws {
        try root.makePackage()
        for index in 0..<3000 { try root.scratch.write("\(CompatibilityRoot.directory)/file\(index)") }
        #expect(try root.apply(root.update()).forwardCompatibility?.isUsed == true)
        for index in 0..<200 { try root.scratch.write("\(CompatibilityRoot.directory)/libnvidia-\(index).so.1") }
        #expect(try root.reason(root.update()) == "/usr/local/cuda/compat has more than 128 libraries")
    }
}
