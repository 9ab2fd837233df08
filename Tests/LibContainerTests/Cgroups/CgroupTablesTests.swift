// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

/// `/proc/PID/cgroup` and the mounts of cgroups in `/proc/PID/mountinfo`.
@Suite struct CgroupTablesTests {
    static let memberships: [(text: ByteString, devices: ByteString?, unified: ByteString?)] = [
        // A host with version 2 only.
        ("0::/system.slice/docker-6f.scope\n", nil, "/system.slice/docker-6f.scope"),
        // Version 1, a hybrid host, and one without version 2.
        (
            "9:name=systemd:/a\n5:devices:/docker/6f\n3:cpu,cpuacct:/b\n0::/system.slice/x.service\n", "/docker/6f",
            "/system.slice/x.service"
        ),
        ("4:cpu,devices,freezer:/x\n", "/x", nil),
        ("5:devices:/\n", "/", nil),
        // Kubernetes of version 1: colons in the name.
        (
            "5:devices:/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:6f\n",
            "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:6f", nil
        ),
        // No line feed at the end, other bytes, a blank, a removed cgroup.
        ("0::/a b\u{e9} (deleted)", nil, "/a b\u{e9} (deleted)"),
        ("0::/../other\n", nil, "/../other"),
        // Not a list with `devices` in it, and not version 2.
        ("1:name=devices:/x\n2:devicesx:/x\n3:xdevices:/x\n4::/x\n00::/x\n::/x\n", nil, nil),
        // The first counts.
        ("0::/a\n0::/b\n1:devices:/c\n2:devices:/d\n", "/c", "/a"),
        ("", nil, nil), ("\n\n", nil, nil), ("0\n0:\n0::\n0::x\n:::\n", nil, nil), ("devices", nil, nil),
    ]

    @Test(arguments: memberships) func membership(text: ByteString, devices: ByteString?, unified: ByteString?) {
        let found = CgroupMembership(parsing: text)
        #expect(found.devices == devices && found.unified == unified)
    }

    static let mounts: [(line: ByteString, hierarchy: CgroupMount.Hierarchy?, root: ByteString, point: ByteString)] = [
        (
            "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate", .unified, "/",
            "/sys/fs/cgroup"
        ),
        (
            "36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices", .devices, "/",
            "/sys/fs/cgroup/devices"
        ),
        // Several controllers, no optional fields, three of them.
        ("36 31 0:33 / /cg rw - cgroup none rw,freezer,devices,name=x", .devices, "/", "/cg"),
        ("36 31 0:33 / /cg rw shared:1 master:2 unbindable - cgroup none rw,devices", .devices, "/", "/cg"),
        // In a container.
        ("9 8 0:33 /docker/6f /cg ro master:2 - cgroup cgroup rw,devices", .devices, "/docker/6f", "/cg"),
        ("9 8 0:33 /../../x /cg ro - cgroup2 cgroup rw", .unified, "/../../x", "/cg"),
        // Escapes, and what only looks like one.
        (#"9 8 0:33 /a\040b\134 /c\011\012d\04 rw - cgroup2 cgroup rw"#, .unified, #"/a b\"#, "/c\t\nd\\04"),
        (#"9 8 0:33 /\777 /\08x\ rw - cgroup2 cgroup rw"#, .unified, #"/\777"#, #"/\08x\"#),
        // Others.
        ("36 31 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct", nil, "", ""),
        ("36 31 0:33 / /x rw - cgroup cgroup rw,name=devices", nil, "", ""),
        ("36 31 0:33 / /x rw - tmpfs - cgroup2 rw,devices", nil, "", ""),
        ("22 1 8:1 / /a-cgroup2 rw - ext4 /dev/sda1 rw", nil, "", ""),
        // Broken.
        ("36 31 0:33 / /x rw - cgroup2 cgroup2", nil, "", ""), ("36 31 0:33 / /x rw cgroup2 cgroup2 rw", nil, "", ""),
        ("36 31 0:33 / - cgroup2 cgroup2 rw", nil, "", ""), (" - cgroup2", nil, "", ""),
        ("36 31 0:33 x /x rw - cgroup2 cgroup2 rw", nil, "", ""),
        ("36 31 0:33 / x rw - cgroup2 cgroup2 rw", nil, "", ""),
        ("36 31 0:33 / /x rw - cgroup2 a b rw", nil, "", ""), ("", nil, "", ""),
    ]

    @Test(arguments: mounts)
    func mount(line: ByteString, hierarchy: CgroupMount.Hierarchy?, root: ByteString, point: ByteString) {
        let found = CgroupMount.all(in: "1 1 0:1 / / rw - rootfs rootfs rw\n" + line + "\n")
        #expect(found.first?.hierarchy == hierarchy && found.count == (hierarchy == nil ? 0 : 1))
        if let found = found.first { #expect(found.root == root && found.mountPoint == point) }
    }

    static let paths: [(root: ByteString, path: ByteString, expected: ByteString?)] = [
        ("/", "/", "/"), ("/", "/a/b", "/a/b"), ("/a", "/a", "/"), ("/a", "/a/b", "/b"), ("/a/b", "/a/b/c/d", "/c/d"),
        ("/a", "/ab", nil), ("/a", "/", nil), ("/a", "/b/a", nil), ("/a/b", "/a", nil),
    ]

    @Test(arguments: paths) func pathInAMount(root: ByteString, path: ByteString, expected: ByteString?) throws {
        let line = "9 8 0:33 " + root + " /cg rw - cgroup2 cgroup rw"
        let mount = try #require(CgroupMount.all(in: line).first)
        #expect(mount.pathInMount(of: path) == expected)
    }

    @Test func pathsOutsideTheNamespace() {
        for path: ByteString in ["/..", "/../", "/../a", "/../../a"] { #expect(path.isOutsideCgroupNamespace) }
        for path: ByteString in ["/", "/a", "/..a", "/a/..", "/.../a"] { #expect(!path.isOutsideCgroupNamespace) }
    }

    /// Whatever the text is, it is taken apart without a trap, and what comes of it keeps its promises.
    @Test func hostileText() {
        var random = SeededGenerator(seed: 7)
        let words = Array("0:/:,-\\ 0123\n devices cgroup cgroup2 - - / /.. \0\u{ff}".utf8)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0..<80, using: &random)
            let text = ByteString((0..<length).map { _ in words[Int.random(in: words.indices, using: &random)] })
            let membership = CgroupMembership(parsing: text)
            #expect(membership.devices?.isAbsolutePath != false && membership.unified?.isAbsolutePath != false)
            let line = "9 8 0:3 /" + text + " /x rw - cgroup2 c rw"
            for mount in CgroupMount.all(in: line + "\n" + text) {
                #expect(mount.root.isAbsolutePath && mount.mountPoint.isAbsolutePath)
                #expect(mount.pathInMount(of: text)?.isAbsolutePath != false || !text.isAbsolutePath)
            }
            _ = DeviceList(parsing: text)
        }
    }
}
