// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import OCISpec

/// Replacing config.json (J-15 to J-19). Serialized: one test lowers the process's file size limit, others mount.
@Suite(.serialized)
struct SpecFileReplaceTests {
    private let new = Array("{\"new\":true}".utf8)

    /// Replaces the bundle's file and checks that this fails with `expected`, that the old text stays, and that nothing
    /// else is left in the bundle.
    private func expectFailure(
        _ bundle: TemporaryBundle, _ expected: SpecError.Code, _ reason: String, text: [UInt8]? = nil
    ) throws {
        let old = try bundle.text
        let names = try bundle.names
        let file = try bundle.open()
        let error = #expect(throws: SpecError.self) { try file.replace(with: text ?? new) }
        #expect(error?.code == expected)
        #expect(error?.description == "\(bundle.config): \(reason)")
        #expect(try bundle.text == old)
        #expect(try bundle.names == names)
    }

    @Test("the new text is there, in a new file, and nothing else")
    func replacing() throws {
        let bundle = try TemporaryBundle()
        let old = try bundle.status()
        let file = try bundle.open()
        let text = try file.read()
        try file.replace(with: new)
        #expect(text == Array("{\"ociVersion\":\"1.0.2\"}".utf8))
        #expect(try bundle.text == "{\"new\":true}")
        #expect(try bundle.names == ["config.json"])
        #expect(try bundle.status().inode != old.inode)
    }

