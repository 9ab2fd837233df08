// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

struct LoaderUpdateTests {
    private let scratch: ScratchRoot

    init() throws { scratch = try ScratchRoot() }

    private func update(_ paths: ByteString..., links: [SymbolicLink] = []) throws -> LoaderUpdate {
        let libraries = try paths.map {
            try LoaderUpdate.Library(libraryClass: .native, soname: "libcuda.so.1", path: $0)
        }
        return LoaderUpdate(libraries: libraries, links: links)
    }

    private func cache() throws -> [String] {
        try LibraryCache(parsing: scratch.read("etc/ld.so.cache") ?? []).entries.map { "\($0.name) \($0.path)" }
    }

    private func apply(_ update: LoaderUpdate) throws -> LoaderUpdate.Outcome { update.apply(to: try scratch.open()) }

    @Test func anImageWithoutAnything() throws {
        // L-14: scratch and distroless, no /etc.
        let link = SymbolicLink(path: "/opt/nv/libcuda.so", target: "libcuda.so.1")
        let outcome = try apply(update("/opt/nv/libcuda.so.550.1", links: [link]))
        #expect(outcome.warnings == [] && outcome.failures == [])
        #expect(scratch.target(of: "opt/nv/libcuda.so.1") == "libcuda.so.550.1")
        #expect(try cache() == ["libcuda.so.1 /opt/nv/libcuda.so.1", "libcuda.so /opt/nv/libcuda.so"])
        #expect(scratch.text("etc/ld.so.conf") == "include /etc/ld.so.conf.d/*.conf\n")
        #expect(scratch.text("etc/ld.so.conf.d/00-nvidia-runtime.conf") == "/opt/nv\n")
        #expect(scratch.names(in: "etc") == ["ld.so.cache", "ld.so.conf", "ld.so.conf.d"])
    }

    @Test func aSecondRunChangesNothing() throws {
        // L-16.
        let update = try update("/opt/nv/libcuda.so.550.1", "/usr/lib/libcuda.so.550.1")
        _ = try apply(update)
        let before = try snapshot()
        let outcome = try apply(update)
        #expect(outcome.warnings == [] && outcome.failures == [])
        #expect(try snapshot() == before)
    }

