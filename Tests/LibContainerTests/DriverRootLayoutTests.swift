// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

#if arch(arm64)
    private let triplet = "aarch64-linux-gnu"
    private let triplet32 = "arm-linux-gnueabihf"
#else
    private let triplet = "x86_64-linux-gnu"
    private let triplet32 = "i386-linux-gnu"
#endif
private let version = "535.261.03"

extension DriverFiles {
    func file(_ name: String) -> DriverFile? {
        found.first { $0.containerPath.lastPathComponent == ByteString(name) && $0.kind != .library(.compat32) }
    }

    func omission(_ name: String) -> Omission? { omissions.first { $0.name == ByteString(name) } }
}

/// How distributions lay the driver out, all below a root that is not `/`.
@Suite struct DriverRootLayoutTests {
    let tree: DiscoveryTree

    init() throws { tree = try DiscoveryTree() }

    func locate(_ capabilities: DriverCapabilities = .default) throws -> DriverFiles {
        try DriverRoot(opening: tree.bytes, sysPath: tree.bytes + "/sys")
            .locateFiles(for: capabilities, version: ByteString(version))
    }

    /// libcuda and libnvidia-ml in `folder`.
    func core(in folder: String, linked: Bool = true) throws {
        try tree.library(folder, "libcuda.so.\(version)", soname: "libcuda.so.1", linked: linked)
        try tree.library(folder, "libnvidia-ml.so.\(version)", soname: "libnvidia-ml.so.1", linked: linked)
    }

