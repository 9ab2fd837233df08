// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

/// A container's root with compat libraries in it, and a driver's update of it.
struct CompatibilityRoot {
    let scratch: ScratchRoot
    static let directory = "usr/local/cuda/compat"

    init() throws { scratch = try ScratchRoot() }

    /// The directory as the package of that version makes it.
    func makePackage(
        in directory: String = directory, version: String = "575.57.08", note: String? = CompatibilityNoteTests.text575
    ) throws {
        for (name, soname) in [
            ("libcuda", "libcuda.so.1"), ("libcudadebugger", "libcudadebugger.so.1"),
            ("libnvidia-nvvm", "libnvidia-nvvm.so.4"), ("libnvidia-ptxjitcompiler", "libnvidia-ptxjitcompiler.so.1"),
            ("libnvidia-gpucomp", "libnvidia-gpucomp.so.\(version)"),
        ] {
            let isMain = name == "libcuda"
            let image = ELFImage(soname: soname, note: isMain ? note.map { .init(text: $0) } : nil)
            try scratch.write("\(directory)/\(name).so.\(version)", image.bytes)
            if !soname.hasSuffix(version) { try scratch.link("\(directory)/\(soname)", to: "\(name).so.\(version)") }
        }
        try scratch.link("\(directory)/libcuda.so", to: "libcuda.so.1")
    }

    func update(
        driver: String = "570.211.01", directory: ByteString = ForwardCompatibility.defaultDirectory
    ) throws -> LoaderUpdate {
        LoaderUpdate(
            libraries: [
                try .init(libraryClass: .native, soname: "libcuda.so.1", path: "/opt/nv/libcuda.so.570.211.01"),
                try .init(
                    libraryClass: .native, soname: "libnvidia-ml.so.1", path: "/opt/nv/libnvidia-ml.so.570.211.01"),
            ],
            links: [SymbolicLink(path: "/opt/nv/libcuda.so", target: "libcuda.so.1")],
            forwardCompatibility: try ForwardCompatibility(
                driverVersion: DottedVersion(ByteString(driver)), directory: directory))
    }

    func apply(_ update: LoaderUpdate) throws -> LoaderUpdate.Outcome { update.apply(to: try scratch.open()) }

    func reason(_ update: LoaderUpdate) throws -> String {
        let outcome = try apply(update)
        #expect(outcome.failures == [] && outcome.warnings == [])
        let decision = try #require(outcome.forwardCompatibility)
        #expect(!decision.isUsed)
        return decision.reason
    }

    /// The paths under that name, in the loader's order.
    func paths(of name: ByteString) throws -> [String] {
        try LibraryCache(parsing: scratch.read("etc/ld.so.cache") ?? []).entries.filter { $0.name == name }
            .map { "\($0.path)" }
    }

    func writeCache(_ entries: [(ByteString, ByteString)]) throws {
        var cache = LibraryCache()
        cache.merge(entries.map { LibraryCache.Entry(flags: CacheImage.native, name: $0, path: $1) })
        try scratch.write("etc/ld.so.cache", try #require(cache.serialized()))
    }

    var dropIn: String? { scratch.text("etc/ld.so.conf.d/00-nvidia-runtime.conf") }

    func snapshot() throws -> [String: UInt64] {
        var inodes: [String: UInt64] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.path) {
            inodes[name] = UInt64(try FileStatus.of(ByteString(scratch.path + "/" + name), followLinks: false).inode)
        }
        return inodes
    }
}
