// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import OCISpec

/// Opening and reading config.json (J-05, J-13, J-14).
struct SpecFileTests {
    private func refusal(_ bundle: TemporaryBundle) -> SpecError.Code? {
        code { () throws(SpecError) in _ = try bundle.open() }
    }

    @Test("a regular file is read whole")
    func reading() throws {
        let text = String(repeating: "x", count: 100_000)
        let bundle = try TemporaryBundle(text)
        #expect(try bundle.open().read() == Array(text.utf8))
        try bundle.write("")
        #expect(try bundle.open().read() == [])
    }

    @Test("J-13: a symbolic link is refused, wherever it leads")
    func links() throws {
        let bundle = try TemporaryBundle(nil)
        for target in ["/etc/hostname", "missing", "real.json"] {
            try FileManager.default.createSymbolicLink(atPath: bundle.config, withDestinationPath: target)
            #expect(refusal(bundle) == .refusedFile)
            try FileManager.default.removeItem(atPath: bundle.config)
        }
    }

    @Test("J-13: a FIFO, a socket and a directory are refused at once", .timeLimit(.minutes(1)))
    func kinds() throws {
        let fifo = try TemporaryBundle(nil)
        #expect(mkfifo(fifo.config, 0o600) == 0)
        #expect(refusal(fifo) == .refusedFile)

        let directory = try TemporaryBundle(nil)
        try FileManager.default.createDirectory(atPath: directory.config, withIntermediateDirectories: false)
        #expect(refusal(directory) == .refusedFile)

        let socket = try TemporaryBundle(nil)
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(socket.config.utf8)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        #expect(refusal(socket) == .refusedFile)
    }

    @Test("J-13: a device is refused", .enabled(if: isRoot))
    func device() throws {
        let bundle = try TemporaryBundle(nil)
        guard mknod(bundle.config, S_IFCHR | 0o600, 0x0103) == 0 else { return }  // not in every container
        #expect(refusal(bundle) == .refusedFile)
    }

    @Test("J-13: a second hard link, and a mode that lets nobody read")
    func linksAndModes() throws {
        let bundle = try TemporaryBundle()
        #expect(link(bundle.config, bundle.path + "/other") == 0)
        #expect(refusal(bundle) == .refusedFile)
        #expect(unlink(bundle.path + "/other") == 0)
        #expect(refusal(bundle) == nil)
        #expect(chmod(bundle.config, 0) == 0)
        #expect(refusal(bundle) == (isRoot ? .refusedFile : .system))
    }

    @Test("J-13: another user's file is refused, the bundle's owner's is not", .enabled(if: isRoot))
    func owners() throws {
        let bundle = try TemporaryBundle()
        #expect(chown(bundle.config, 4321, 4321) == 0)
        #expect(refusal(bundle) == .refusedFile)
        #expect(chown(bundle.path, 4321, 4321) == 0)
        #expect(refusal(bundle) == nil)
        #expect(chown(bundle.config, 0, 0) == 0)
        #expect(refusal(bundle) == nil)
    }

    @Test("what is missing is named")
    func missing() throws {
        let bundle = try TemporaryBundle(nil)
        let error = #expect(throws: SpecError.self) { _ = try bundle.open() }
        #expect(error?.description == "\(bundle.path)/config.json: stat config.json: No such file or directory")
        let none = #expect(throws: SpecError.self) { _ = try SpecFile(bundle: "/does/not/exist/") }
        #expect(
            none?.description
                == "/does/not/exist/config.json: open /does/not/exist/: No such file or directory")
        #expect(throws: SpecError.self) { _ = try SpecFile(bundle: ByteString(bundle.path + "\u{0}x")) }
    }

    @Test("J-14: the bundle may be reached by a link, and stays the same directory")
    func bundleLink() throws {
        let bundle = try TemporaryBundle("{\"a\":1}")
        let other = try TemporaryBundle("{\"b\":2}")
        let parent = try TemporaryBundle(nil)
        let link = parent.path + "/bundle"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: bundle.path)
        let file = try SpecFile(bundle: ByteString(link))
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: other.path)
        #expect(try file.read() == Array("{\"a\":1}".utf8))
        try file.replace(with: Array("{\"a\":3}".utf8))
        #expect(try bundle.text == "{\"a\":3}")
        #expect(try other.text == "{\"b\":2}")
    }
}
