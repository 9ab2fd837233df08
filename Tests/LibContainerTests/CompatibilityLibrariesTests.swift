// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

/// What is done in a root with compat libraries. The loader itself is asked in Tests/blackbox/hook.
struct CompatibilityLibrariesTests {
    private let root: CompatibilityRoot

    init() throws { root = try CompatibilityRoot() }

    @Test func used() throws {
        try root.makePackage()
        let outcome = try root.apply(root.update())
        #expect(outcome.warnings == [] && outcome.failures == [])
        #expect(outcome.forwardCompatibility?.isUsed == true)
        let directory = "/usr/local/cuda/compat/"
        #expect(try root.paths(of: "libcuda.so.1") == [directory + "libcuda.so.1", "/opt/nv/libcuda.so.1"])
        #expect(try root.paths(of: "libcuda.so") == [directory + "libcuda.so", "/opt/nv/libcuda.so"])
        #expect(try root.paths(of: "libnvidia-nvvm.so.4") == [directory + "libnvidia-nvvm.so.4"])
        #expect(try root.paths(of: "libnvidia-gpucomp.so.575.57.08") == [directory + "libnvidia-gpucomp.so.575.57.08"])
        #expect(try root.paths(of: "libnvidia-ml.so.1") == ["/opt/nv/libnvidia-ml.so.1"])
        #expect(root.dropIn == "/usr/local/cuda/compat\n/opt/nv\n")
    }

    @Test func notUsed() throws {
        try root.makePackage()
        #expect(try root.reason(root.update(driver: "590.44.01")).hasSuffix("the host has 590.44.01"))
        #expect(try root.paths(of: "libcuda.so.1") == ["/opt/nv/libcuda.so.1"])
        #expect(try root.paths(of: "libnvidia-nvvm.so.4") == [])
        #expect(root.dropIn == "/opt/nv\n")
    }

    /// The image's own cache lists its directory, by whatever path.
    @Test func notUsedThoughTheImagesCacheListsIt() throws {
        try root.makePackage(in: "usr/local/cuda-12.9/compat")
        try root.scratch.link("usr/local/cuda", to: "/etc/alternatives/cuda")
        try root.scratch.link("etc/alternatives/cuda", to: "/usr/local/cuda-12.9")
        try root.writeCache([
            ("libcuda.so.1", "/usr/local/cuda-12.9/compat/libcuda.so.1"),
            ("libcuda.so", "/usr/local/cuda/compat/libcuda.so"),
            ("libnvidia-nvvm.so.4", "/usr/local/cuda/compat/libnvidia-nvvm.so.4"),
            ("libcudadebugger.so.1", "/usr/local/cuda-12.9/compat/../compat/libcudadebugger.so.1"),
            ("libnvidia-ptxjitcompiler.so.1", "/opt/other/libnvidia-ptxjitcompiler.so.1"),
            ("libnvidia-gone.so.1", "/usr/local/cuda/compat/libnvidia-gone.so.1"), ("libz.so.1", "/usr/lib/libz.so.1"),
        ])
        _ = try root.reason(root.update(driver: "590.44.01"))
        #expect(try root.paths(of: "libcuda.so.1") == ["/opt/nv/libcuda.so.1"])
        #expect(try root.paths(of: "libcuda.so") == ["/opt/nv/libcuda.so"])
        #expect(try root.paths(of: "libnvidia-nvvm.so.4") == [])
        #expect(try root.paths(of: "libcudadebugger.so.1") == [])
        // Not of this directory.
        #expect(try root.paths(of: "libnvidia-ptxjitcompiler.so.1") == ["/opt/other/libnvidia-ptxjitcompiler.so.1"])
        #expect(try root.paths(of: "libz.so.1") == ["/usr/lib/libz.so.1"])
    }

    @Test func nothingAskedLeavesTheImageAsItIs() throws {
        try root.makePackage()
        try root.writeCache([("libnvidia-nvvm.so.4", "/usr/local/cuda/compat/libnvidia-nvvm.so.4")])
        var update = try root.update()
        update.forwardCompatibility = nil
        let outcome = try root.apply(update)
        #expect(outcome.forwardCompatibility == nil)
        #expect(try root.paths(of: "libnvidia-nvvm.so.4") == ["/usr/local/cuda/compat/libnvidia-nvvm.so.4"])
        #expect(try root.paths(of: "libcuda.so.1") == ["/opt/nv/libcuda.so.1"])
    }

    /// A container that is started again: with the same host nothing changes, with a newer one no trace is left.
    @Test func restarts() throws {
        try root.makePackage()
        _ = try root.apply(root.update())
        let before = try root.snapshot()
        _ = try root.apply(root.update())
        #expect(try root.snapshot() == before)

        var newer = try root.update(driver: "590.44.01")
        newer.libraries = [
            try .init(libraryClass: .native, soname: "libcuda.so.1", path: "/usr/lib/libcuda.so.590.44.01")
        ]
        newer.links = []
        _ = try root.reason(newer)
        #expect(try root.paths(of: "libcuda.so.1") == ["/usr/lib/libcuda.so.1"])
        #expect(try root.paths(of: "libcuda.so") == ["/opt/nv/libcuda.so"])
        #expect(try root.paths(of: "libnvidia-nvvm.so.4") == [])
        #expect(root.dropIn == "")
        let after = try root.snapshot()
        _ = try root.reason(newer)
        #expect(try root.snapshot() == after)
    }

