// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import OCISpec
import Testing

@testable import CDI

/// What is completed from the host, and refused because of it. With the real host.
struct HostTests {
    private let directories: Directories

    init() throws { directories = try Directories() }

    private func resolve(_ edits: String) throws -> CDIResolvedEdits {
        try directories.write("x.json", small(edits))
        return try #require(try directories.resolve("vendor.example/device=0", host: .live).edits.first)
    }

    private func failure(_ edits: String) throws -> CDIError {
        try directories.write("x.json", small(edits))
        return try #require(try directories.failure("vendor.example/device=0", host: .live))
    }

    private func node(_ members: String) -> String { #"{"deviceNodes":[{\#(members)}]}"# }

    @Test func completesNodes() throws {
        let status = try FileStatus.of("/dev/null")
        let found = try resolve(node(#""path":"/dev/x","hostPath":"/dev/null""#)).deviceNodes
        #expect(
            found == [
                CDIHostDevice(
                    path: "/dev/x", hostPath: "/dev/null", kind: .character, major: 1, minor: 3,
                    fileMode: status.permissions, access: "rwm", uid: nil, gid: nil)
            ])
        let stated = try resolve(
            node(
                #""path":"/dev/null","type":"u","major":1,"minor":3,"fileMode":256,"permissions":"r","uid":7,"gid":8"#))
        #expect(
            stated.deviceNodes == [
                CDIHostDevice(
                    path: "/dev/null", hostPath: "/dev/null", kind: .unbufferedCharacter, major: 1, minor: 3,
                    fileMode: 0o400, access: "r", uid: 7, gid: 8)
            ])
        let fifo = directories.base.appending(component: "fifo")
        #expect(mkfifo(fifo.description, 0o600) == 0)
        let pipe = try resolve(node(#""path":"/run/x","hostPath":"\#(fifo)","type":"p","major":9"#)).deviceNodes
        #expect(pipe.first?.kind == .fifo)
        #expect(pipe.first?.major == 0 && pipe.first?.fileMode == 0o600)
    }

    @Test("P6, P7: a node that is not there")
    func missingNode() throws {
        let error = try failure(node(#""path":"/dev/nvidia-none""#))
        let file = directories.high.appending(component: "x.json")
        #expect(
            error.description
                == "failed to stat CDI host device \"/dev/nvidia-none\": No such file or directory "
                + "(vendor.example/device=0 in \(Shown.path(file, limit: 48)))")
        #expect(error.hint.contains("load the driver's modules"))
        #expect(try failure(node(#""path":"/dev/null/x""#)).description.contains("failed to stat CDI host device"))
    }

    @Test("C-06: a host path that is no device of the stated type and numbers")
    func otherNodes() throws {
        let file = try directories.write("regular", "", in: directories.base)
        let link = directories.base.appending(component: "link")
        #expect(symlink("/dev/null", link.description) == 0)
        for path in [file, link, directories.base] {
            for type in ["", #","type":"b""#, #","type":"c""#] {
                let error = try failure(node(#""path":"/dev/x","hostPath":"\#(path)"\#(type)"#))
                #expect(error.description.contains(": not a device node ("))
            }
        }
        let error = try failure(node(#""path":"/dev/null","major":1,"minor":5"#))
        #expect(error.description.contains("the file says 1:5, the node is 1:3"))
        #expect(error.hint.contains("older than the driver"))
        let block = try failure(node(#""path":"/dev/null","type":"b""#))
        #expect(block.description.contains("the file says b, the node is c"))
    }

    @Test("C-05: a host path of a mount that is a link is one of many; P6: one that is not there is named")
    func mounts() throws {
        let link = directories.base.appending(component: "link")
        #expect(symlink("low", link.description) == 0)
        let mount = #"{"mounts":[{"hostPath":"\#(link)","containerPath":"/x","options":["rbind"]}]}"#
        #expect(try resolve(mount).mounts == [CDIMount(hostPath: link, containerPath: "/x", options: ["rbind"])])
        #expect(rmdir(directories.low.description) == 0)
        let error = try failure(mount)
        #expect(error.description.hasPrefix("no such file or folder to mount: \(link) (vendor.example/device=0 in "))
        // Not for a file system, whose source may be any name.
        let tmpfs = #"{"mounts":[{"hostPath":"none-such","containerPath":"/x","type":"tmpfs"}]}"#
        #expect(try resolve(tmpfs).mounts.first?.hostPath == "none-such")
    }

    private func hook(_ path: ByteString, _ more: String = "", stage: String = "createContainer") -> String {
        #"{"hooks":[{"hookName":"\#(stage)","path":"\#(path)"\#(more)}]}"#
    }

    private func program(_ mode: mode_t = 0o755) throws -> ByteString {
        let path = try directories.write("hook", "#!/bin/sh\n", in: directories.base)
        #expect(chmod(path.description, mode) == 0)
        return path
    }

    @Test("C-07: an environment and a limit where the file has none (CVE-2025-23266)")
    func hookDefaults() throws {
        let path = try program()
        for empty in ["", #","env":[]"#, #","env":null"#] {
            #expect(
                try resolve(hook(path, empty)).hooks == [
                    CDIHook(
                        stage: .createContainer, path: path, environment: ["SWIFT_BACKTRACE=enable=no"], timeout: 30)
                ])
        }
        let stated = try resolve(hook(path, #","args":["h","x"],"env":["A=b"],"timeout":7"#, stage: "poststop"))
        #expect(
            stated.hooks == [
                CDIHook(stage: .poststop, path: path, arguments: ["h", "x"], environment: ["A=b"], timeout: 7)
            ])
    }

    @Test(
        "C-07: hooks that run on the host must be programs that nobody else can change",
        arguments: ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
    func hooks(stage: String) throws {
        let path = try program()
        #expect(try resolve(hook(path, stage: stage)).hooks.first?.stage.rawValue == stage)
        #expect(chmod(path.description, 0o775) == 0)
        let writable = try failure(hook(path, stage: stage))
        #expect(
            writable.description.hasPrefix("hook is not trusted: \(path) is writable by group or others (mode 0775"))
        #expect(writable.hint == "run chmod go-w \(path)")
        #expect(chmod(path.description, 0o644) == 0)
        #expect(try failure(hook(path, stage: stage)).description.contains(": not an executable file ("))
        #expect(try failure(hook(directories.base, stage: stage)).description.contains(": not an executable file ("))
        if geteuid() == 0 {
            #expect(chown(path.description, 12345, 0) == 0)
            let owned = try failure(hook(path, stage: stage))
            #expect(owned.description.contains("\(path) is owned by uid 12345"))
            #expect(owned.hint == "run chown 0 \(path)")
        }
        #expect(unlink(path.description) == 0)
        let missing = try failure(hook(path, stage: stage))
        #expect(missing.description.hasPrefix("hook can't be run: \(path): No such file or directory ("))
        #expect(missing.hint.contains("have it made anew"))
    }

    @Test("C-07: a program in a folder that others can write")
    func hookInSharedFolder() throws {
        let path = try directories.write("hook", "#!/bin/sh\n", in: directories.low)
        #expect(chmod(path.description, 0o755) == 0)
        #expect(try resolve(hook(path)).hooks.count == 1)
        #expect(chmod(directories.low.description, 0o777) == 0)
        #expect(try failure(hook(path)).description.contains("\(directories.low) is writable"))
    }

    /// A startContainer hook runs in the container, as its process does: the path means nothing on the host.
    @Test("C-07: a startContainer hook is the container's own")
    func startContainer() throws {
        let found = try resolve(hook("/none/such", stage: "startContainer")).hooks.first
        #expect(found?.environment == CDIHook.defaultEnvironment)
        #expect(found?.timeout == CDIHook.defaultTimeout)
    }

    @Test("C-10: environment is for the container's process only; group 0 is not given")
    func containerOnly() throws {
        let path = try program()
        let edits =
            #"{"env":["LD_PRELOAD=/x.so","PATH=/y"],"additionalGids":[0,44,0],"#
            + hook(path).dropFirst()
        let resolved = try resolve(edits)
        #expect(resolved.environment == ["LD_PRELOAD=/x.so", "PATH=/y"])
        #expect(resolved.hooks.map(\.environment) == [CDIHook.defaultEnvironment])
        #expect(resolved.additionalGIDs == [44])
        let resolution = try directories.resolve("vendor.example/device=0")
        #expect(
            resolution.warnings.map(\.description) == [
                "\(directories.high)/x.json: group 0 in additionalGids is not given to a container"
            ])
    }

    @Test func interfacesOfTwoDevicesMayNotClash() throws {
        func device(_ name: String) -> String {
            #"{"name":"\#(name)","containerEdits":{"netDevices":[{"hostInterfaceName":"\#(name)","name":"net0"}]}}"#
        }
        try directories.write(
            "x.json",
            #"{"cdiVersion":"1.1.0","kind":"vendor.example/device","devices":[\#(device("a")),\#(device("b"))]}"#)
        #expect(try directories.resolve("vendor.example/device=a").edits.count == 1)
        let error = try directories.failure("vendor.example/device=a", "vendor.example/device=b")
        #expect(error?.description.hasPrefix("refused CDI edit: interface b or name net0 is used twice") == true)
    }
}