    @Test("J-15: a file that changed meanwhile is not replaced")
    func changed() throws {
        for change: (TemporaryBundle) throws -> Void in [
            { try $0.write("{\"other\":1}") },
            { try $0.write("{\"ociVersion\":\"1.0.3\"}") },  // of the same size
            { #expect(chmod($0.config, 0o600) == 0) },
            { #expect(unlink($0.config) == 0) },
            {
                try Data("{\"ociVersion\":\"1.0.2\"}".utf8).write(to: URL(filePath: $0.path + "/x"))
                #expect(rename($0.path + "/x", $0.config) == 0)
            },
            {
                #expect(unlink($0.config) == 0)
                try FileManager.default.createSymbolicLink(atPath: $0.config, withDestinationPath: "/etc/hostname")
            },
            { try $0.open().replace(with: Array("{}".utf8)) },
        ] {
            let bundle = try TemporaryBundle()
            let file = try bundle.open()
            usleep(20_000)  // time stamps have the resolution of the kernel's tick
            try change(bundle)
            let names = try bundle.names
            let error = #expect(throws: SpecError.self) { try file.replace(with: new) }
            #expect(error?.code == .changedMeanwhile)
            #expect(try bundle.names == names)
        }
    }

    @Test("J-16: what a killed run left is removed, what a live one writes is not")
    func leftovers() throws {
        let bundle = try TemporaryBundle()
        let others = [
            ".config.json.0123", ".config.json.0123456789abcdeg", "config.json.0123456789abcdef", ".config.json",
        ]
        for name in others + [".config.json.0123456789abcdef"] {
            try Data("{".utf8).write(to: URL(filePath: bundle.path + "/" + name))
        }
        let link = ".config.json.fedcba9876543210"
        try FileManager.default.createSymbolicLink(
            atPath: bundle.path + "/" + link, withDestinationPath: "/etc/hostname")
        let directory = try FileDescriptor(opening: ByteString(bundle.path), flags: O_RDONLY | O_DIRECTORY)
        let live = try TemporaryFile(in: directory)
        let during = Set(try bundle.names)
        try bundle.open().replace(with: new)
        #expect(during.subtracting(try bundle.names) == [".config.json.0123456789abcdef"])
        #expect(try Set(bundle.names).subtracting(during) == [])
        #expect(during.count == others.count + 4)
        _ = consume live
        #expect(try Set(bundle.names) == Set(others + ["config.json", link]))
    }

    @Test("J-16: a temporary file is 0600 and goes with its owner")
    func temporaryFile() throws {
        let bundle = try TemporaryBundle(nil)
        let directory = try FileDescriptor(opening: ByteString(bundle.path), flags: O_RDONLY | O_DIRECTORY)
        do {
            let file = try TemporaryFile(in: directory)
            #expect(try file.descriptor.status().permissions == 0o600)
            #expect(try bundle.names.count == 1)
        }
        #expect(try bundle.names == [])
    }

    @Test("J-17: a file size limit is an error, not a signal")
    func fileSizeLimit() throws {
        let bundle = try TemporaryBundle()
        var old = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) == 0)
        // Far above what other tests of this process write at the same time; the signal would end all of them.
        let oldAction = signal(SIGXFSZ, SIG_IGN)
        defer { signal(SIGXFSZ, oldAction) }
        var low = rlimit(rlim_cur: 64 << 20, rlim_max: old.rlim_max)
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &low) == 0)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) }
        let text = [UInt8](repeating: 0x20, count: 65 << 20)
        try expectFailure(bundle, .system, "write temporary file: File too large", text: text)
    }

    @Test("J-17: a full file system", .enabled(if: isRoot))
    func noSpace() throws {
        let bundle = try TemporaryBundle(nil)
        guard try bundle.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", bundle.path) else { return }
        defer { #expect(throws: Never.self) { try bundle.run("umount", bundle.path) } }
        try bundle.write("{}")
        let text = [UInt8](repeating: 0x20, count: 1 << 20)
        try expectFailure(bundle, .system, "write: No space left on device", text: text)
    }

    @Test("J-17: a read-only file system", .enabled(if: isRoot))
    func readOnly() throws {
        let bundle = try TemporaryBundle(nil)
        guard try bundle.run("mount", "-t", "tmpfs", "none", bundle.path) else { return }
        defer { #expect(throws: Never.self) { try bundle.run("umount", bundle.path) } }
        try bundle.write("{}")
        guard try bundle.run("mount", "-o", "remount,ro", bundle.path) else { return }
        try expectFailure(bundle, .system, "create temporary file in the bundle: Read-only file system")
    }

    @Test("J-18: a mount on config.json", .enabled(if: isRoot))
    func mounted() throws {
        let bundle = try TemporaryBundle()
        guard try bundle.run("mount", "--bind", bundle.config, bundle.config) else { return }
        defer { #expect(throws: Never.self) { try bundle.run("umount", bundle.config) } }
        try expectFailure(bundle, .system, "rename temporary file: Device or resource busy")
    }

    @Test(
        "J-19: the mode stays", arguments: [0o400, 0o600, 0o640, 0o644, 0o666, 0o4755] as [mode_t])
    func mode(_ mode: mode_t) throws {
        let bundle = try TemporaryBundle()
        #expect(chmod(bundle.config, mode) == 0)
        try bundle.open().replace(with: new)
        #expect(try bundle.status().permissions == mode)
    }

    @Test("J-19: owner and group stay", .enabled(if: isRoot))
    func owner() throws {
        let bundle = try TemporaryBundle()
        #expect(chown(bundle.path, 1234, 0) == 0)
        #expect(chown(bundle.config, 1234, 2345) == 0)
        #expect(chmod(bundle.config, 0o2640) == 0)
        try bundle.open().replace(with: new)
        let status = try bundle.status()
        #expect(status.owner == 1234 && status.group == 2345 && status.permissions == 0o2640)
    }

    @Test("J-19: the access list stays, and with it what the group may")
    func accessList() throws {
        let bundle = try TemporaryBundle()
        // linux/posix_acl_xattr.h: version 2, then tag, permissions and ID of u::rw- u:1234:rw- g::--- m::rw- o::---
        var list: [UInt8] = [2, 0, 0, 0]
        for (tag, permissions, id) in [(1, 6, -1), (2, 6, 1234), (4, 0, -1), (16, 6, -1), (32, 0, -1)]
            as [(UInt16, UInt16, Int32)]
        {
            withUnsafeBytes(of: tag.littleEndian) { list += $0 }
            withUnsafeBytes(of: permissions.littleEndian) { list += $0 }
            withUnsafeBytes(of: id.littleEndian) { list += $0 }
        }
        let descriptor = try FileDescriptor(opening: ByteString(bundle.config), flags: O_RDONLY)
        guard (try? descriptor.setExtendedAttribute("system.posix_acl_access", to: list)) != nil else { return }
        #expect(try bundle.status().permissions == 0o660)
        try bundle.open().replace(with: new)
        let copy = try FileDescriptor(opening: ByteString(bundle.config), flags: O_RDONLY)
        #expect(try copy.extendedAttribute("system.posix_acl_access") == list)
        #expect(try bundle.status().permissions == 0o660)
    }

    @Test("J-05: a file over the limit is refused before it is read")
    func sparse() throws {
        let bundle = try TemporaryBundle()
        #expect(truncate(bundle.config, 10 << 30) == 0)
        let file = try bundle.open()
        let error = #expect(throws: SpecError.self) { _ = try file.read() }
        #expect(error?.description == "\(bundle.config): 10737418240 bytes; the limit is 4194304")
    }
}
