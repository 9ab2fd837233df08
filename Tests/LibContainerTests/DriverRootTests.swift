// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

private let version = "535.261.03"
private let folder = "/usr/lib64"

/// What is taken, what is refused, and what comes with it.
@Suite struct DriverRootTests {
    let tree: DiscoveryTree

    init() throws { tree = try DiscoveryTree() }

    func locate(_ capabilities: DriverCapabilities = .default) throws -> DriverFiles {
        try DriverRoot(opening: tree.bytes, sysPath: tree.bytes + "/sys")
            .locateFiles(for: capabilities, version: ByteString(version))
    }

    func paths(_ files: DriverFiles) -> [String] { files.found.map(\.containerPath.description) }

    @Test func aRootThatIsNotThere() throws {
        #expect {
            _ = try DriverRoot(opening: tree.bytes + "/gone")
        } throws: {
            ($0 as? DriverError)?.description.hasSuffix("/gone: No such file or directory") == true
        }
    }

    @Test("T-05: a root that leads to / is not the host's driver without a word") func aRootThatIsTheHost() throws {
        let link = tree.bytes + "/driver"
        #expect(symlink("/", link.description) == 0)
        for path in [link, link + "/", tree.bytes + "/driver/../usr/.."] {
            #expect(throws: DriverError.rootIsHost(path: path)) { _ = try DriverRoot(opening: path) }
        }
        for path in ["/", "//", "/./"] as [ByteString] { _ = try DriverRoot(opening: path) }
    }

    @Test func anEmptyRoot() throws {
        let files = try locate(.all)
        #expect(files.found.isEmpty)
        #expect(Set(files.omissions.filter(\.isCore).map(\.name)) == ["libcuda.so", "libnvidia-ml.so"])
        guard case .libraryNotFound(let name, let root, let searched) = files.coreFailure else {
            Issue.record("\(files.coreFailure as Any)")
            return
        }
        #expect(name == "libnvidia-ml.so" && root == tree.bytes && searched.first == "/etc/ld.so.cache")
    }

    @Test func nothingAskedForGivesNothing() throws {
        let files = try locate([])
        #expect(files.found.isEmpty && files.omissions.isEmpty)
    }

    static let groups: [(capabilities: DriverCapabilities, stems: Set<String>)] = [
        (.utility, ["libnvidia-ml"]), (.compute, ["libcuda", "libnvidia-allocator"]),
        (.video, ["libcuda", "libnvidia-allocator", "libnvcuvid"]),
        (.graphics, ["libGLX_nvidia", "libnvidia-allocator"]), (.display, ["libGLX_nvidia", "libnvidia-allocator"]),
        (.ngx, ["libnvidia-ngx"]),
        (
            [.utility, .compute, .ngx],
            ["libnvidia-ml", "libcuda", "libnvidia-allocator", "libnvidia-ngx"]
        ),
    ]

    @Test(arguments: groups) func librariesOfCapabilities(capabilities: DriverCapabilities, stems: Set<String>) throws {
        for stem in [
            "libnvidia-ml", "libcuda", "libnvcuvid", "libGLX_nvidia", "libnvidia-ngx", "libnvidia-allocator",
            "libnvidia-sandboxutils", "libnvidia-gtk3",
        ] {
            try tree.library(folder, "\(stem).so.\(version)", soname: "\(stem).so.1")
        }
        let files = try locate(capabilities)
        #expect(Set(paths(files)) == Set(stems.map { "\(folder)/\($0).so.\(version)" }))
        #expect(files.found.allSatisfy { !$0.capability.isDisjoint(with: capabilities) })
    }

    @Test func everyLibraryHasAKnownName() {
        for component in LibraryComponent.all {
            #expect(LibraryComponent.index(ofName: component.stem) != nil)
            for name in [component.stem, component.stem + ".1"] {
                #expect(name.bytes.withUnsafeBytes { LibraryComponent.mayBeNamed($0) })
            }
        }
        #expect(Set(LibraryComponent.all.map(\.stem)).count == LibraryComponent.all.count)
        for name: ByteString in ["libc.so.6", "libcudart.so.12", "libnv", "", "libGL.so.1", "xlibcuda.so.1"] {
            #expect(!name.bytes.withUnsafeBytes { LibraryComponent.mayBeNamed($0) })
            #expect(LibraryComponent.index(ofName: name) == nil)
        }
        #expect(LibraryComponent.index(ofName: "libcuda.so.1/../x") == nil)
        #expect(LibraryComponent.index(ofName: "libcuda.sox") == nil)
    }

    static let links: [(stem: String, soname: String, links: [String: String])] = [
        ("libcuda", "libcuda.so.1", ["libcuda.so.1": "FILE", "libcuda.so": "libcuda.so.1"]),
        (
            "libnvidia-opticalflow", "libnvidia-opticalflow.so.1",
            ["libnvidia-opticalflow.so.1": "FILE", "libnvidia-opticalflow.so": "libnvidia-opticalflow.so.1"]
        ),
        ("libnvcuvid", "libnvcuvid.so.1", ["libnvcuvid.so.1": "FILE"]),
        ("libnvidia-glcore", "libnvidia-glcore.so.\(version)", [:]),
        ("libGLX_nvidia", "libGLX_nvidia.so.0", ["libGLX_nvidia.so.0": "FILE", "libGLX_indirect.so.0": "FILE"]),
        (
            "libnvidia-allocator", "libnvidia-allocator.so.1",
            ["libnvidia-allocator.so.1": "FILE", "gbm/nvidia-drm_gbm.so": "../libnvidia-allocator.so.1"]
        ),
        ("libnvidia-vulkan-producer", "libnvidia-vulkan-producer.so", ["libnvidia-vulkan-producer.so": "FILE"]),
    ]

    /// compat-runtime §4.13, from the cache and from the file's own SONAME.
    @Test(arguments: links, [true, false])
    func linksBesideALibrary(_ row: (stem: String, soname: String, links: [String: String]), cached: Bool) throws {
        let name = "\(row.stem).so.\(version)"
        try tree.library(folder, name, soname: row.soname)
        if cached { try tree.nativeCache([row.soname: "\(folder)/\(row.soname)"]) }
        let file = try #require(try locate(.all).file(name))
        #expect(file.soname == ByteString(row.soname))
        var links: [String: String] = [:]
        for link in file.links {
            let path = try #require(link.path.droppingPrefix(ByteString("\(folder)/"))).description
            links[path] = link.target == ByteString(name) ? "FILE" : link.target.description
        }
        #expect(links == row.links)
    }

    /// The linker's name is there for those hosts that have it.
    @Test(arguments: [true, false]) func theHostsLinkersNames(cached: Bool) throws {
        try tree.library(folder, "libnvcuvid.so.\(version)", soname: "libnvcuvid.so.1")
        try tree.link("\(folder)/libnvcuvid.so", to: "libnvcuvid.so.1")
        if cached {
            try tree.nativeCache([
                "libnvcuvid.so.1": "\(folder)/libnvcuvid.so.1", "libnvcuvid.so": "\(folder)/libnvcuvid.so",
            ])
        }
        let links = try #require(try locate(.video).file("libnvcuvid.so.\(version)")).links
        #expect(links.last == SymbolicLink(path: ByteString("\(folder)/libnvcuvid.so"), target: "libnvcuvid.so.1"))
    }

    @Test func debiansGBMBackendIsAboveItsAlternatives() throws {
        let current = "/usr/lib64/nvidia/current"
        try tree.library(current, "libnvidia-allocator.so.\(version)", soname: "libnvidia-allocator.so.1")
        let links = try #require(try locate(.graphics).file("libnvidia-allocator.so.\(version)")).links
        #expect(
            links.last
                == SymbolicLink(
                    path: "/usr/lib64/gbm/nvidia-drm_gbm.so", target: "../nvidia/current/libnvidia-allocator.so.1"))
    }

    @Test func librariesWithVersionsOfTheirOwn() throws {
        try tree.library(folder, "libnvidia-egl-gbm.so.1.1.1", soname: "libnvidia-egl-gbm.so.1")
        try tree.library(folder, "libnvidia-egl-wayland.so.1.1.13", soname: "libnvidia-egl-wayland.so.1")
        try tree.library(folder, "libnvidia-egl-wayland2.so.1.0.0", soname: "libnvidia-egl-wayland2.so.1")
        try tree.library(folder, "libnvidia-nvvm70.so.4", soname: "libnvidia-nvvm70.so.4")
        try tree.library(folder, "libnvidia-nvvm.so.4.0.0", soname: "libnvidia-nvvm.so.4")
        try tree.library(folder, "libnvidia-api.so.1", soname: "libnvidia-api.so.1")
        try tree.library(folder, "libnvidia-egl-xcb.so.550.54.14", soname: "libnvidia-egl-xcb.so.1")
        let files = try locate(.all)
        #expect(
            Set(files.found.map(\.soname)) == [
                "libnvidia-egl-gbm.so.1", "libnvidia-egl-wayland.so.1", "libnvidia-egl-wayland2.so.1",
                "libnvidia-nvvm70.so.4", "libnvidia-nvvm.so.4", "libnvidia-api.so.1",
            ])
    }

    /// P10: the message that every administrator knows, with the two versions in it.
    @Test(arguments: [true, false]) func onlyAnotherVersion(cached: Bool) throws {
        try tree.library(folder, "libcuda.so.550.107.02", soname: "libcuda.so.1")
        if cached { try tree.nativeCache(["libcuda.so.1": "\(folder)/libcuda.so.1"]) }
        let files = try locate(.compute)
        #expect(files.found.isEmpty)
        let path = tree.bytes + "/usr/lib64/libcuda.so.550.107.02"
        #expect(files.omission("libcuda.so")?.cause == .versionMismatch(path: path, version: "550.107.02"))
        #expect(
            files.coreFailure?.description
                == "driver/library version mismatch: the loaded kernel module is 535.261.03, \(path) is 550.107.02")
    }

    @Test func theExactVersionWinsOverOthers() throws {
        try tree.library("/opt/cuda/compat", "libcuda.so.550.107.02", soname: "libcuda.so.1")
        try tree.library(folder, "libcuda.so.\(version)", soname: "libcuda.so.1")
        try tree.nativeCache([
            "libcuda.so.1": "/opt/cuda/compat/libcuda.so.1", "libcuda.so.2": "\(folder)/libcuda.so.\(version)",
        ])
        #expect(try locate(.compute).file("libcuda.so.\(version)") != nil)
        // Also where only a folder has it.
        try tree.nativeCache(["libcuda.so.1": "/opt/cuda/compat/libcuda.so.1"])
        let files = try locate(.compute)
        #expect(files.file("libcuda.so.\(version)")?.foundIn == ByteString(folder))
        #expect(files.coreFailure == nil)
    }

    /// A half-done upgrade: the link is the old driver's, the file of the loaded one lies beside it.
    @Test func theFileOfTheVersionCountsNotTheLink() throws {
        try tree.library(folder, "libcuda.so.\(version)", soname: "libcuda.so.1")
        unlink(tree.host("\(folder)/libcuda.so.1"))
        try tree.library(folder, "libcuda.so.550.107.02", soname: "libcuda.so.1")
        try tree.nativeCache(["libcuda.so.1": "\(folder)/libcuda.so.1"])
        let files = try locate(.compute)
        let file = try #require(files.file("libcuda.so.\(version)"))
        #expect(file.soname == "libcuda.so.1")
        #expect(file.foundIn == "/etc/ld.so.cache")
        #expect(files.omission("libcuda.so") == nil)
    }

    /// S-16
    @Test(arguments: [
        "absolute link out", "relative link out", "directory", "FIFO", "other owner", "writable", "no ELF",
    ])
    func aFileThatIsNotALibraryOfRoots(_ kind: String) throws {
        try tree.text("/etc/shadow", "root:*:")
        let path = "\(folder)/libcuda.so.\(version)"
        var bytes = ELFImage()
        bytes.soname = "libcuda.so.1"
        switch kind {
        case "absolute link out": try tree.link(path, to: "/etc/shadow")
        case "relative link out": try tree.link(path, to: "../../../../../../../../etc/shadow")
        case "directory": try tree.directory(path)
        case "FIFO": try tree.fifo(path)
        case "other owner":
            try tree.file(path, bytes.bytes)
            guard chown(tree.host(path), 12345, 0) == 0 else { return }
        case "writable": try tree.file(path, bytes.bytes, mode: 0o666)
        default: try tree.text(path, "not a library")
        }
        for cached in [true, false] {
            // In the cache an ELF file is taken on the loader's word.
            if cached, kind == "no ELF" { continue }
            if cached { try tree.nativeCache(["libcuda.so.1": path]) } else { unlink(tree.host("/etc/ld.so.cache")) }
            let files = try locate(.compute)
            #expect(files.found.isEmpty)
            let cause = try #require(files.omission("libcuda.so")).cause
            if case .refused = cause {} else { Issue.record("\(cause)") }
            if case .libraryRefused = files.coreFailure {} else { Issue.record("\(files.coreFailure as Any)") }
        }
    }

    @Test func aFileOfAnotherArchitectureIsNotTaken() throws {
        try tree.library(
            folder, "libcuda.so.\(version)", soname: "libcuda.so.1", image: ELFImage(is64Bit: true, machine: 21))
        #expect(try locate(.all).found.isEmpty)
    }

    @Test func aStrangeSONAMEIsNotUsed() throws {
        for soname in ["../../../etc/ld.so.preload", "libc.so.6", "libcuda.so.1\n", ""] {
            try tree.library(folder, "libcuda.so.\(version)", soname: soname, linked: false)
            let file = try #require(try locate(.compute).file("libcuda.so.\(version)"))
            #expect(file.soname == ByteString("libcuda.so.\(version)"))
            #expect(file.links.map(\.path) == [ByteString("\(folder)/libcuda.so")])
        }
    }
}
