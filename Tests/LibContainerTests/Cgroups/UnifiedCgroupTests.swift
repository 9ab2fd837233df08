// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import Foundation
import Linux
import Testing

@testable import LibContainer

/// Cgroups of version 2, with programs of the shapes that low-level runtimes attach, and processes that open devices.
@Suite(
    .serialized,
    .enabled(if: TestCgroup.hasUnified, "skipped: no cgroup2 mount that we may write to as root"))
struct UnifiedCgroupTests {
    private let cgroup: TestCgroup
    private let random: DeviceCgroup.Rule
    private let full: DeviceCgroup.Rule

    init() throws {
        cgroup = try TestCgroup(try #require(TestCgroup.mount(.unified)))
        random = try DeviceCgroup.Rule(major: 1, minor: 8)
        full = try DeviceCgroup.Rule(major: 1, minor: 7)
    }

    /// What a container has by default: null, zero, urandom and the like.
    private static let usual: [ModelRule] = [3, 5, 9].map { ModelRule(isCharacter: true, major: 1, minor: $0) }

    @Test(
        arguments: ProgramShape.allCases,
        [(CLX_BPF_ALLOW_MULTI, true), (CLX_BPF_ALLOW_MULTI, false), (CLX_BPF_ALLOW_OVERRIDE, true), (0, true)])
    func aDeviceIsAllowedAndTakenBack(shape: ProgramShape, way: (flags: CInt, canReplace: Bool)) throws {
        let original = try cgroup.attach(shape.program(Self.usual), flags: way.flags)
        #expect(try cgroup.canOpen("/dev/zero") && !cgroup.canOpen("/dev/random"))
        var change = DeviceCgroupChange()
        try DevicePrograms(cgroup.directory(), canReplace: way.canReplace).allow([random], recording: &change)
        let attached = try cgroup.attached()
        #expect(attached.count == 1 && attached != [original])
        #expect(try cgroup.canOpen("/dev/random") && cgroup.canOpen("/dev/random", by: "<"))
        #expect(try cgroup.canOpen("/dev/random", by: ">") && cgroup.canOpen("/dev/zero"))
        #expect(try !cgroup.canOpen("/dev/full") && !cgroup.canMakeNode())
        change.undo()
        #expect(try cgroup.attached() == [original])
        #expect(try cgroup.canOpen("/dev/zero") && !cgroup.canOpen("/dev/random"))
    }

    @Test func accessIsNoMoreThanTheRules() throws {
        try cgroup.attach(ProgramShape.runc.program(Self.usual))
        try cgroup.found().allow([try DeviceCgroup.Rule(major: 1, minor: 8, access: .read)])
        #expect(try cgroup.canOpen("/dev/random", by: "<"))
        #expect(try !cgroup.canOpen("/dev/random", by: ">") && !cgroup.canOpen("/dev/random"))
        try cgroup.found().allow([try DeviceCgroup.Rule(major: 1, minor: 8, access: .makeNode)])
        #expect(try cgroup.canMakeNode() && !cgroup.canOpen("/dev/random"))
    }

    /// systemd's and the low-level runtime's.
    @Test(arguments: [true, false]) func everyProgramIsExtended(canReplace: Bool) throws {
        let more = Self.usual + [ModelRule(isCharacter: true, major: 1, minor: 7)]
        let programs = [
            try cgroup.attach(ProgramShape.systemd.program(Self.usual)),
            try cgroup.attach(ProgramShape.runc.program(more)),
        ]
        var change = DeviceCgroupChange()
        try DevicePrograms(cgroup.directory(), canReplace: canReplace).allow([random], recording: &change)
        #expect(try cgroup.canOpen("/dev/random") && !cgroup.canOpen("/dev/full"))
        #expect(try Set(cgroup.attached()).isDisjoint(with: programs) && cgroup.attached().count == 2)
        change.undo()
        #expect(try Set(cgroup.attached()) == Set(programs))
        #expect(try !cgroup.canOpen("/dev/random"))
    }

    @Test func whereThereIsNoProgramNoneIsAttached() throws {
        try cgroup.found().allow([random])
        #expect(try cgroup.attached().isEmpty && cgroup.canOpen("/dev/full"))
        try cgroup.attach(ProgramShape.runc.program(Self.usual))
        let before = try cgroup.attached()
        try cgroup.found().allow([])
        #expect(try cgroup.attached() == before)
    }

    /// crun's cgroup in systemd's scope.
    @Test func theScopeAroundIsExtendedToo() throws {
        let scope = try TestCgroup(cgroup.mount, name: "/libpod-6f.scope", in: cgroup)
        let inner = try TestCgroup(cgroup.mount, name: "/container", in: scope)
        let outer = try cgroup.attach(ProgramShape.crun.program(Self.usual + [ModelRule(isCharacter: true, major: 1)]))
        try scope.attach(ProgramShape.systemd.program(Self.usual))
        try inner.attach(ProgramShape.crun.program(Self.usual))
        let change = try inner.found().allow([random])
        #expect(try inner.canOpen("/dev/random") && !inner.canOpen("/dev/full"))
        #expect(try cgroup.attached() == [outer])
        change.undo()
        #expect(try !inner.canOpen("/dev/random"))

        // Not where the scope is somebody else's as well.
        let other = try TestCgroup(cgroup.mount, name: "/other", in: scope)
        try inner.found().allow([random])
        #expect(try !other.canOpen("/dev/random") && !inner.canOpen("/dev/random"))
        withExtendedLifetime(other) {}
    }

    /// The second program can't be taken over: the first one is as it was.
    @Test func allOrNothing() throws {
        // bpf_get_current_uid_gid, and then as it says.
        let helper = DeviceFilter([BPFInstruction(0x85, immediate: 15), .move(0, constant: 1), .exit])
        let programs = [
            try cgroup.attach(ProgramShape.runc.program(Self.usual)), try cgroup.attach(helper),
        ]
        let reason = DeviceFilter.Obstacle.calls.rawValue
        #expect(throws: CgroupError.programNotReadable(id: programs[1], reason: reason)) {
            try cgroup.found().allow([random])
        }
        #expect(try cgroup.attached() == programs)
        #expect(try !cgroup.canOpen("/dev/random"))
    }

