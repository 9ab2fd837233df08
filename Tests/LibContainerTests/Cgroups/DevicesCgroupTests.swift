// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

/// Cgroups of version 1.
@Suite(
    .serialized,
    .enabled(if: TestCgroup.hasDevices, "skipped: no devices hierarchy of cgroups version 1 that we may write to"))
struct DevicesCgroupTests {
    private let cgroup: TestCgroup
    private let random: DeviceCgroup.Rule

    init() throws {
        cgroup = try TestCgroup(try #require(TestCgroup.mount(.devices)))
        random = try DeviceCgroup.Rule(major: 1, minor: 8)
    }

    /// As low-level runtimes do.
    private func deny(_ allowed: String..., in cgroup: TestCgroup) throws {
        try cgroup.write("a", to: "devices.deny")
        for rule in ["c 1:3 rwm", "c 1:5 rwm"] + allowed { try cgroup.write(rule, to: "devices.allow") }
    }

    @Test func aDeviceIsAllowedAndTakenBack() throws {
        try deny(in: cgroup)
        let before = try cgroup.read("devices.list")
        #expect(try cgroup.canOpen("/dev/zero") && !cgroup.canOpen("/dev/random"))
        let change = try cgroup.found().allow([random])
        #expect(try cgroup.canOpen("/dev/random") && !cgroup.canOpen("/dev/full") && !cgroup.canMakeNode())
        #expect(try cgroup.read("devices.list").contains("c 1:8 rw\\n"))
        change.undo()
        #expect(try cgroup.read("devices.list") == before)
        #expect(try !cgroup.canOpen("/dev/random") && cgroup.canOpen("/dev/zero"))
    }

    /// Only what was not allowed before is taken back.
    @Test func whatWasAllowedStays() throws {
        try deny("c 1:8 rm", "c 1:7 rw", "c 136:* rw", in: cgroup)
        let before = try cgroup.read("devices.list")
        let rules = [
            random, try DeviceCgroup.Rule(major: 1, minor: 7),
            try DeviceCgroup.Rule(major: 136, minor: 4, access: .write),
        ]
        let change = try cgroup.found().allow(rules)
        #expect(try cgroup.canOpen("/dev/random") && cgroup.canMakeNode())
        #expect(try !cgroup.read("devices.list").contains("136:4"))
        change.undo()
        #expect(try cgroup.read("devices.list") == before)
        #expect(try cgroup.canOpen("/dev/random", by: "<") && !cgroup.canOpen("/dev/random"))
    }

    @Test func whereAllIsAllowedNothingIsWritten() throws {
        let before = try cgroup.read("devices.list")
        #expect(before.hasPrefix("a *:* rwm"))
        let change = try cgroup.found().allow([random])
        change.undo()
        #expect(try cgroup.read("devices.list") == before && cgroup.canOpen("/dev/random"))
    }

    /// The cgroup above forbids the second device: the first one is taken back.
    @Test func allOrNothing() throws {
        try deny("c 1:8 rw", in: cgroup)
        let inner = try TestCgroup(cgroup.mount, name: "/inner", in: cgroup)
        try deny(in: inner)
        let before = try inner.read("devices.list")
        let full = try DeviceCgroup.Rule(major: 1, minor: 7)
        #expect { try inner.found().allow([random, full]) } throws: {
            guard case .ruleRefused(full, let error) = $0 as? CgroupError else { return false }
            return error.code == 1
        }
        #expect(try inner.read("devices.list") == before)
    }

    /// crun's cgroup in systemd's scope: the kernel takes a rule only if the cgroup above has it.
    @Test func theScopeAroundIsChangedToo() throws {
        let scope = try TestCgroup(cgroup.mount, name: "/libpod-6f.scope", in: cgroup)
        // Before there is a cgroup in it, or the kernel does not take it.
        try deny(in: scope)
        let inner = try TestCgroup(cgroup.mount, name: "/container", in: scope)
        let before = try (scope.read("devices.list"), inner.read("devices.list"))
        let change = try inner.found().allow([random])
        #expect(try inner.canOpen("/dev/random") && !inner.canOpen("/dev/full"))
        change.undo()
        #expect(try (scope.read("devices.list"), inner.read("devices.list")) == before)
    }
}