    private func snapshot() throws -> [String: UInt64] {
        var inodes: [String: UInt64] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.path) {
            inodes[name] = UInt64(try FileStatus.of(ByteString(scratch.path + "/" + name), followLinks: false).inode)
        }
        return inodes
    }

    @Test(arguments: [
        (false, "/usr/lib", false), (false, "/usr/lib64", false), (false, "/lib64", false), (false, "/opt/nv", true),
        (false, "/usr/lib/x86_64-linux-gnu", true), (true, "/usr/lib64", true), (true, "/usr/lib", false),
    ]) func onlyDirectoriesThatAreNotSearchedAnywayAreListed(debian: Bool, directory: String, listed: Bool) throws {
        if debian { try scratch.write("etc/debian_version", "12.0\n") }
        _ = try apply(update(ByteString(directory + "/libcuda.so.1")))
        #expect((scratch.text("etc/ld.so.conf.d/00-nvidia-runtime.conf") != nil) == listed)
        #expect((scratch.text("etc/ld.so.conf") != nil) == listed)
        #expect(try cache().count == 1)
    }

    @Test func theImagesOwnConfigurationStays() throws {
        // L-15.
        try scratch.write("etc/ld.so.conf", "/opt/first\n")
        try scratch.write("etc/ld.so.conf.d/zz.conf", "/opt/second\n")
        let outcome = try apply(update("/opt/nv/libcuda.so.1"))
        #expect(outcome.failures == [])
        #expect(
            outcome.warnings == [
                "/etc/ld.so.conf does not include /etc/ld.so.conf.d/00-nvidia-runtime.conf: "
                    + "an ldconfig run in the container loses /opt/nv"
            ])
        #expect(scratch.text("etc/ld.so.conf") == "/opt/first\n")
        #expect(scratch.text("etc/ld.so.conf.d/zz.conf") == "/opt/second\n")
    }

    @Test(arguments: [
        ("include ld.so.conf.d/*.conf\n", true), ("/a\n  include\t/x /etc/ld.so.conf.d/*  # all\n", true),
        ("include /etc/ld.so.conf.d/*.conf", true), ("# include ld.so.conf.d/*.conf\n", false),
        ("included ld.so.conf.d/*.conf\n", false), ("include\n", false), ("", false),
    ]) func includes(text: String, included: Bool) throws {
        #expect(LoaderConfiguration(listing: ["/x"]).includesDropIn(ByteString(text)) == included)
    }

    @Test(arguments: ["fifo", "directory", "dangling"]) func hostileConfiguration(kind: String) throws {
        // L-03, L-04: the container starts, and what is lost is said.
        try scratch.makeDirectory("etc")
        let path = scratch.path + "/etc/ld.so.conf"
        switch kind {
        case "fifo": #expect(mkfifo(path, 0o644) == 0)
        case "directory": try scratch.makeDirectory("etc/ld.so.conf")
        default: try scratch.link("etc/ld.so.conf", to: scratch.canary + "/x")
        }
        let outcome = try apply(update("/opt/nv/libcuda.so.1"))
        #expect(outcome.failures == [])
        #expect(outcome.warnings.count == 1)
        #expect(try cache() == ["libcuda.so.1 /opt/nv/libcuda.so.1"])
        #expect(scratch.canaryIsUntouched)
    }

    @Test func hostileCache() throws {
        // L-07: a link is replaced and its target kept; a directory is an error; FIFOs end.
        try scratch.write("victim", "kept")
        try scratch.link("etc/ld.so.cache", to: "/victim")
        let wanted = try update("/opt/nv/libcuda.so.1")
        #expect(try apply(wanted).failures == [])
        #expect(scratch.text("victim") == "kept")
        #expect(try cache() == ["libcuda.so.1 /opt/nv/libcuda.so.1"])

        let path = scratch.path + "/etc/ld.so.cache"
        for make in [{ mkdir(path, 0o755) }, { mkfifo(path, 0o644) }] {
            try FileManager.default.removeItem(atPath: path)
            #expect(make() == 0)
            let outcome = try apply(wanted)
            #expect(outcome.failures == ["read as a regular file /etc/ld.so.cache: Invalid argument"])
            #expect(scratch.names(in: "etc") == ["ld.so.cache", "ld.so.conf", "ld.so.conf.d"])
        }
    }

    @Test func aStaleLibraryOfTheImageLoses() throws {
        var stale = LibraryCache()
        let library = try LoaderUpdate.Library(libraryClass: .native, soname: "libcuda.so.1", path: "/usr/lib/x")
        stale.entries = [library.cacheEntry(named: "libz.so.1"), library.cacheEntry(named: "libcuda.so.1")]
        try scratch.write("etc/ld.so.cache", try #require(stale.serialized()))
        _ = try apply(update("/opt/nv/libcuda.so.550.1"))
        #expect(try cache() == ["libz.so.1 /usr/lib/libz.so.1", "libcuda.so.1 /opt/nv/libcuda.so.1"])
    }

    @Test func musl() throws {
        // L-14. An Alpine image gets musl's path and no glibc files.
        #if arch(x86_64)
            let (loader, path) = ("lib/ld-musl-x86_64.so.1", "etc/ld-musl-x86_64.path")
        #else
            let (loader, path) = ("lib/ld-musl-aarch64.so.1", "etc/ld-musl-aarch64.path")
        #endif
        try scratch.write(loader)
        _ = try apply(update("/usr/lib/libcuda.so.1"))
        #expect(scratch.text(path) == nil)
        _ = try apply(update("/opt/nv/libcuda.so.1"))
        #expect(scratch.text(path) == "/lib\n/usr/local/lib\n/usr/lib\n/opt/nv\n")
        _ = try apply(update("/opt/nv/libcuda.so.1", "/usr/lib/libcuda.so.1"))
        #expect(scratch.text(path) == "/lib\n/usr/local/lib\n/usr/lib\n/opt/nv\n")
        #expect(scratch.names(in: "etc") == [String(path.dropFirst(4))])

        try scratch.write(path, "/a:/b")
        _ = try apply(update("/opt/nv/libcuda.so.1"))
        #expect(scratch.text(path) == "/a:/b\n/opt/nv\n")
    }

    @Test func everyFailureIsReportedAndTheRestIsDone() throws {
        try scratch.makeDirectory("opt/nv/libcuda.so.1")
        try scratch.makeDirectory("opt/nv/x.so")
        let links = [
            SymbolicLink(path: "/opt/nv/x.so", target: "y"), SymbolicLink(path: "/opt/nv/z.so", target: "y"),
        ]
        let outcome = try apply(update("/opt/nv/libcuda.so.550.1", links: links))
        #expect(
            outcome.failures == [
                "replace with a link /opt/nv/libcuda.so.1: Is a directory",
                "replace with a link /opt/nv/x.so: Is a directory",
            ])
        #expect(scratch.target(of: "opt/nv/z.so") == "y")
        #expect(try cache() == ["libcuda.so.1 /opt/nv/libcuda.so.1"])
    }
}
