// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Linux

@Suite final class TrustedPathTests {
    private let directory: ByteString

    init() throws {
        var template = Array("/var/tmp/trusted-path-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = template.withUnsafeBufferPointer { ByteString($0.dropLast().map { UInt8(bitPattern: $0) }) }
        try make("a", 0o755)
        try make("a/b", 0o755)
        try make("shared", 0o777)
        try make("shared/own", 0o755)
        try make("sticky", 0o1777)
        try make("sticky/own", 0o755)
        for file in ["a/b/f", "shared/own/f", "sticky/own/f", "sticky/f"] as [ByteString] {
            try #require(FileManager.default.createFile(atPath: path(file).description, contents: nil))
            #expect(chmod(path(file).description, 0o644) == 0)
        }
        for (link, target) in [
            ("relative", "a/../a/./b//f"), ("absolute", path("a/b/f").description), ("loop", "loop"),
            ("through", "shared/own/f"), ("dangling", "nothing/here"),
        ] {
            #expect(symlink(target, path(ByteString(link)).description) == 0)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory.description) }

    private func path(_ name: ByteString) -> ByteString { directory.appending(component: name) }

    private func make(_ name: ByteString, _ mode: mode_t) throws {
        try #require(mkdir(path(name).description, 0o755) == 0)
        #expect(chmod(path(name).description, mode) == 0)
    }

    private func reason(_ path: ByteString) -> TrustError? {
        do throws(TrustError) {
            _ = try TrustedPath(path)
            return nil
        } catch {
            return error
        }
    }

    @Test func followsWhatIsTrusted() throws {
        let file = try FileStatus.of(path("a/b/f"))
        for name in ["a/b/f", "a//b/./f", "a/b/../b/f", "relative", "absolute", "sticky/own/f"] as [ByteString] {
            #expect(reason(path(name)) == nil, "\(name)")
        }
        let trusted = try TrustedPath(path("relative"))
        #expect(trusted.resolved == path("a/b/f"))
        #expect(trusted.status.inode == file.inode)
        #expect(try TrustedPath("/").resolved == "/")
        #expect(try TrustedPath("/../..").resolved == "/")
    }

    @Test func refusesWhatOthersCanChange() {
        #expect(reason(path("shared/own/f"))?.path == path("shared"))
        #expect(reason(path("shared/own/f"))?.reason == .writable(0o777))
        #expect(reason(path("through"))?.path == path("shared"))
        // A sticky directory is passed on the way, not as the end of it.
        #expect(reason(path("sticky"))?.reason == .writable(0o1777))
        #expect(reason("relative/path")?.reason == .relative)
        #expect(reason("")?.reason == .relative)
    }

    @Test(.enabled(if: geteuid() == 0)) func refusesOwners() {
        #expect(chown(path("sticky/own").description, 12345, 0) == 0)
        #expect(reason(path("sticky/own/f")) == TrustError(.owner(12345), path("sticky/own")))
        #expect(lchown(path("relative").description, 12345, 0) == 0)
        #expect(reason(path("relative")) == nil, "nobody but root can replace a link in a directory of root")
        #expect(symlink(path("a/b/f").description, path("sticky/link").description) == 0)
        #expect(reason(path("sticky/link")) == nil)
        #expect(lchown(path("sticky/link").description, 12345, 0) == 0)
        #expect(reason(path("sticky/link")) == TrustError(.owner(12345), path("sticky/link")))
        #expect(chown(path("a").description, 65534, 0) == 0)
        #expect(reason(path("a/b/f")) == TrustError(.owner(65534), path("a")))
    }

    @Test func saysWhatIsMissing() {
        #expect(reason(path("nothing"))?.isMissing == true)
        #expect(reason(path("dangling"))?.isMissing == true)
        #expect(reason(path("a/b/f/x"))?.isMissing == true)
        #expect(reason(path("loop"))?.reason == .system(ELOOP))
        #expect(reason("/a\0b")?.reason == .system(EINVAL))
        #expect(
            "\(TrustError(.writable(0o1777), "/x"))"
                == "/x is writable by group or others (mode 01777); run chmod go-w /x")
    }
}
