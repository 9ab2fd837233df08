// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import Linux
import Testing

@testable import LibContainer

struct RootDirectoryWritingTests {
    private let scratch: ScratchRoot

    init() throws { scratch = try ScratchRoot() }

    private func code(_ body: () throws(LinuxError) -> Void) -> CInt {
        do throws(LinuxError) {
            try body()
            return 0
        } catch {
            return error.code
        }
    }

    @Test func aLinkIsMadeOnceAndReplaced() throws {
        let root = try scratch.open()
        #expect(try root.replaceLink(at: "/usr/lib/libcuda.so", target: "libcuda.so.1"))
        #expect(try !root.replaceLink(at: "/usr/lib/libcuda.so", target: "libcuda.so.1"))
        #expect(try root.replaceLink(at: "/usr/lib/libcuda.so", target: "libcuda.so.2"))
        #expect(scratch.target(of: "usr/lib/libcuda.so") == "libcuda.so.2")
        #expect(scratch.names(in: "usr/lib") == ["libcuda.so"])
    }

    @Test(arguments: [
        // S-01, S-02, S-03: the parent leads out of the root, relatively, absolutely, through procfs.
        "CANARY", "../../../../../..CANARY", "/proc/self/root/CANARY", "/proc/self/fd/0", "/proc/1/cwd",
    ]) func aParentThatLeadsOut(target: String) throws {
        try scratch.link("usr/lib/x", to: target.replacing("CANARY", with: scratch.canary))
        let root = try scratch.open()
        #expect(code { () throws(LinuxError) in try root.replaceLink(at: "/usr/lib/x/libcuda.so", target: "t") } != 0)
        #expect(code { () throws(LinuxError) in try root.replaceFile(at: "/usr/lib/x/y/z", contents: []) } != 0)
        #expect(scratch.canaryIsUntouched)
        #expect(scratch.names() == ["usr"])
    }

    @Test func aParentThatLeadsAroundInside() throws {
        try scratch.makeDirectory("usr/lib")
        try scratch.link("lib", to: "../../../usr/lib")
        let root = try scratch.open()
        try root.replaceLink(at: "/lib/nvidia/gbm/a.so", target: "../b")
        #expect(scratch.target(of: "usr/lib/nvidia/gbm/a.so") == "../b")
    }

    @Test func onlyLinksAndRegularFilesAreReplaced() throws {
        // S-04.
        try scratch.write("victim", "kept")
        try scratch.link("link", to: "/victim")
        try scratch.write("file", "old")
        try scratch.write("full/x")
        try scratch.makeDirectory("empty")
        #expect(mkfifo(scratch.path + "/fifo", 0o644) == 0)
        let root = try scratch.open()
        #expect(try root.replaceLink(at: "/link", target: "t"))
        #expect(try root.replaceLink(at: "/file", target: "t"))
        let refused: [(ByteString, CInt)] = [("/empty", EISDIR), ("/full", EISDIR), ("/fifo", EEXIST)]
        for (path, wanted) in refused {
            #expect(code { () throws(LinuxError) in try root.replaceLink(at: path, target: "t") } == wanted, "\(path)")
        }
        #expect(scratch.text("victim") == "kept")
        #expect(scratch.names() == ["empty", "fifo", "file", "full", "link", "victim"])
    }

    @Test func aFileReplacesALinkAndNotItsTarget() throws {
        try scratch.write("victim", "kept")
        try scratch.link("etc/file", to: "/victim")
        let root = try scratch.open()
        try root.replaceFile(at: "/etc/file", contents: Array("new".utf8))
        #expect(scratch.text("victim") == "kept")
        #expect(scratch.text("etc/file") == "new")
        #expect(scratch.target(of: "etc/file") == nil)
        #expect(try root.status(of: "/etc/file")?.permissions == 0o644)
        try scratch.makeDirectory("etc/directory")
        #expect(code { () throws(LinuxError) in try root.replaceFile(at: "/etc/directory", contents: []) } == EISDIR)
        #expect(scratch.names(in: "etc") == ["directory", "file"])
    }

