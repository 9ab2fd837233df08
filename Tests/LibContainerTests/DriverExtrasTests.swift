// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

/// Files that a container gets for a device gate or for MPS.
@Suite struct DriverExtrasTests {
    let tree: DiscoveryTree

    init() throws { tree = try DiscoveryTree() }

    func root() throws -> DriverRoot { try DriverRoot(opening: tree.bytes) }

    static let node = DeviceNode(
        path: "/dev/nvidia-fs0", hostPath: "/dev/nvidia-fs0", major: 505, minor: 0, permissions: 0o666, owner: 0,
        group: 0)

    func makeStorageFiles() throws {
        try tree.directory("/run/udev")
        try tree.link("/etc/cufile.json", to: "/usr/share/cufile.json")
        try tree.text("/usr/share/cufile.json", "{}")
    }

    @Test func gpuDirectStorage() throws {
        try makeStorageFiles()
        let files = try root().files(for: .gds, with: [Self.node])
        #expect(files.found.map(\.containerPath) == ["/run/udev", "/etc/cufile.json"])
        #expect(files.found.map(\.hostPath) == [tree.bytes + "/run/udev", tree.bytes + "/usr/share/cufile.json"])
        #expect(files.found.allSatisfy { $0.kind == .configuration })
        #expect(files.omissions.isEmpty)
    }

    @Test func storageFilesAreForItsNodesOnly() throws {
        try makeStorageFiles()
        #expect(try root().files(for: .gds, with: []).found.isEmpty)
        #expect(try root().files(for: .gds, with: []).omissions.isEmpty)
        for gate in DeviceGate.allCases where gate != .gds {
            #expect(try root().files(for: gate, with: [Self.node]).found.isEmpty)
        }
    }

    @Test func storageFilesOfTheWrongKind() throws {
        #expect(
            try root().files(for: .gds, with: [Self.node]).omissions.map(\.name) == ["/run/udev", "/etc/cufile.json"])
        try tree.file("/run/udev")
        try tree.directory("/etc/cufile.json")
        let files = try root().files(for: .gds, with: [Self.node])
        #expect(files.found.isEmpty)
        for omission in files.omissions {
            guard case .refused = omission.cause else {
                Issue.record("\(omission) is taken for absent")
                continue
            }
        }
    }

    /// nvidia-cuda-mps-control makes the directory with mode 0777.
    func makePipeDirectory() throws {
        try tree.directory("/tmp/nvidia-mps")
        #expect(chmod(tree.host("/tmp/nvidia-mps"), 0o777) == 0)
        try tree.socket("/tmp/nvidia-mps/control")
    }

    @Test func multiProcessService() throws {
        try makePipeDirectory()
        let files = try root().mpsDirectory()
        #expect(
            files.found == [
                DriverFile(
                    kind: .socket, hostPath: tree.bytes + "/tmp/nvidia-mps", containerPath: "/tmp/nvidia-mps",
                    capability: .compute, foundIn: "/tmp")
            ])
        #expect(files.omissions.isEmpty)
    }

    /// amazon-ecs-ami#771: a container that did not ask for MPS gets none.
    @Test func multiProcessServiceIsNotForEverybody() throws {
        try makePipeDirectory()
        let files = try root().locateFiles(for: .all, version: "535.261.03")
        #expect(!files.found.contains { $0.containerPath.hasPrefix("/tmp") })
    }

    static let unfit: [(what: String, isAbsent: Bool)] = [
        ("nothing", true), ("no daemon", true), ("a link", false), ("a file", false), ("a socket", false),
        ("control is a file", false), ("control is a link", false), ("somebody's directory", false),
        ("somebody's socket", false),
    ]

    @Test(arguments: unfit) func unfitPipeDirectories(what: String, isAbsent: Bool) throws {
        let path = "/tmp/nvidia-mps"
        let isRoot = geteuid() == 0
        switch what {
        case "nothing": break
        case "no daemon": try tree.directory(path)
        case "a link":
            try makePipeDirectory()
            try FileManager.default.moveItem(atPath: tree.host(path), toPath: tree.host("/tmp/real"))
            try tree.link(path, to: "real")
        case "a file": try tree.file(path)
        case "a socket": try tree.socket(path)
        case "control is a file": try tree.file(path + "/control")
        case "control is a link":
            try tree.socket("/tmp/other")
            try tree.link(path + "/control", to: "../other")
        case "somebody's directory":
            try makePipeDirectory()
            guard isRoot else { return }
            #expect(chown(tree.host(path), 12345, 0) == 0)
        default:
            try makePipeDirectory()
            guard isRoot else { return }
            #expect(chown(tree.host(path + "/control"), 12345, 0) == 0)
        }
        let files = try root().mpsDirectory()
        #expect(files.found.isEmpty)
        let omission = try #require(files.omissions.first)
        #expect(omission.name == ByteString(path))
        #expect((omission.cause == .notFound(searched: ["/tmp"])) == isAbsent)
    }
}