    /// Several hooks of one pod's cgroup at once: nobody's rules are lost, and no program is left over.
    @Test(arguments: [true, false]) func concurrentSetups(canReplace: Bool) throws {
        try cgroup.attach(ProgramShape.systemd.program(Self.usual))
        try cgroup.attach(ProgramShape.runc.program(Self.usual))
        let directory = try cgroup.directory()
        let failures = Failures()
        let rules = try [7, 8, 200, 201, 202, 203].map { try DeviceCgroup.Rule(major: 1, minor: $0) }
        DispatchQueue.concurrentPerform(iterations: rules.count) { index in
            do {
                var change = DeviceCgroupChange()
                try DevicePrograms(directory, canReplace: canReplace).allow([rules[index]], recording: &change)
            } catch {
                failures.add("\(error)")
            }
        }
        #expect(failures.all == [])
        let programs = try cgroup.attached()
        #expect(programs.count == 2)
        for id in programs {
            let filter = try DeviceFilter(readBack: try #require(try DeviceProgram(id: id).instructions()))
            for rule in rules {
                let access = DeviceAccess(major: rule.major, minor: rule.minor, access: rule.access)
                #expect(try BPFInterpreter.allows(filter, access), "\(rule)")
            }
        }
        #expect(try cgroup.canOpen("/dev/full") && cgroup.canOpen("/dev/random"))
    }

    private final class Failures: @unchecked Sendable {
        private let lock = NSLock()
        private(set) var all: [String] = []
        func add(_ text: String) { lock.withLock { all.append(text) } }
    }

    /// At no time can a process open more than before and the rules: one tries all the time.
    @Test(arguments: [true, false]) func thereIsNoMomentWithoutAProgram(canReplace: Bool) throws {
        try cgroup.attach(ProgramShape.systemd.program(Self.usual))
        // Ends with 7 where it can open what it must not, with 8 where it can't open what it may, and else once it can read
        // /dev/random, which is the last change.
        let process = try cgroup.start(
            """
            while :; do
                (: < /dev/full) && exit 7
                (: < /dev/zero) || exit 8
                (: < /dev/random) && exit 0
            done
            """)
        let directory = try cgroup.directory()
        for minor in 300..<500 as Range<UInt32> {
            var change = DeviceCgroupChange()
            let rule = try DeviceCgroup.Rule(major: 195, minor: minor)
            try DevicePrograms(directory, canReplace: canReplace).allow([rule], recording: &change)
            change.undo()
        }
        try cgroup.found().allow([random])
        #expect(cgroup.status(of: process) == 0)
    }

    /// Attached by a bpf_link, which a process holds: only that can change it.
    @Test(.enabled(if: access("/usr/bin/python3", X_OK) == 0, "skipped: no /usr/bin/python3"))
    func aProgramOfALink() throws {
        let own = try cgroup.attach(ProgramShape.runc.program(Self.usual))
        let script = """
            import ctypes, os, struct, sys, time
            number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
            call = lambda command, attributes: ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(command),
                ctypes.create_string_buffer(attributes, 128), ctypes.c_long(128))
            words = ctypes.create_string_buffer(struct.pack("<QQ", 0x1000000b7, 0x95))
            text = ctypes.create_string_buffer(b"Apache")
            program = call(5, struct.pack("<IIQQ", 15, 2, ctypes.addressof(words), ctypes.addressof(text)))
            if call(28, struct.pack("<IIII", program, os.open(sys.argv[1], os.O_RDONLY), 6, 0)) < 0: sys.exit(1)
            open(sys.argv[2], "w").close()
            time.sleep(600)
            """
        let root = try ScratchRoot()
        try root.write("script", script)
        _ = try cgroup.start("exec python3 \"$1\"/script \"$0\" \"$1\"/made", root.path)
        for _ in 0..<500 where root.read("made") == nil { usleep(10_000) }
        let attached = try cgroup.attached()
        try #require(attached.count == 2)
        #expect(throws: CgroupError.programLinked(id: attached[1])) { try cgroup.found().allow([random]) }
        #expect(try cgroup.attached() == attached && attached[0] == own)
        #expect(try !cgroup.canOpen("/dev/random"))
    }

    /// A process that has moved on, or a table that shows another cgroup.
    @Test func theProcessMustBeThere() throws {
        let other = try TestCgroup(cgroup.mount)
        let pid = getpid()
        let root = try ScratchRoot()
        try root.write("\(pid)/cgroup", "0::\(other.name)\n")
        try root.link("self/mountinfo", to: "/proc/self/mountinfo")
        #expect(throws: CgroupError.notMember(pid: pid, path: ByteString(other.path))) {
            _ = try DeviceCgroup(of: pid, procPath: ByteString(root.path))
        }
    }
}
