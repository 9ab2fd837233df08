// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import Linux

@testable import LibContainer

/// A cgroup of this machine, with processes in it that open devices; gone, with all of them, when the object is.
final class TestCgroup {
    let mount: CgroupMount
    /// In the hierarchy.
    let name: ByteString
    private let parent: TestCgroup?
    private var processes: [pid_t] = []
    /// The one that `found` starts from.
    private var resident: pid_t?
    private let folder: String

    /// The mount of a hierarchy that this machine has and that we may make cgroups in; nil where there is none.
    static func mount(_ hierarchy: CgroupMount.Hierarchy) -> CgroupMount? {
        let text = FileManager.default.contents(atPath: "/proc/self/mountinfo").map { ByteString(Array($0)) }
        return CgroupMount.all(in: text ?? "").first {
            $0.hierarchy == hierarchy && $0.root == "/" && geteuid() == 0 && access("\($0.mountPoint)", W_OK) == 0
        }
    }

    static let hasUnified = mount(.unified) != nil
    static let hasDevices = mount(.devices) != nil
    static let hasRuntime = access("/usr/sbin/runc", X_OK) == 0 && access("/bin/busybox", X_OK) == 0

    /// Makes the cgroup, or takes over one that somebody has made.
    init(
        _ mount: CgroupMount, name: String = "/nvidia-runtime-test-\(UUID().uuidString)", in parent: TestCgroup? = nil,
        isMade: Bool = false
    ) throws {
        self.mount = mount
        self.parent = parent
        self.name = parent.map { $0.name + ByteString(name) } ?? ByteString(name)
        folder = NSTemporaryDirectory() + "/nvidia-runtime-test-\(UUID().uuidString)"
        if !isMade { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }
        try FileManager.default.createDirectory(atPath: folder + "/self", withIntermediateDirectories: true)
    }

    deinit {
        for process in processes {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        // The kernel lets a cgroup go some time after its last process.
        for _ in 0..<100 where rmdir(path) != 0 && errno == EBUSY { usleep(10_000) }
        try? FileManager.default.removeItem(atPath: folder)
    }

    var path: String { "\(mount.mountPoint)\(name)" }

    /// Starts `sh -c script` in this cgroup; `$1` is `argument`. It ends with 99 where it can't go there.
    func start(_ script: String, _ argument: String = "") throws -> pid_t {
        let text = "echo 0 > \"$0/cgroup.procs\" || exit 99; exec 2>/dev/null; \(script)"
        let words = ["sh", "-c", text, path, argument]
        let arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, "/bin/sh", nil, nil, arguments, environ)
        if code != 0 { throw LinuxError("start", "/bin/sh", code: code) }
        processes.append(process)
        return process
    }

    /// How a started process ends.
    func status(of process: pid_t) -> CInt {
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        processes.removeAll { $0 == process }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
    }

    /// Whether a process in this cgroup can open the device: by `<` for reading, `>` for writing, `<>` for both.
    func canOpen(_ device: String, by operation: String = "<>") throws -> Bool {
        try ends(status(of: try start("exec 3\(operation)\"$1\"", device)))
    }

    /// Whether a process in this cgroup can make the node of /dev/random.
    func canMakeNode() throws -> Bool {
        defer { unlink(folder + "/node") }
        return try ends(status(of: try start("mknod \"$1\" c 1 8", folder + "/node")))
    }

    private func ends(_ status: CInt) throws -> Bool {
        if status == 99 || status < 0 { throw LinuxError("move to", ByteString(path), code: EINVAL) }
        return status == 0
    }

    /// The container's cgroup as it is found from a process in this one. The process is shown to be in no hierarchy but this
    /// one.
    func found() throws -> DeviceCgroup {
        if resident == nil {
            let pid = try start("exec sleep 600")
            resident = pid
            try FileManager.default.createDirectory(atPath: folder + "/\(pid)", withIntermediateDirectories: true)
            try entry.write(toFile: folder + "/\(pid)/cgroup", atomically: true, encoding: .utf8)
            symlink("/proc/self/mountinfo", folder + "/self/mountinfo")
            // Until it has moved.
            for _ in 0..<500 {
                let list = FileManager.default.contents(atPath: path + "/cgroup.procs") ?? Data()
                if ByteString(Array(list)).lines.contains(ByteString("\(pid)")) { break }
                usleep(2_000)
            }
        }
        return try DeviceCgroup(of: resident ?? 0, procPath: ByteString(folder))
    }

    private var entry: String { mount.hierarchy == .devices ? "5:devices:\(name)\n" : "0::\(name)\n" }

    func directory() throws -> CgroupDirectory { try CgroupDirectory(name, in: mount) }

    /// Attaches a program as a low-level runtime does.
    @discardableResult
    func attach(_ filter: DeviceFilter, flags: CInt = CLX_BPF_ALLOW_MULTI) throws -> UInt32 {
        let program = try DeviceProgram(loading: filter)
        let directory = try directory()
        let result = withExtendedLifetime((directory, program)) {
            clx_bpf_attach_device_program(
                directory.descriptor.number, program.descriptor.number, UInt32(flags), -1)
        }
        if result != 0 { throw LinuxError.last("attach") }
        return program.id
    }

    /// The attached programs.
    func attached() throws -> [UInt32] {
        var ids = [UInt32](repeating: 0, count: 64)
        var count: UInt32 = 64
        var flags: UInt32 = 0
        let directory = try directory()
        let result = withExtendedLifetime(directory) {
            clx_bpf_query_device_programs(directory.descriptor.number, &ids, &count, &flags)
        }
        if result != 0 { throw LinuxError.last("query") }
        return Array(ids.prefix(Int(count)))
    }

    func write(_ text: String, to file: ByteString) throws { try directory().write(text, to: file) }

    func read(_ file: ByteString) throws -> String { try directory().reading(file, limit: 1 << 20).description }
}