    @Test func onlyTheSetIsTaken() throws {
        try root.makePackage()
        for (name, soname) in [
            ("libnvidia-ml.so.575.57.08", "libnvidia-ml.so.1"), ("libnvidia-cfg.so.575.57.08", "libnvidia-cfg.so.1"),
            ("libz.so.1", "libz.so.1"), ("libnvidia-tls.so.570.1", "libnvidia-tls.so.570.1"),
            ("libcudart.so.575.57.08", "libcudart.so.12"),
        ] { try root.scratch.write("\(CompatibilityRoot.directory)/\(name)", ELFImage(soname: soname).bytes) }
        // A link to a library that is elsewhere.
        try root.scratch.write("opt/x/libnvidia-nvvm.so.5", ELFImage(soname: "libnvidia-nvvm.so.5").bytes)
        try root.scratch.link("\(CompatibilityRoot.directory)/libnvidia-nvvm.so.5", to: "/opt/x/libnvidia-nvvm.so.5")
        // Named as one, and none of this machine.
        try root.scratch.write("\(CompatibilityRoot.directory)/libnvidia-nvvm70.so.4", ELFImage.compat32.bytes)
        try root.scratch.write("\(CompatibilityRoot.directory)/libnvidia-tileiras.so.575.57.08", "text")
        _ = try root.apply(root.update())
        let names = try LibraryCache(parsing: root.scratch.read("etc/ld.so.cache") ?? []).entries
            .filter { $0.path.hasPrefix("/usr/local/cuda/compat/") }.map { "\($0.name)" }
        #expect(
            names == [
                "libnvidia-ptxjitcompiler.so.1", "libnvidia-nvvm.so.4", "libnvidia-gpucomp.so.575.57.08",
                "libcudadebugger.so.1", "libcuda.so.1", "libcuda.so",
            ])
    }

    @Test func linksAreMadeAndMended() throws {
        // As ldconfig does: a package unpacked without its links, or with one that leads elsewhere.
        try root.makePackage()
        for name in ["libcuda.so.1", "libcuda.so", "libcudadebugger.so.1"] {
            try FileManager.default.removeItem(atPath: "\(root.scratch.path)/\(CompatibilityRoot.directory)/\(name)")
        }
        try root.scratch.link("\(CompatibilityRoot.directory)/libcuda.so.1", to: root.scratch.canary)
        _ = try root.apply(root.update())
        #expect(root.scratch.target(of: "\(CompatibilityRoot.directory)/libcuda.so.1") == "libcuda.so.575.57.08")
        #expect(root.scratch.target(of: "\(CompatibilityRoot.directory)/libcuda.so") == "libcuda.so.1")
        #expect(
            root.scratch.target(of: "\(CompatibilityRoot.directory)/libcudadebugger.so.1")
                == "libcudadebugger.so.575.57.08")
        #expect(root.scratch.canaryIsUntouched)
    }

    @Test func copiesInPlaceOfLinksStay() throws {
        try root.makePackage()
        let path = "\(root.scratch.path)/\(CompatibilityRoot.directory)/libcuda.so.1"
        try FileManager.default.removeItem(atPath: path)
        try root.scratch.write("\(CompatibilityRoot.directory)/libcuda.so.1", ELFImage(soname: "libcuda.so.1").bytes)
        _ = try root.apply(root.update())
        #expect(try root.paths(of: "libcuda.so.1").first == "/usr/local/cuda/compat/libcuda.so.1")
        #expect(root.scratch.target(of: "\(CompatibilityRoot.directory)/libcuda.so.1") == nil)
    }

    @Test func aLinkThatCannotBeMadeLeavesTheDriversLibraries() throws {
        try root.makePackage()
        let path = "\(root.scratch.path)/\(CompatibilityRoot.directory)/libcuda.so"
        try FileManager.default.removeItem(atPath: path)
        #expect(mkfifo(path, 0o644) == 0)
        #expect(
            try root.reason(root.update()) == "replace with a link /usr/local/cuda/compat/libcuda.so: File exists")
        #expect(try root.paths(of: "libcuda.so.1") == ["/opt/nv/libcuda.so.1"])
    }

    @Test func aNoteThatIsNotRead() throws {
        try root.makePackage(note: #"{"Driver": [590"#)
        #expect(
            try root.reason(root.update(driver: "590.44.01"))
                == "libcuda 575.57.08 is not of a newer branch than the host's driver 590.44.01 "
                + "(its note is not read: unexpected JSON at byte 15)")
        #expect(try root.apply(root.update()).forwardCompatibility?.isUsed == true)
    }

    @Test func tegra() throws {
        try root.scratch.write(
            "usr/local/cuda/compat_orin/libcuda.so.1.1",
            ELFImage(soname: "libcuda.so.1", note: .init(text: CompatibilityNoteTests.textOrin, excess: 2)).bytes)
        var update = try root.update()
        update.forwardCompatibility = try ForwardCompatibility(
            driverVersion: nil, cudaVersion: DottedVersion("12.6"), directory: ForwardCompatibility.orinDirectory)
        #expect(try root.apply(update).forwardCompatibility?.isUsed == true)
        #expect(try root.paths(of: "libcuda.so.1").first == "/usr/local/cuda/compat_orin/libcuda.so.1")
    }

    @Test func withoutLibrariesOfTheDriver() throws {
        try root.makePackage()
        var update = LoaderUpdate()
        update.forwardCompatibility = try root.update(driver: "590.44.01").forwardCompatibility
        _ = try root.reason(update)
        #expect(root.scratch.names() == ["usr"])
        update.forwardCompatibility = try root.update().forwardCompatibility
        _ = try root.apply(update)
        #expect(try root.paths(of: "libcuda.so.1") == ["/usr/local/cuda/compat/libcuda.so.1"])
    }
}
