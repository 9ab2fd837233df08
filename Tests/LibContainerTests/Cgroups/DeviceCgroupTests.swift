// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

/// Which cgroup is found, by tables that say what those of other machines do.
@Suite struct DeviceCgroupTests {
    private let root: ScratchRoot

    init() throws { root = try ScratchRoot() }

    private func error(cgroup: String?, mounts: String?) throws -> CgroupError? {
        if let cgroup { try root.write("7/cgroup", cgroup) }
        if let mounts { try root.write("self/mountinfo", mounts) }
        do throws(CgroupError) {
            _ = try DeviceCgroup(of: 7, procPath: ByteString(root.path))
            return nil
        } catch {
            return error
        }
    }

    @Test func tablesThatCanNotBeRead() throws {
        let process = ByteString(root.path + "/7/cgroup")
        #expect(try error(cgroup: nil, mounts: nil) == .unreadable(LinuxError("open", process, code: ENOENT)))
        let table = ByteString(root.path + "/self/mountinfo")
        #expect(try error(cgroup: "0::/a\n", mounts: nil) == .unreadable(LinuxError("open", table, code: ENOENT)))
        let long = String(repeating: "x", count: 2 << 20)
        #expect(try error(cgroup: long, mounts: "") == .unreadable(LinuxError("read", process, code: EFBIG)))
    }

    @Test func cgroupsThatAreNotThere() throws {
        #expect(try error(cgroup: "3:cpu:/a\n", mounts: "") == .notInCgroup(pid: 7))
        #expect(try error(cgroup: "0::/a\n", mounts: "") == .notMounted(path: "/a", hierarchy: "unified"))
        // Version 1 is asked for where the process is in both.
        let both = "5:devices:/b\n0::/a\n"
        let unified = "9 8 0:3 / /cg rw - cgroup2 c rw\n"
        #expect(try error(cgroup: both, mounts: unified) == .notMounted(path: "/b", hierarchy: "devices"))
        // A mount of another part of the hierarchy.
        let part = "9 8 0:3 /b /cg rw - cgroup2 c rw\n"
        #expect(try error(cgroup: "0::/a\n", mounts: part) == .notMounted(path: "/a", hierarchy: "unified"))
    }

    /// Docker in Docker and the like.
    @Test func namespaces() throws {
        #expect(try error(cgroup: "0::/../a\n", mounts: "") == .outsideNamespace(path: "/../a"))
        let outside = "9 8 0:3 /../.. /cg rw - cgroup2 c rw\n"
        #expect(try error(cgroup: "0::/a\n", mounts: outside) == .outsideNamespace(path: "/../.."))
    }

    /// What is mounted over a mount of cgroups shows in the table as well.
    @Test func otherFileSystems() throws {
        try root.makeDirectory("cg/a")
        let point = ByteString(root.path + "/cg")
        let mounts = "9 8 0:3 / \(point) rw - cgroup2 c rw\n"
        #expect(try error(cgroup: "0::/a\n", mounts: mounts) == .notCgroupFileSystem(path: point + "/a"))
        let missing = CgroupError.unusable(LinuxError("open", point + "/b", code: ENOENT))
        #expect(try error(cgroup: "0::/b\n", mounts: mounts) == missing)
        try root.link("cg/c", to: "/sys/fs/cgroup")
        #expect(try error(cgroup: "0::/c\n", mounts: mounts) != nil)
        try root.write("cg/d")
        #expect(try error(cgroup: "0::/d\n", mounts: mounts) != nil)
    }

    /// A line each, not longer than an engine shows.
    @Test func descriptions() throws {
        let long = ByteString("/" + String(repeating: "kubepods-burstable-pod.slice/", count: 20))
        let error = LinuxError("list device programs", "/sys/fs/cgroup/system.slice/docker-6f.scope", code: EPERM)
        let rule = try DeviceCgroup.Rule(major: 195, minor: 0)
        let all: [CgroupError] = [
            .noSuchDevice(major: .max, minor: .max), .unreadable(error), .notInCgroup(pid: 7),
            .outsideNamespace(path: long), .notMounted(path: long, hierarchy: "unified"), .unusable(error),
            .notCgroupFileSystem(path: long),
            .notMember(pid: .max, path: long), .ruleRefused(rule, error), .programsUnavailable(error),
            .programNotReadable(id: .max, reason: DeviceFilter.Obstacle.constants.rawValue),
            .programNotLoaded(id: .max, LinuxError("load", code: EINVAL)),
            .programNotAttached(id: .max, LinuxError("attach", code: E2BIG)), .programLinked(id: .max),
            .programsChanging(path: long),
        ]
        for error in all {
            #expect(!error.description.contains("\n") && error.description.utf8.count <= 200, "\(error)")
            #expect(error.description.first?.isUppercase == false && error.hint.count > 20)
        }
    }

    /// What runc's program decides, extended.
    @Test func theProgramOfARealRuntime() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
        let text = ByteString(try ScratchRoot.testData("cgroups/runc-1.1.5", file: folder))
        let words = text.lines.compactMap { UInt64($0.description, radix: 16) }
        #expect(words.count == 64)
        let filter = try DeviceFilter(readBack: words.map(BPFInstruction.init(rawValue:)))
        let extended = filter.allowing([try DeviceCgroup.Rule(major: 195, minor: 0)])
        var decisions = 0
        for major in [1, 5, 8, 10, 136, 195] as [UInt32] {
            for minor in [0, 2, 3, 5, 7, 8, 9, 200] as [UInt32] {
                for bits in 0..<8 as Range<UInt8> {
                    for isCharacter in [true, false] {
                        let access = DeviceAccess(
                            isCharacter: isCharacter, major: major, minor: minor,
                            access: DeviceCgroup.Access(rawValue: bits))
                        let isNew = isCharacter && major == 195 && minor == 0 && bits & 1 == 0
                        let before = try BPFInterpreter.allows(filter, access)
                        #expect(try BPFInterpreter.allows(extended, access) == (before || isNew), "\(access)")
                        decisions += before ? 1 : 0
                    }
                }
            }
        }
        #expect(decisions > 50)
    }
}
