// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite struct NVMLCacheTests {
    /// Asks once, so that there is an answer in the cache.
    private func filled() throws -> HelperSetting {
        let setting = try HelperSetting()
        _ = try setting.ask()
        #expect(setting.calls == 1)
        return setting
    }

    @Test func asksOnce() throws {
        let setting = try filled()
        let first = try setting.ask()
        try FileManager.default.removeItem(atPath: setting.path + "/helper")
        #expect(try setting.ask() == first)
        #expect(setting.calls == 1)
        #expect(setting.root.names(in: "cache") == ["nvml"])
        #expect(try FileStatus.of(ByteString(setting.path + "/cache")).permissions == 0o700)
        #expect(try FileStatus.of(ByteString(setting.path + "/cache/nvml")).permissions == 0o600)
    }

    @Test func canBeIgnored() throws {
        let setting = try filled()
        _ = try setting.ask(ignoringCache: true)
        #expect(setting.calls == 2)
    }

    enum Change: CaseIterable { case boot, module, layout, library, libraryTime, stolenField }

    /// What an answer depends on; and a layout that looks like another field's line.
    @Test(arguments: Change.allCases) func isAskedAgainAfter(change: Change) throws {
        let setting = try filled()
        switch change {
        case .boot: try setting.root.write("proc/sys/kernel/random/boot_id", "another\n")
        case .module: setting.driverVersion = "550.54.15"
        case .layout: setting.layout = "gpu0 gi7 ci0, gi8 ci0"
        case .library:
            try setting.root.write("new.so", "library")
            rename(setting.path + "/new.so", setting.path + "/lib.so")
        case .libraryTime: utimes(setting.path + "/lib.so", nil)
        case .stolenField: setting.layout = setting.layout + "\nnvidia-runtime-nvml 1"
        }
        _ = try setting.ask()
        #expect(setting.calls == 2)
        _ = try setting.ask()
        #expect(setting.calls == 2)
    }

    @Test func failuresAreNotKept() throws {
        let setting = try HelperSetting()
        try setting.root.write("answer", NVMLReportTests.answer)
        #expect(try setting.ask().failures.count == 2)
        #expect(try setting.ask().failures.count == 2)
        #expect(setting.calls == 2)
    }

    /// A file that nobody but us can have written, or none.
    @Test func foreignFiles() throws {
        let setting = try filled()
        let path = setting.path + "/cache/nvml"
        var calls = 1
        func expectAskedAgain(_ comment: Comment) throws {
            _ = try setting.ask()
            calls += 1
            #expect(setting.calls == calls, comment)
        }
        chmod(path, 0o620)
        try expectAskedAgain("writable by others")
        let content = try #require(setting.root.read("cache/nvml"))
        rename(path, setting.path + "/kept")
        symlink(setting.path + "/kept", path)
        try expectAskedAgain("a link")
        unlink(path)
        mkfifo(path, 0o600)
        try expectAskedAgain("a FIFO")
        if geteuid() == 0 {
            chown(path, 1000, 1000)
            try expectAskedAgain("somebody else's")
        }
        for count in stride(from: 0, to: content.count, by: 7) {
            try setting.root.write("cache/nvml", content[..<count])
            chmod(path, 0o600)
            try expectAskedAgain("cut off after \(count) bytes")
        }
        _ = try setting.ask()
        #expect(setting.calls == calls)
    }

    /// A directory that others can write is not used, one that can't be made neither.
    @Test func worksWithoutADirectory() throws {
        let shared = try HelperSetting()
        try shared.root.makeDirectory("cache")
        chmod(shared.path + "/cache", 0o777)
        _ = try shared.ask()
        _ = try shared.ask()
        #expect(shared.calls == 2)
        #expect(shared.root.names(in: "cache").isEmpty)
        let blocked = try HelperSetting()
        try blocked.root.write("cache", "a file")
        _ = try blocked.ask()
        #expect(blocked.calls == 1)
        #expect(blocked.root.text("cache") == "a file")
        let linked = try HelperSetting()
        try linked.root.makeDirectory("elsewhere")
        try linked.root.link("cache", to: linked.path + "/elsewhere")
        _ = try linked.ask()
        #expect(linked.root.names(in: "elsewhere").isEmpty)
    }

    @Test func withoutABootIdentifier() throws {
        let setting = try HelperSetting()
        try FileManager.default.removeItem(atPath: setting.path + "/proc/sys")
        _ = try setting.ask()
        _ = try setting.ask()
        #expect(setting.calls == 2)
    }

    /// Many at once start one helper.
    @Test func concurrentQuestions() async throws {
        let setting = try HelperSetting("sleep 0.3; cat $D/answer")
        let helper = setting.helper
        let library = ByteString(setting.path + "/lib.so")
        let reports = await withTaskGroup(of: NVMLReport?.self) { group in
            for _ in 0..<8 {
                group.addTask { try? helper.report(library: library, driverVersion: "1.2", layout: "x") }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(reports.count == 8 && reports.allSatisfy { $0?.gpus.count == 2 })
        #expect(setting.calls == 1)
    }

    /// Whoever waits for somebody else's answer waits no longer than for its own.
    @Test func waitingHasALimit() throws {
        let setting = try HelperSetting()
        try setting.root.makeDirectory("cache")
        chmod(setting.path + "/cache", 0o700)
        let other = open(setting.path + "/cache", O_RDONLY | O_DIRECTORY)
        defer { close(other) }
        #expect(flock(other, LOCK_EX) == 0)
        #expect(
            setting.failure(milliseconds: 200)
                == .timedOut(library: ByteString(setting.path + "/lib.so"), milliseconds: 200))
        #expect(setting.calls == 0)
    }
}
