// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import CDI

/// C-01 and C-09: which files and directories are read at all.
struct TrustTests {
    private let directories: Directories
    private let wanted = "vendor.example/device=0"

    init() throws { directories = try Directories() }

    /// The only warning of a request for a device of another file.
    private func warning() throws -> CDIProblem? {
        try directories.write("good.json", small(name: "good"))
        let warnings = try directories.resolve("vendor.example/device=good").warnings
        #expect(warnings.count <= 1)
        return warnings.first
    }

    private func bad(_ change: (String) throws -> Void) throws -> CDIProblem? {
        let path = try directories.write("bad.json", small())
        try change(path.description)
        let problem = try warning()
        #expect(problem?.file == path)
        // Who asks for the file's device learns what is wrong.
        let error = try #require(try directories.failure())
        #expect(error.description.hasPrefix("unresolvable CDI devices \(wanted): "))
        return problem
    }

    @Test("C-01: a file that others can write")
    func writable() throws {
        let problem = try bad { #expect(chmod($0, 0o664) == 0) }
        #expect(problem?.reason.contains("bad.json is writable by group or others (mode 0664)") == true)
        #expect(try directories.failure()?.hint.hasPrefix("correct or remove /var/tmp/cdi-") == true)
    }

    @Test("C-01: a file of another owner", .enabled(if: geteuid() == 0))
    func owner() throws {
        let problem = try bad { #expect(chown($0, 12345, 0) == 0) }
        #expect(problem?.reason.contains("bad.json is owned by uid 12345") == true)
    }

    @Test("C-01: a FIFO, which must not be waited for")
    func fifo() throws {
        let problem = try bad {
            #expect(unlink($0) == 0)
            #expect(mkfifo($0, 0o644) == 0)
        }
        #expect(problem?.reason == "not a regular file")
    }

    @Test("C-01: 100 MiB")
    func large() throws {
        let problem = try bad { #expect(truncate($0, 100 << 20) == 0) }
        #expect(problem?.reason == "larger than 10485760 bytes")
    }

    @Test("C-01: a file that we may not read", .enabled(if: geteuid() != 0))
    func unreadable() throws {
        let problem = try bad { #expect(chmod($0, 0) == 0) }
        #expect(problem?.reason == "Permission denied")
    }

    @Test("C-01: a link out of the directory counts if nobody untrusted can change what it leads to")
    func links() throws {
        let elsewhere = directories.base.appending(component: "elsewhere.json")
        try directories.write("elsewhere.json", small(), in: directories.base)
        let link = directories.high.appending(component: "link.json")
        #expect(symlink("../elsewhere.json", link.description) == 0)
        #expect(try directories.resolve(wanted).files == [link])
        #expect(chmod(elsewhere.description, 0o646) == 0)
        #expect(try warning()?.reason.contains("elsewhere.json is writable by group or others") == true)
        #expect(unlink(elsewhere.description) == 0)
        #expect(try warning()?.reason == "No such file or directory")
        #expect(symlink("elsewhere.json", elsewhere.description) == 0)
        #expect(try warning()?.reason == "Too many levels of symbolic links")
        #expect(unlink(elsewhere.description) == 0)
        #expect(mkfifo(elsewhere.description, 0o644) == 0)
        #expect(try warning()?.reason == "not a regular file")
    }

    @Test("C-01: a directory that others can write")
    func writableDirectory() throws {
        try directories.write("x.json", small(), in: directories.low)
        try directories.write("x.json", small())
        #expect(chmod(directories.high.description, 0o777) == 0)
        let resolution = try directories.resolve(wanted)
        #expect(resolution.files.map(\.parentPath) == [directories.low])
        #expect(resolution.warnings.map(\.file) == [directories.high])
        #expect(resolution.warnings.first?.reason.contains("is writable by group or others (mode 0777)") == true)
        #expect(chmod(directories.low.description, 0o777) == 0)
        #expect(try directories.failure()?.description.contains("not trusted: ") == true)
    }

    @Test("C-01: what is no directory, and what is no name of a CDI file")
    func names() throws {
        for name in ["x.yml", "x.json.bak", "x.JSON", "json", ".yaml~", "x"] { try directories.write(name, small()) }
        #expect(mkdir(directories.high.appending(component: "dir.json").description, 0o755) == 0)
        guard case .unresolvable(let devices) = try directories.failure(),
            case .unknownKind(_, let reports) = devices.first?.cause
        else {
            Issue.record("resolved")
            return
        }
        #expect(reports == [.init(path: directories.high, files: 1), .init(path: directories.low, files: 0)])
        let registry = CDIRegistry(directories: [directories.high.appending(component: "x"), "relative", ""])
        let error = failure { () throws(CDIError) in try registry.resolve([CDIQualifiedName("a/b=c")].compactMap { $0 })
        }
        #expect(error?.description.contains("not an absolute path") == true)
        try directories.write(".yaml", small())
        #expect(try directories.resolve(wanted).edits.count == 1)
    }

    @Test("C-09: the directory is replaced between listing and reading")
    func replacedDirectory() throws {
        try directories.write("x.json", small())
        guard let directory = try CDIDirectory(opening: directories.high) else {
            Issue.record("no directory")
            return
        }
        let moved = directories.base.appending(component: "moved")
        #expect(rename(directories.high.description, moved.description) == 0)
        try directories.write("x.json", small(#"{"env":["EVIL=1"]}"#), in: directories.low)
        #expect(symlink("low", directories.high.description) == 0)
        let content = try #require(try directory.content(of: "x.json"))
        #expect(content.text == Array(small().utf8))
        #expect(throws: CDIProblem(file: directories.high + "/x.json", "was replaced while it was being read")) {
            try directory.requireTrusted("x.json", content)
        }
    }

    @Test("C-09: a file goes, or becomes something else, between listing and reading")
    func replacedFile() throws {
        let path = try directories.write("x.json", small())
        guard let directory = try CDIDirectory(opening: directories.high) else {
            Issue.record("no directory")
            return
        }
        let names = directory.names
        #expect(names == ["x.json"])
        #expect(unlink(path.description) == 0)
        #expect(try directory.content(of: "x.json") == nil)
        #expect(mkdir(path.description, 0o755) == 0)
        #expect(try directory.content(of: "x.json") == nil)
        #expect(rmdir(path.description) == 0)
        #expect(symlink("/proc/self/mem", path.description) == 0)
        #expect(throws: CDIProblem.self) { try directory.content(of: "x.json") }
        #expect(unlink(path.description) == 0)
        try directories.write("x.json", small())
        let content = try #require(try directory.content(of: "x.json"))
        let other = try directories.write("y.json", small(#"{"env":["EVIL=1"]}"#))
        #expect(rename(other.description, path.description) == 0)
        #expect(throws: CDIProblem(file: path, "was replaced while it was being read")) {
            try directory.requireTrusted("x.json", content)
        }
    }

    @Test func manyEntries() throws {
        for number in 0...10_000 { try directories.write("\(number).json", "") }
        #expect(try directories.failure()?.description.contains("File too large") == true)
    }
}
