// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

/// Which CSV files count, and trees that mean no good.
@Suite(.enabled(if: canMakeNodes, "needs CAP_MKNOD")) struct TegraHostileTests {
    let board: TegraTree
    let tree: DiscoveryTree

    init() throws {
        board = try TegraTree()
        tree = board.tree
        for name in ["a", "b", "c"] { try tree.text("/l/\(name)", name) }
    }

    func found(hasAllFiles: Bool = false) throws -> [String] {
        try board.locate(hasAllFiles: hasAllFiles).list.filter { $0.hasPrefix("/l/") }
    }

    @Test func filesThatCount() throws {
        try board.csv("drivers.csv", ["lib, /l/b"])
        try board.csv("l4t.csv", ["lib, /l/c"])
        try board.csv("cuda.csv", ["lib, /l/a"])
        try board.csv(".csv", ["lib, /l/hidden"])
        try board.csv("devices.csv.dpkg-old", ["lib, /l/old"])
        try tree.directory("\(TegraTree.csvFolder)/folder.csv")
        #expect(try found() == ["/l/b", "/l/c"])
        #expect(try found(hasAllFiles: true) == ["/l/a", "/l/b", "/l/c"])
        try board.csv("B.CSV", ["lib, /l/c", "lib, /l/b"])
        #expect(try found(hasAllFiles: true) == ["/l/c", "/l/b", "/l/a"])
    }

    @Test func theDefaultFolderStandsIn() throws {
        #expect {
            try board.locate()
        } throws: {
            $0 as? TegraError == .noFiles(folder: ByteString(tree.host(TegraTree.csvFolder)))
        }
        try tree.text("/fallback/l4t.csv", "lib, /l/c\n")
        try tree.text("/fallback/other.csv", "lib, /l/b\n")
        #expect(try found(hasAllFiles: true) == ["/l/c"])
        // Other files do not count, so there is none.
        try board.csv("cuda.csv", ["lib, /l/a"])
        #expect(try found() == ["/l/c"])
        try board.csv("l4t.csv", [""])
        #expect(try found().isEmpty)
    }

    /// The files name devices of the host, so they are configuration: root's, and nobody else's.
    @Test func filesOfOthers() throws {
        try board.csv("drivers.csv", ["lib, /l/a"])
        let path = tree.host("\(TegraTree.csvFolder)/drivers.csv")
        #expect(chmod(path, 0o666) == 0)
        #expect {
            try board.locate()
        } throws: { error in
            guard case .untrusted(let cause) = error as? TegraError else { return false }
            return cause.reason == .writable(0o666) && "\(error)".contains("(mode 0666)")
        }
        #expect(chmod(path, 0o644) == 0 && chown(path, 1000, 1000) == 0)
        #expect {
            try board.locate()
        } throws: {
            "\($0)".hasSuffix("belongs to user 1000")
        }
        #expect(chown(path, 0, 0) == 0)
        let folder = tree.host(TegraTree.csvFolder)
        #expect(chmod(folder, 0o777) == 0)
        #expect {
            try board.locate()
        } throws: {
            if case .untrusted = $0 as? TegraError { true } else { false }
        }
        #expect(chmod(folder, 0o755) == 0)
        #expect(try found() == ["/l/a"])
    }

    @Test(arguments: ["FIFO", "huge", "binary", "million"]) func unreadableFiles(_ kind: String) throws {
        try board.csv("drivers.csv", ["lib, /l/a"])
        let path = "\(TegraTree.csvFolder)/devices.csv"
        switch kind {
        case "FIFO": try tree.fifo(path)
        case "huge":
            try tree.file(path)
            #expect(truncate(tree.host(path), 1 << 40) == 0)
        case "binary": try tree.file(path, (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7919) })
        default:
            var bytes = Array("dev,/dev/a\n".utf8)
            for _ in 0..<20 { bytes += bytes }
            try tree.file(path, bytes)
        }
        let inventory = try board.locate()
        #expect(inventory.list.contains("/l/a"))
        #expect(inventory.omissions.contains { $0.name == ByteString(tree.host(path)) })
    }

    /// Nothing outside of the driver root is given away, whatever its links say.
    @Test func linksOutOfTheRoot() throws {
        let outside = try DiscoveryTree()
        try outside.text("/secret", "x")
        try tree.link("/l/away", to: outside.host("/secret"))
        try tree.link("/l/up", to: "../../../../../../../../..\(outside.host("/secret"))")
        try tree.link("/l/folder", to: outside.path)
        try tree.link("/l/loop", to: "loop")
        try tree.link("/l/proc", to: "/proc/self/root")
        try board.csv(
            "drivers.csv",
            ["sym, /l/away", "sym, /l/up", "lib, /l/away", "dir, /l/folder", "sym, /l/loop", "lib, /l/folder/secret"])
        let inventory = try board.locate()
        #expect(inventory.list == ["/etc/nv_tegra_release"])
        #expect(inventory.linkList.isEmpty)
        #expect(inventory.omissions.count == 6)
    }

    @Test func filesThatAreNotTaken() throws {
        try tree.text("/l/everyones", "x")
        try tree.text("/l/users", "x")
        try tree.text("/l/new\nline", "x")
        try tree.fifo("/l/fifo")
        #expect(chmod(tree.host("/l/everyones"), 0o666) == 0 && chown(tree.host("/l/users"), 1000, 1000) == 0)
        try tree.link("/l/root", to: "/")
        try board.csv(
            "drivers.csv",
            [
                "lib, /l/everyones", "lib, /l/users", "lib, /l/fifo", "lib, /l", "dir, /l/a", "lib, /l/n*",
                "dir, /l/root",
            ])
        let inventory = try board.locate()
        #expect(inventory.list == ["/etc/nv_tegra_release"])
        #expect(inventory.omission("/l/everyones")?.hasSuffix("can be changed by every user") == true)
        #expect(inventory.omission("/l/users")?.hasSuffix("belongs to user 1000, not to root") == true)
        #expect(inventory.omissions.count == 7)
    }

    /// Root's own file names them, so they are given; but a container gets character devices only.
    @Test func devicesThatAreNoGPU() throws {
        try tree.node("/dev/mem", 1, 1)
        try tree.node("/dev/sda", 8, 0, kind: S_IFBLK)
        try tree.text("/dev/file", "")
        try tree.directory("/dev/folder")
        try tree.link("/dev/link", to: "/dev/sda")
        try tree.link("/dev/dangling", to: "/dev/none")
        try board.csv(
            "devices.csv",
            ["dev, /dev/mem", "dev, /dev/sda", "dev, /dev/file", "dev, /dev/folder", "dev, /dev/link"]
                + ["dev, /dev/dangling", "dev, /dev/m*", "dev, /dev/mem", "dev, /dev/*"])
        let inventory = try board.locate()
        #expect(inventory.nodes.map(\.path) == ["/dev/mem"])
        #expect(
            inventory.omissions.map(\.name) == [
                "/dev/sda", "/dev/file", "/dev/folder", "/dev/link", "/dev/dangling",
            ])
        #expect(inventory.omission("/dev/sda")?.hasSuffix("it is no character device") == true)
    }

    /// Two libraries with one SONAME, and a file in the place of another's link: the loader gets one, and no link is
    /// made where a file is mounted, which would fail with EBUSY.
    @Test func sonamesThatMeet() throws {
        try board.csv("drivers.csv", ["lib, /l/lib*", "sym, /l/liba.so.1", "sym, /l/libb.so"])
        try board.library("/l/liba.so.1", soname: "liba.so.1")
        try board.library("/l/liba.so.1.1", soname: "liba.so.1")
        try board.library("/l/libb.so.1.9", soname: "libb.so.1")
        try board.library("/l/libb.so.1.10", soname: "libb.so.1")
        try board.library("/l/libc.so.1.1", soname: "libc.so.1")
        try tree.text("/l/libc.so.1", "no library")
        try tree.link("/l/libb.so", to: "libb.so.1.9")
        let inventory = try board.locate()
        #expect(
            inventory.list.filter { $0.hasPrefix("/l/") } == [
                "/l/liba.so.1 [liba.so.1]", "/l/liba.so.1.1", "/l/libb.so.1.9", "/l/libb.so.1.10 [libb.so.1]",
                "/l/libc.so.1", "/l/libc.so.1.1",
            ])
        #expect(Set(inventory.linkList) == ["/l/libb.so -> libb.so.1.9", "/l/libb.so.1 -> libb.so.1.10"])
    }

    /// Names that can be as long as the file system lets them stay within a line.
    @Test func descriptionsAreShort() {
        let path = ByteString("/" + String(repeating: "a/", count: 1000) + "\u{1B}[2J")
        let errors: [TegraError] = [
            .noFiles(folder: path), .untrusted(TrustError(.owner(65534), path)),
            .untrusted(TrustError(.writable(0o777), path)), .untrusted(TrustError(.system(ELOOP), path)),
            .untrusted(TrustError(.relative, path)), .noDevices(listed: 16384, first: path),
            .noDevices(listed: 0, first: ""),
        ]
        for error in errors {
            #expect(error.description.count <= 200 && !error.hint.isEmpty)
            #expect(!error.description.contains("\n") && !error.description.hasSuffix("."))
            #expect(error.description.utf8.allSatisfy { (0x20...0x7E).contains($0) })
        }
    }
}
