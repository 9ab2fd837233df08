// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import RuntimeCommand

@Suite final class LowLevelRuntimeTests {
    /// A directory of our own under a path that nobody else can write.
    private let directory: ByteString

    init() throws {
        var template = Array("/var/tmp/low-level-runtime-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = template.withUnsafeBufferPointer { ByteString($0.dropLast().map { UInt8(bitPattern: $0) }) }
        #expect(chmod(directory.description, 0o755) == 0)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory.description) }

    private func path(_ name: ByteString) -> ByteString { directory.appending(component: name) }

    private func makeFile(_ name: ByteString, mode: mode_t = 0o755) throws -> ByteString {
        let path = path(name)
        try #require(FileManager.default.createFile(atPath: path.description, contents: Data("#!/bin/sh\n".utf8)))
        #expect(chmod(path.description, mode) == 0)
        return path
    }

    private func locate(
        _ candidates: [ByteString], searchPath: ByteString? = nil
    ) throws(LowLevelRuntimeError) -> ByteString {
        var lookup = LowLevelRuntime(searchPath: searchPath)
        return try lookup.locate(candidates)
    }

    private func message(_ candidates: [ByteString], searchPath: ByteString? = nil) -> String {
        do throws(LowLevelRuntimeError) {
            return "found \(try locate(candidates, searchPath: searchPath))"
        } catch {
            return error.hint.isEmpty ? "\(error)" : "\(error); \(error.hint)"
        }
    }

    @Test func takesTheFirstThatExists() throws {
        let program = try makeFile("runtime")
        #expect(try locate([path("missing"), program, "/bin/true"]) == program)
        #expect(try locate(["no-such-runtime-anywhere", program]) == program)
        #expect(try locate(["runtime"], searchPath: directory) == program)
        #expect(try locate(["true"], searchPath: nil).hasSuffix("/bin/true"))
    }

    @Test func saysWhatIsMissing() {
        #expect(message([]) == "at least one runtime candidate must be specified")
        #expect(
            message(["no-such-a", "/no/such/b"]).hasPrefix(
                "no runtime binary found from candidate list: [no-such-a /no/such/b]; install one of them"))
        #expect(message([""]) == "invalid path '': the name is empty")
        #expect(message(["runc;id"]).hasPrefix("no runtime binary found from candidate list: [runc;id]"))
    }

    /// E-08: what exists but must not be run stops the search.
    @Test func refusesWhatIsUnsafe() throws {
        let shared = try makeFile("shared", mode: 0o777)
        #expect(message([shared, "/bin/true"]).contains("is writable by group or others (mode 0777); run chmod go-w"))
        let data = try makeFile("data", mode: 0o644)
        #expect(message([data]) == "specified path '\(data)' is not an executable file")
        #expect(message([directory]) == "specified path '\(directory)' is not an executable file")
        #expect(message(["./runc"]).hasPrefix("no runtime binary found from candidate list: [./runc]"))
        #expect(FileManager.default.changeCurrentDirectoryPath("/"))
        #expect(message(["./bin/true"]) == "invalid path './bin/true': not trusted: ./bin/true is not an absolute path")
    }

    @Test(.enabled(if: geteuid() == 0)) func refusesFilesOfOthers() throws {
        let program = try makeFile("foreign")
        #expect(chown(program.description, 12345, 0) == 0)
        #expect(symlink(program.description, path("link").description) == 0)
        for candidate in [program, path("link")] {
            #expect(message([candidate]).contains("\(program) is owned by uid 12345; run chown 0 \(program)"))
        }
        #expect(message(["foreign"], searchPath: directory).contains("; invalid path '\(program)': not trusted"))
    }

    /// E-07: a directory that somebody else can write is passed over.
    @Test func passesOverUnsafeDirectories() throws {
        let evil = path("evil")
        #expect(mkdir(evil.description, 0o777) == 0)
        #expect(chmod(evil.description, 0o777) == 0)
        _ = try makeFile("evil/true")
        let found = try locate(["true"], searchPath: evil + ":relative::" + directory)
        #expect(found.hasSuffix("/bin/true"))
        #expect(!found.hasPrefix(directory))
    }

    @Test func neverFindsItself() throws {
        let program = try makeFile("self")
        #expect(symlink(program.description, path("runc").description) == 0)
        let own = try FileStatus.of(program)
        for candidate in [program, path("runc")] {
            var lookup = LowLevelRuntime(searchPath: nil, ownFile: own)
            #expect(throws: LowLevelRuntimeError.self) { try lookup.locate([candidate]) }
        }
        var lookup = LowLevelRuntime(searchPath: directory, ownFile: own)
        let found = try? lookup.locate(["runc"])
        #expect(found != path("runc"))
    }
}