    func check(_ files: DriverFiles, folder: String, foundIn place: String) throws {
        let cuda = try #require(files.file("libcuda.so.\(version)"))
        let path = ByteString("\(folder)/libcuda.so.\(version)")
        #expect(
            cuda
                == DriverFile(
                    kind: .library(.native), hostPath: tree.bytes + path, containerPath: path, soname: "libcuda.so.1",
                    links: [
                        SymbolicLink(
                            path: ByteString("\(folder)/libcuda.so.1"), target: ByteString("libcuda.so.\(version)")),
                        SymbolicLink(path: ByteString("\(folder)/libcuda.so"), target: "libcuda.so.1"),
                    ], capability: .compute, foundIn: ByteString(place)))
        #expect(files.file("libnvidia-ml.so.\(version)")?.capability == .utility)
        #expect(files.coreFailure == nil)
    }

    @Test(arguments: CacheImage.Format.allCases) func flat(_ format: CacheImage.Format) throws {
        let folder = "/usr/lib/\(triplet)"
        try tree.link("/lib", to: "usr/lib")
        try core(in: folder)
        try tree.nativeCache(
            ["libnvidia-ml.so.1": "/lib/\(triplet)/libnvidia-ml.so.1", "libcuda.so.1": "/lib/\(triplet)/libcuda.so.1"],
            format: format)
        try check(locate(), folder: folder, foundIn: "/etc/ld.so.cache")
    }

    @Test func redHat() throws {
        try core(in: "/usr/lib64")
        try tree.library("/usr/lib64/vdpau", "libvdpau_nvidia.so.\(version)", soname: "libvdpau_nvidia.so.1")
        try tree.library("/usr/lib", "libcuda.so.\(version)", soname: "libcuda.so.1", image: .compat32)
        try tree.cache([
            .init(name: "libcuda.so.1", path: "/usr/lib64/libcuda.so.1", flags: CacheImage.native),
            .init(name: "libcuda.so.1", path: "/usr/lib/libcuda.so.1", flags: CacheImage.compat32),
            .init(name: "libnvidia-ml.so.1", path: "/usr/lib64/libnvidia-ml.so.1", flags: CacheImage.native),
        ])
        try check(locate(), folder: "/usr/lib64", foundIn: "/etc/ld.so.cache")
        #expect(try !locate().found.contains { $0.kind == .library(.compat32) })
        let all = try locate([.compute, .video, .compat32])
        let narrow = try #require(all.found.first { $0.kind == .library(.compat32) })
        #expect(narrow.containerPath == ByteString("/usr/lib/libcuda.so.\(version)"))
        #expect(narrow.capability == [.compute, .video, .compat32])
        // ldconfig does not look into vdpau; the folder is searched although the cache is good.
        let vdpau = try #require(all.file("libvdpau_nvidia.so.\(version)"))
        #expect(vdpau.soname == "libvdpau_nvidia.so.1")
        #expect(vdpau.foundIn == "/usr/lib64/vdpau")
    }

    /// Q1: the alternatives are absolute links; read from outside of the root they lead elsewhere.
    @Test func debianAlternatives() throws {
        let folder = "/usr/lib/\(triplet)/nvidia/current"
        try tree.link("/lib", to: "usr/lib")
        try core(in: folder)
        for name in ["libcuda.so.1", "libnvidia-ml.so.1"] {
            try tree.link("/usr/lib/\(triplet)/\(name)", to: "/etc/alternatives/nvidia--\(name)-\(triplet)")
            try tree.link("/etc/alternatives/nvidia--\(name)-\(triplet)", to: "\(folder)/\(name)")
        }
        try tree.file("/usr/lib/nvidia/current/nvidia-smi", mode: 0o755)
        try tree.link("/etc/alternatives/nvidia-smi", to: "/usr/lib/nvidia/current/nvidia-smi")
        try tree.link("/usr/bin/nvidia-smi", to: "/etc/alternatives/nvidia-smi")
        try tree.nativeCache([
            "libnvidia-ml.so.1": "/lib/\(triplet)/libnvidia-ml.so.1", "libcuda.so.1": "/lib/\(triplet)/libcuda.so.1",
        ])
        let files = try locate()
        try check(files, folder: folder, foundIn: "/etc/ld.so.cache")
        let smi = try #require(files.file("nvidia-smi"))
        #expect(smi.hostPath == tree.bytes + "/usr/lib/nvidia/current/nvidia-smi")
        #expect(smi.containerPath == "/usr/bin/nvidia-smi")
        // Not by an alternative, so not in the cache: the folder of the alternatives is listed nevertheless.
        try tree.library(folder, "libnvidia-vulkan-producer.so.\(version)", soname: nil)
        let producer = try #require(try locate([.compute, .graphics]).file("libnvidia-vulkan-producer.so.\(version)"))
        #expect(producer.foundIn == ByteString(folder))
        // The same without the cache.
        try FileManager.default.removeItem(atPath: tree.host("/etc/ld.so.cache"))
        try check(locate(), folder: folder, foundIn: "/usr/lib/\(triplet)")
    }

    static let folders: [String] = [
        "/lib64", "/usr/lib64", "/usr/lib", "/usr/lib/\(triplet)", "/usr/lib/\(triplet)/nvidia/current",
        "/lib/\(triplet)/nvidia/current", "/usr/local/lib", "/usr/local/glibc/usr/lib", "/run/opengl-driver/lib",
    ]

    /// No cache at all: GKE's folder, Talos, Red Hat, Debian, Arch.
    @Test(arguments: folders, [true, false]) func withoutACache(_ folder: String, linked: Bool) throws {
        try core(in: folder, linked: linked)
        let files = try locate()
        try check(files, folder: folder, foundIn: folder)
        #expect(files.omission("/etc/ld.so.cache") != nil)
    }

    /// NixOS: a farm of links into the store, where the files really are.
    @Test func nixOS() throws {
        let store = "/nix/store/abc-nvidia-x11-\(version)/lib"
        try core(in: store)
        for name in ["libcuda.so", "libcuda.so.1", "libcuda.so.\(version)", "libnvidia-ml.so.1"] {
            try tree.link("/run/opengl-driver/lib/\(name)", to: "\(store)/\(name)")
        }
        try tree.link("\(store)/libcuda.so", to: "libcuda.so.1")
        try check(locate(), folder: store, foundIn: "/run/opengl-driver/lib")
    }

    @Test func thirtyTwoBitsWithoutACache() throws {
        try core(in: "/usr/lib/\(triplet)")
        for (folder, name) in [("/usr/lib/\(triplet32)", "libcuda"), ("/usr/lib", "libnvidia-ml")] {
            try tree.library(folder, "\(name).so.\(version)", soname: "\(name).so.1", image: .compat32)
        }
        let files = try locate([.compute, .utility, .compat32])
        try check(
            DriverFiles(copying: files, without: .compat32), folder: "/usr/lib/\(triplet)",
            foundIn: "/usr/lib/\(triplet)")
        let narrow = files.found.filter { $0.kind == .library(.compat32) }
        #expect(
            Set(narrow.map(\.containerPath)) == [
                ByteString("/usr/lib/\(triplet32)/libcuda.so.\(version)"),
                ByteString("/usr/lib/libnvidia-ml.so.\(version)"),
            ])
        #expect(files.omission("libnvidia-cfg.so (32-bit)") != nil)
    }

    /// A cache that ldconfig has renewed has all that is in ldconfig's folders, however many files they have.
    @Test func ldconfigsFoldersAreNotListedBesidesACurrentCache() throws {
        try core(in: "/usr/lib64")
        try tree.library("/usr/lib64", "libnvidia-cfg.so.\(version)", soname: "libnvidia-cfg.so.1")
        try tree.nativeCache([
            "libnvidia-ml.so.1": "/usr/lib64/libnvidia-ml.so.1", "libcuda.so.1": "/usr/lib64/libcuda.so.1",
        ])
        let current = try locate()
        #expect(current.file("libnvidia-cfg.so.\(version)") == nil)
        #expect(current.omission("libnvidia-cfg.so")?.cause == .notFound(searched: ["/etc/ld.so.cache"]))
        try tree.nativeCache(["libcuda.so.1": "/gone/libcuda.so.1"])
        #expect(try locate().file("libnvidia-cfg.so.\(version)")?.soname == "libnvidia-cfg.so.1")
    }
}

extension DriverFiles {
    init(copying files: DriverFiles, without libraryClass: DriverFile.LibraryClass) {
        self.init(version: files.version, root: files.root)
        found = files.found.filter { $0.kind != .library(libraryClass) }
        omissions = files.omissions
    }
}
