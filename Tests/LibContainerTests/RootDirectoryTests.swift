// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import Linux
import Testing

@testable import LibContainer

/// Opening inside a root, by the kernel and by the walk that stands in for it (S-01 to S-03, S-07, S-15, S-19).
struct RootDirectoryTests {
    private let scratch: ScratchRoot

    init() throws {
        scratch = try ScratchRoot()
        try scratch.write("usr/lib/file", "x")
        try scratch.link("lib", to: "usr/lib")
        try scratch.link("absolute", to: "/usr/lib")
        try scratch.link("outside", to: scratch.canary)
        try scratch.link("up", to: "../../../../../../usr")
        try scratch.link("usr/back", to: "../lib/../lib")
        try scratch.link("loop", to: "loop")
        try scratch.link("slash", to: "/")
        try scratch.link("dots", to: "..")
        try scratch.link("dangling", to: "/nowhere")
        try scratch.link("toFile", to: "/usr/lib/file/")
        try scratch.link("chain0", to: "/usr")
        for index in 1...45 { try scratch.link("chain\(index)", to: "chain\(index - 1)") }
    }

    private static let paths = [
        "/", ".", "..", "/..", "/usr", "usr", "/usr/", "/usr/.", "/usr/..", "/usr/lib/file", "/usr/lib/file/",
        "/usr/lib/file/.", "/usr/lib/file/..", "/usr/lib/file/x", "/lib", "/lib/", "/lib/file", "/absolute/file",
        "/outside", "/outside/x", "/up", "/up/lib/file", "/usr/back/file", "/usr/../../usr/lib/../lib/file", "/loop",
        "/loop/x", "/slash", "/slash/usr", "/dots/usr", "/dangling", "/dangling/x", "/nowhere", "/nowhere/x",
        "/toFile", "//usr///lib//file", "/chain10", "/chain38", "/chain39", "/chain40", "/chain45", "/usr/\u{301}lib",
        "",
    ]

    private static let flagSets: [CInt] = [
        CLX_O_PATH, CLX_O_PATH | O_NOFOLLOW, CLX_O_PATH | O_DIRECTORY, O_RDONLY, O_RDONLY | O_NOFOLLOW,
        O_RDONLY | O_DIRECTORY, CLX_O_PATH | O_DIRECTORY | O_NOFOLLOW,
    ]

    private func result(_ open: () throws(LinuxError) -> FileDescriptor) -> String {
        do throws(LinuxError) {
            let status = try open().status()
            return "\(status.kind) \(status.inode)"
        } catch {
            return "errno \(error.code)"
        }
    }

    @Test(arguments: paths) func theWalkOpensWhatTheKernelOpens(path: String) throws {
        let root = try scratch.open()
        for flags in Self.flagSets {
            let kernel = result { () throws(LinuxError) in try root.open(ByteString(path), flags: flags) }
            let walk = result { () throws(LinuxError) in try root.openWalking(ByteString(path), flags: flags, mode: 0) }
            #expect(kernel == walk, "flags \(String(flags, radix: 8))")
        }
    }

    /// Where the kernel says that there is no link, the path is the file's own.
    @Test(arguments: paths) func openingWithoutLinks(path: String) throws {
        let root = try scratch.open()
        let path = ByteString(path)
        let opened: FileDescriptor?
        do throws(LinuxError) {
            opened = try root.openWithoutLinks(path, flags: CLX_O_PATH)
        } catch {
            #expect(result { () throws(LinuxError) in try root.open(path, flags: CLX_O_PATH) } == "errno \(error.code)")
            return
        }
        guard let opened, path.isPlainAbsolutePath else { return }
        let real = try ByteString(textOfLink: ByteString("/proc/self/fd/\(opened.number)"), relativeTo: AT_FDCWD)
        let own = try ByteString(
            textOfLink: ByteString("/proc/self/fd/\(root.descriptor.number)"), relativeTo: AT_FDCWD)
        #expect(real == (path == "/" ? own : own + path))
    }

    @Test(arguments: ["/lib", "/absolute/file", "/up", "/usr/back/file", "/outside", "/dangling", "/loop"])
    func aLinkIsNotOpenedWithoutLinks(path: String) throws {
        let opened = try scratch.open().openWithoutLinks(ByteString(path), flags: CLX_O_PATH)
        if opened != nil { Issue.record("\(path) was opened") }
    }

    @Test func nothingOutsideIsReached() throws {
        let root = try scratch.open()
        for path: ByteString in ["/outside", "/outside/x"] {
            #expect(try root.status(of: path) == nil)
            #expect(throws: LinuxError("open", path, code: ENOENT)) {
                _ = try root.openWalking(path, flags: CLX_O_PATH, mode: 0)
            }
        }
    }

    @Test func procfsLinksAreRefused() throws {
        let root = try RootDirectory(opening: "/")
        for path: ByteString in ["/proc/self/root", "/proc/self/cwd/x", "/proc/self/fd/0", "/proc/thread-self/exe"] {
            for flags in [CLX_O_PATH, O_RDONLY] {
                #expect(throws: LinuxError.self) { _ = try root.open(path, flags: flags) }
                #expect(throws: LinuxError("open", path, code: ELOOP)) {
                    _ = try root.openWalking(path, flags: flags, mode: 0)
                }
            }
        }
    }

    @Test func theWalkCreatesInsideOnly() throws {
        let root = try scratch.open()
        _ = try root.openWalking("/absolute/new", flags: O_WRONLY | O_CREAT, mode: 0o644)
        #expect(scratch.names(in: "usr/lib") == ["file", "new"])
        #expect(throws: LinuxError.self) {
            _ = try root.openWalking("/outside/new", flags: O_WRONLY | O_CREAT, mode: 0o644)
        }
        #expect(throws: LinuxError.self) {
            _ = try root.openWalking("/toFile", flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        }
        #expect(scratch.canaryIsUntouched)
    }

    @Test func anEmbeddedNULIsRefused() throws {
        let root = try scratch.open()
        #expect(throws: LinuxError.self) { _ = try root.open(ByteString([0x2F, 0x75, 0, 0x78]), flags: CLX_O_PATH) }
    }
}
