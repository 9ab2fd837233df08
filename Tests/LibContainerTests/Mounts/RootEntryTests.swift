// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

/// What a container's setup makes in a root to mount on, and its device nodes.
struct RootEntryTests {
    private let scratch: ScratchRoot

    init() throws { scratch = try ScratchRoot() }

    private func code(_ body: () throws(LinuxError) -> Void) -> CInt {
        do throws(LinuxError) { try body() } catch { return error.code }
        return 0
    }

    @Test func aFileToMountOnIsMadeOnce() throws {
        let root = try scratch.open()
        for isFirst in [true, false] {
            let point = try root.makeMountPoint(forFileAt: "/usr/lib/libcuda.so.1")
            let isMade = point.isMade
            #expect(isMade == isFirst)
        }
        #expect(scratch.names(in: "usr/lib") == ["libcuda.so.1"])
    }

    /// S-05: what the link leads to is not mounted over, in the root or outside.
    @Test(arguments: ["CANARY", "/etc/shadow", "nowhere"]) func aLinkIsReplacedByAFile(target: String) throws {
        try scratch.write("etc/shadow", "secret")
        try scratch.link("usr/lib/libcuda.so.1", to: target.replacing("CANARY", with: scratch.canary))
        let point = try scratch.open().makeMountPoint(forFileAt: "/usr/lib/libcuda.so.1")
        let status = try point.descriptor.status()
        let isMade = point.isMade
        #expect(isMade && status.kind == .regular && status.size == 0)
        #expect(scratch.target(of: "usr/lib/libcuda.so.1") == nil)
        #expect(scratch.text("etc/shadow") == "secret" && scratch.canaryIsUntouched)
        #expect(scratch.names(in: "usr/lib") == ["libcuda.so.1"])
    }

    @Test func aFileOfTheImageStays() throws {
        try scratch.write("usr/bin/nvidia-smi", "old")
        let point = try scratch.open().makeMountPoint(forFileAt: "/usr/bin/nvidia-smi")
        let isMade = point.isMade
        #expect(!isMade)
        #expect(scratch.text("usr/bin/nvidia-smi") == "old")
    }

    /// S-01, S-02, S-03, S-06: the folder leads out of the root.
    @Test(arguments: ["CANARY", "../../../../../..CANARY", "/proc/self/root/CANARY", "/proc/self/fd/0"])
    func aFolderThatLeadsOut(target: String) throws {
        try scratch.link("dev", to: target.replacing("CANARY", with: scratch.canary))
        let root = try scratch.open()
        #expect(code { () throws(LinuxError) in _ = try root.makeMountPoint(forFileAt: "/dev/nvidia0") } != 0)
        #expect(
            code { () throws(LinuxError) in
                _ = try root.makeDeviceNode(
                    at: "/dev/nvidia0", major: 1, minor: 3, permissions: 0o666, owner: 0, group: 0)
            } != 0)
        #expect(scratch.canaryIsUntouched)
    }

    @Test func aFolderInTheWay() throws {
        try scratch.makeDirectory("usr/bin/nvidia-smi")
        let root = try scratch.open()
        for path in ["/usr/bin/nvidia-smi", "/", "", "relative", "/usr/..", "/usr/."] as [ByteString] {
            let code = code { () throws(LinuxError) in _ = try root.makeMountPoint(forFileAt: path) }
            #expect(code == (path == "/usr/bin/nvidia-smi" ? EISDIR : EINVAL), "\(path)")
        }
    }

    /// S-06: `/dev/nvidia0 -> /dev/sda`. 1:3 is /dev/null's number.
    @Test(.enabled(if: geteuid() == 0, "device nodes need root"))
    func nodes() throws {
        try scratch.link("dev/nvidia0", to: "/dev/sda")
        try scratch.write("dev/sda", "disk")
        let root = try scratch.open()
        func make(_ minor: UInt32, group: gid_t = 0) throws(LinuxError) -> Bool {
            let entry = try root.makeDeviceNode(
                at: "/dev/nvidia0", major: 1, minor: minor, permissions: 0o660, owner: 0, group: group)
            return entry.isMade
        }
        #expect(try make(3))
        #expect(scratch.text("dev/sda") == "disk" && scratch.names(in: "dev") == ["nvidia0", "sda"])
        let status = try FileStatus.of(ByteString(scratch.path + "/dev/nvidia0"), followLinks: false)
        #expect(status.kind == .characterDevice && status.major == 1 && status.minor == 3)
        #expect(status.permissions == 0o660, "whatever the umask is")
        #expect(try !make(3), "it is there")
        #expect(try make(5, group: 44), "another device is replaced")
        #expect(try FileStatus.of(ByteString(scratch.path + "/dev/nvidia0")).group == 44)
        #expect(scratch.names(in: "dev") == ["nvidia0", "sda"])
    }
}
