// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import RuntimeCommand

/// Where a log may be written (T-04, G-02).
@Suite final class LogFileTests {
    private let directory: ByteString

    init() throws {
        var template = Array("/var/tmp/log-file-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = template.withUnsafeBufferPointer { ByteString($0.dropLast().map { UInt8(bitPattern: $0) }) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory.description) }

    private func path(_ name: ByteString) -> ByteString { directory.appending(component: name) }

    private func append(_ line: String, to path: ByteString, createsDirectories: Bool = true) {
        LogFile(path: path, createsDirectories: createsDirectories).append(Array(line.utf8))
    }

    private func text(_ path: ByteString) -> String? {
        FileManager.default.contents(atPath: path.description).map { String(decoding: $0, as: UTF8.self) }
    }

    private func write(_ text: String, to path: ByteString) throws {
        try #require(FileManager.default.createFile(atPath: path.description, contents: Data(text.utf8)))
    }

    @Test("T-04: what is in a file stays, such as /etc/passwd") func appends() throws {
        let file = path("passwd")
        try write("root:x:0:0::/root:/bin/sh\n", to: file)
        append("line\n", to: file)
        append("line\n", to: file)
        #expect(text(file) == "root:x:0:0::/root:/bin/sh\nline\nline\n")
    }

    @Test("T-04: a link is not followed, wherever it leads") func links() throws {
        let victim = path("victim")
        try write("before", to: victim)
        for (name, target) in [
            ("absolute", victim.description), ("relative", "victim"), ("dangling", path("new").description),
            ("stderr", "/proc/self/fd/2"),
        ] as [(ByteString, String)] {
            #expect(symlink(target, path(name).description) == 0)
            append("line\n", to: path(name))
        }
        #expect(text(victim) == "before")
        #expect(text(path("new")) == nil)
    }

    @Test("T-04: a second name of somebody's file is not written") func hardLinks() throws {
        let victim = path("victim")
        try write("before", to: victim)
        #expect(link(victim.description, path("log").description) == 0)
        append("line\n", to: path("log"))
        #expect(text(victim) == "before")
    }

    @Test("T-04: nothing but a regular file, and no hang") func kinds() throws {
        let fifo = path("fifo")
        #expect(mkfifo(fifo.description, 0o644) == 0)
        append("line\n", to: fifo)
        // With a reader the FIFO could be opened, and must not be written.
        let reader = open(fifo.description, O_RDONLY | O_NONBLOCK)
        append("line\n", to: fifo)
        var byte: UInt8 = 0
        #expect(read(reader, &byte, 1) == 0)
        close(reader)
        for file in ["/dev/full", "/dev/stderr", directory, "", ByteString("/a\0b")] as [ByteString] {
            append("line\n", to: file)
        }
    }

    @Test("T-04: a file of somebody else is not written", .enabled(if: geteuid() == 0)) func owners() throws {
        let file = path("log")
        try write("", to: file)
        #expect(chown(file.description, 12345, 12345) == 0)
        append("line\n", to: file)
        #expect(text(file)?.isEmpty == true)
    }

    @Test func directories() {
        append("line\n", to: path("a/b/log"))
        #expect(text(path("a/b/log")) == "line\n")
        append("line\n", to: path("c/log"), createsDirectories: false)
        #expect(text(path("c/log")) == nil)
    }
}
