// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

/// A container of a real runc, which takes the host for one with cgroups of version 2 only: it sees them mounted at
/// /sys/fs/cgroup.
@Suite(
    .serialized,
    .enabled(if: TestCgroup.hasUnified, "skipped: no cgroup2 mount that we may write to as root"),
    .enabled(if: TestCgroup.hasRuntime, "skipped: no /usr/sbin/runc, or no static /bin/busybox"))
final class RuntimeCgroupTests {
    private let bundle: ScratchRoot
    private let mount: CgroupMount
    private let id = "nvidia-runtime-test-\(UUID().uuidString)"
    private let input: CInt

    init() throws {
        bundle = try ScratchRoot()
        mount = try #require(TestCgroup.mount(.unified))
        try bundle.makeDirectory("rootfs")
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: bundle.path + "/rootfs/sh")
        mkfifo(bundle.path + "/input", 0o600)
        input = open(bundle.path + "/input", O_RDWR | O_CLOEXEC)
    }

    deinit {
        _ = try? runc("delete", "--force", id)
        close(input)
    }

    /// Starts a container that waits for its input.
    private func start() throws -> pid_t {
        #expect(try runc("spec", "--bundle", bundle.path) == 0)
        let specification = Data(try #require(bundle.read("config.json")))
        var document = try #require(try JSONSerialization.jsonObject(with: specification) as? [String: Any])
        document["root"] = ["path": bundle.path + "/rootfs"]
        document["process"] = [
            "terminal": false, "args": ["/sh", "-c", "read line"], "cwd": "/", "user": ["uid": 0, "gid": 0],
        ]
        var linux = document["linux"] as? [String: Any] ?? [:]
        linux["cgroupsPath"] = "/" + id
        document["linux"] = linux
        try bundle.write("config.json", try JSONSerialization.data(withJSONObject: document))
        #expect(try runc("run", "--bundle", bundle.path, "--pid-file", bundle.path + "/pid", "--detach", id) == 0)
        return try #require(bundle.text("pid").flatMap { pid_t($0) }, "\(bundle.text("log") ?? "")")
    }

    private func runc(_ arguments: String...) throws -> CInt {
        let script =
            "mount --bind \"$1\" /sys/fs/cgroup && cd \"$2\" && shift 2 && exec runc \"$@\" <input >log 2>&1"
        let words = ["unshare", "--mount", "sh", "-c", script, "sh", "\(mount.mountPoint)", bundle.path] + arguments
        let pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, words[0], nil, nil, pointers, environ)
        if code != 0 { throw LinuxError("start", ByteString(words[0]), code: code) }
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status
    }

    @Test func aContainerMayOpenMore() throws {
        let pid = try start()
        let cgroup = try TestCgroup(mount, name: "/" + id, isMade: true)
        try bundle.write("\(pid)/cgroup", "0::/\(id)\n")
        try bundle.link("self/mountinfo", to: "/proc/self/mountinfo")
        let before = try cgroup.attached()
        #expect(before.count == 1)
        #expect(try cgroup.canOpen("/dev/null") && !cgroup.canOpen("/dev/kmsg", by: "<"))
        let change = try DeviceCgroup(of: pid, procPath: ByteString(bundle.path)).allow([
            try DeviceCgroup.Rule(major: 1, minor: 11, access: .read)
        ])
        #expect(try cgroup.canOpen("/dev/kmsg", by: "<") && !cgroup.canOpen("/dev/kmsg", by: ">"))
        #expect(try cgroup.canOpen("/dev/null"))
        change.undo()
        #expect(try cgroup.attached() == before && !cgroup.canOpen("/dev/kmsg", by: "<"))
    }
}
