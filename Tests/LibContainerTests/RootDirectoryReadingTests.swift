// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

/// Reading files that an image chose (L-03).
struct RootDirectoryReadingTests {
    @Test(.timeLimit(.minutes(1))) func everyKindOfFile() throws {
        let scratch = try ScratchRoot()
        try scratch.write("file", "text")
        try scratch.link("link", to: "/file")
        try scratch.link("dangling", to: "/nowhere")
        try scratch.makeDirectory("directory")
        #expect(mkfifo(scratch.path + "/fifo", 0o644) == 0)
        let sparse = try FileDescriptor(
            opening: ByteString(scratch.path + "/sparse"), flags: O_WRONLY | O_CREAT, mode: 0o644)
        #expect(ftruncate(sparse.number, 8 << 30) == 0)

        let root = try scratch.open()
        #expect(try root.readFile("/file", limit: 4) == Array("text".utf8))
        #expect(try root.readFile("/link", limit: 4) == Array("text".utf8))
        #expect(try root.readFile("/dangling", limit: 4) == nil)
        #expect(try root.readFile("/nowhere", limit: 4) == nil)
        let refused: [(ByteString, CInt)] = [
            ("/file", EFBIG), ("/sparse", EFBIG), ("/directory", EINVAL), ("/fifo", EINVAL),
        ]
        for (path, code) in refused {
            do {
                _ = try root.readFile(path, limit: 3)
                Issue.record("\(path) was read")
            } catch {
                #expect(error.code == code, "\(path)")
            }
        }
    }

    @Test func filesWithoutASizeAreEmpty() throws {
        let root = try RootDirectory(opening: "/")
        #expect(try root.readFile("/proc/version", limit: 4096) == [])
    }

    @Test func devicesAreNotOpened() throws {
        let root = try RootDirectory(opening: "/")
        #expect(throws: LinuxError.self) { try root.readFile("/dev/zero", limit: 4096) }
    }
}