    @Test("J-16: what a killed run left goes with the next one, what a live one writes does not")
    func leftoversOfKilledRuns() throws {
        let root = try scratch.open()
        let name = "etc/.nvidia-runtime-new"
        for (seconds, isKept) in [(-3600, false), (-10, true), (3600, false)] {
            try scratch.write(name, "half")
            let changed = timeval(tv_sec: time(nil) + seconds, tv_usec: 0)
            #expect(utimes(scratch.path + "/" + name, [changed, changed]) == 0)
            try root.replaceFile(at: "/etc/file", contents: Array("\(seconds)".utf8))
            try root.replaceFile(at: "/etc/link", contents: [])
            try root.replaceLink(at: "/etc/link", target: "t")
            #expect(scratch.text("etc/file") == "\(seconds)")
            #expect(scratch.target(of: "etc/link") == "t")
            #expect(scratch.names(in: "etc") == (isKept ? [".nvidia-runtime-new"] : []) + ["file", "link"])
            unlink(scratch.path + "/" + name)
        }
    }

    @Test func namesAreBytes() throws {
        // S-19: exactly these bytes, or an error.
        let root = try scratch.open()
        let slashAccent: [UInt8] = [0x2F, 0xCC, 0x81]
        let exact: [[UInt8]] = [slashAccent, [0x2F, 0xFF], [0x2F, 0x61, 0x0A, 0x62], Array("//a/./b".utf8)]
        for path in exact {
            try root.replaceLink(at: ByteString(path), target: "t")
            let status = try root.status(of: ByteString(path), followLinks: false)
            #expect(status?.kind == .symbolicLink)
        }
        let long = ByteString([UInt8](repeating: 0x61, count: 256))
        let denied: [ByteString] = [
            "", "/", "//", "/..", "/.", "/a/..", "/b/", "relative", "/new/../x", "/" + long,
            ByteString(Array(repeatElement([0x2F, 0x61], count: 2100).joined())), ByteString([0x2F, 0x61, 0, 0x62]),
        ]
        for path in denied {
            #expect(code { () throws(LinuxError) in try root.replaceLink(at: path, target: "t") } != 0, "\(path)")
        }
        #expect(code { () throws(LinuxError) in try root.replaceLink(at: "/x", target: "") } == EINVAL)
        let deep = ByteString(String(repeating: "/d", count: 300) + "/l")
        try root.replaceLink(at: deep, target: "t")
        #expect(try root.status(of: deep, followLinks: false)?.kind == .symbolicLink)
    }

    @Test func directoriesAreNotMadeThroughADanglingLink() throws {
        try scratch.link("opt/nv", to: scratch.canary + "/new")
        let root = try scratch.open()
        #expect(code { () throws(LinuxError) in _ = try root.makeDirectories("/opt/nv/a/b") } == ENOTDIR)
        #expect(scratch.canaryIsUntouched)
    }

    @Test func directoriesAndLinksUnderARace() throws {
        // S-12: a component that does not exist yet is swapped between nothing, a directory and a link out of the root.
        let root = try scratch.open()
        let victim = scratch.path + "/opt"
        let canary = scratch.canary
        let stop = FileManager.default.temporaryDirectory.path + "/nvidia-runtime-stop-\(UUID().uuidString)"
        let swapper = Thread {
            while access(stop, F_OK) != 0 {
                symlink(canary, victim)
                unlink(victim)
                mkdir(victim, 0o755)
                rename(victim, victim + ".\(UInt32.random(in: 0...UInt32.max))")
            }
        }
        swapper.start()
        for index in 0..<2000 {
            _ = try? root.replaceLink(at: ByteString("/opt/nv\(index % 7)/lib/libcuda.so"), target: "libcuda.so.1")
        }
        _ = FileManager.default.createFile(atPath: stop, contents: nil)
        while !swapper.isFinished { usleep(1000) }
        try FileManager.default.removeItem(atPath: stop)
        #expect(scratch.canaryIsUntouched)
    }
}
