// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Testing

@testable import LibContainer

/// A helper that is a shell script, a library that is any file, and a cache in a temporary directory.
final class HelperSetting {
    let root: ScratchRoot
    let path: String
    var driverVersion: ByteString = "550.54.14"
    var layout: ByteString = "gpu0 gi7 ci0"

    /// `script` runs with the directory in `$D`; without one, the helper gives an answer.
    init(_ script: String = "cat $D/answer", interpreter: String = "/bin/sh") throws {
        root = try ScratchRoot()
        path = root.path.replacing("//", with: "/")
        try root.write("lib.so", "library")
        try root.write("proc/sys/kernel/random/boot_id", "11111111-2222-3333-4444-555555555555\n")
        let lines = NVMLReportTests.answer.split(separator: "\n").filter { !$0.hasPrefix("failed") }
        try root.write("answer", lines.joined(separator: "\n") + "\n")
        try root.write("script", "#!\(interpreter)\nD=\(path)\necho called >>$D/calls\n\(script)\n")
        // Not by us: another test's child may have what we write open for a moment, and then it can't be run (ETXTBSY).
        let install = URL(fileURLWithPath: "/usr/bin/install")
        try Process.run(install, arguments: ["-m", "755", path + "/script", path + "/helper"]).waitUntilExit()
    }

    var calls: Int { root.text("calls")?.split(separator: "\n").count ?? 0 }

    /// Looked for beside a place where there is none.
    var helper: NVMLHelper {
        NVMLHelper(
            places: [ByteString(path + "/missing/helper"), ByteString(path + "/helper")],
            cacheDirectory: ByteString(path + "/cache"), kernel: KernelDriver(procPath: ByteString(path + "/proc")))
    }

    func ask(ignoringCache: Bool = false, milliseconds: Int = 10_000) throws(NVMLError) -> NVMLReport {
        try helper.report(
            library: ByteString(path + "/lib.so"), driverVersion: driverVersion, layout: layout,
            ignoringCache: ignoringCache, milliseconds: milliseconds)
    }

    /// The error of a question; a test fails where there is none.
    func failure(milliseconds: Int = 10_000) -> NVMLError? {
        do throws(NVMLError) {
            let report = try ask(milliseconds: milliseconds)
            Issue.record("an answer: \(report)")
            return nil
        } catch {
            return error
        }
    }
}

@Suite struct NVMLHelperTests {
    @Test func asksTheHelper() throws {
        let setting = try HelperSetting()
        let report = try setting.ask()
        #expect(report.gpus.map(\.index) == [0, 2])
        #expect(setting.calls == 1)
    }

    /// No environment, no descriptor, no session, no ignored signal of ours.
    @Test func runsApart() throws {
        let setting = try HelperSetting(
            """
            for descriptor in /proc/$$/fd/*; do readlink $descriptor; done >$D/descriptors
            tr '\\0' '\\n' </proc/$$/environ >$D/environment
            echo $(($(cut -d ' ' -f 6 /proc/$$/stat) - $$)) >$D/session
            # Without 32 and 33, which are glibc's own.
            echo $((0x$(grep SigIgn /proc/$$/status | cut -f 2) & 0x7FFFFFFF)) >$D/ignored
            cat - $1 >$D/input
            exit 1
            """)
        let inherited = open(setting.path + "/answer", O_RDONLY)
        defer { close(inherited) }
        signal(SIGPIPE, SIG_IGN)
        #expect(setting.failure() == .failed(reason: "exit code 1"))
        let descriptors = try #require(setting.root.text("descriptors"))
        #expect(descriptors.contains("/dev/null\n") && !descriptors.contains("/answer"))
        #expect(setting.root.text("environment") == "")
        #expect(setting.root.text("session") == "0\n")
        #expect(setting.root.text("ignored") == "0\n")
        #expect(setting.root.text("input") == "library")
    }

    @Test func theHelpersWordsAreTheCause() throws {
        let setting = try HelperSetting("echo noise >&2; echo 'nvidia-runtime-nvml: GPU \u{1B}is lost' >&2; exit 1")
        #expect(setting.failure() == .failed(reason: "GPU \\x1bis lost"))
        #expect(try HelperSetting("exit 7").failure() == .failed(reason: "exit code 7"))
    }

    @Test func aCrashIsNamed() throws {
        let setting = try HelperSetting("kill -SEGV $$")
        #expect(
            setting.failure() == .failed(reason: "the library crashed (signal 11): \(setting.path)/lib.so"))
    }

    /// P-07 of the threat model: whatever hangs is killed, with its children, and reaped.
    @Test(arguments: [
        "sleep 100 & echo $! >>$D/pids; echo $$ >>$D/pids; sleep 100",
        "trap '' TERM INT HUP; echo $$ >>$D/pids; while :; do sleep 1; done",
        "echo $$ >>$D/pids; exec >&- 2>&-; sleep 100",
        "echo $$ >>$D/pids; cat $D/answer; while :; do sleep 1; done",
        "echo $$ >>$D/pids; while :; do echo error; done >&2",
    ])
    func aHangIsKilled(script: String) throws {
        let setting = try HelperSetting(script)
        let start = ContinuousClock.now
        #expect(
            setting.failure(milliseconds: 300)
                == .timedOut(library: ByteString(setting.path + "/lib.so"), milliseconds: 300))
        #expect(ContinuousClock.now - start < .seconds(5))
        try expectNothingLeft(setting)
    }

    /// A child that outlives the helper and holds its standard error delays nothing.
    @Test func whatTheHelperLeavesIsKilled() throws {
        let setting = try HelperSetting("sleep 100 >/dev/null & echo $! >>$D/pids; cat $D/answer")
        let start = ContinuousClock.now
        #expect(try setting.ask().gpus.count == 2)
        #expect(ContinuousClock.now - start < .seconds(5))
        try expectNothingLeft(setting)
    }

    private func expectNothingLeft(_ setting: HelperSetting) throws {
        let pids = try #require(setting.root.text("pids")).split(separator: "\n").compactMap { pid_t($0) }
        #expect(!pids.isEmpty)
        for pid in pids {
            // Who is not our child is reaped by init.
            var tries = 0
            while kill(pid, 0) == 0, tries < 200 {
                usleep(10_000)
                tries += 1
            }
            #expect(kill(pid, 0) == -1 && errno == ESRCH, "process \(pid) is left")
        }
    }

    @Test func outputHasALimit() throws {
        let setting = try HelperSetting("yes")
        #expect(setting.failure() == .malformed("longer than 262144 bytes"))
    }

    @Test func anAnswerHasToBeComplete() throws {
        let setting = try HelperSetting("head -n 5 $D/answer")
        #expect(setting.failure() == .malformed("cut off"))
    }

    @Test func notInstalled() throws {
        let setting = try HelperSetting()
        try FileManager.default.removeItem(atPath: setting.path + "/helper")
        #expect(
            setting.failure()
                == .helperNotInstalled(searched: [
                    ByteString(setting.path + "/missing/helper"), ByteString(setting.path + "/helper"),
                ]))
    }

    @Test func notTrusted() throws {
        let setting = try HelperSetting()
        chmod(setting.path + "/helper", 0o775)
        #expect(
            setting.failure()
                == .helperNotTrusted(TrustError(.writable(0o775), ByteString(setting.path + "/helper"))))
        chmod(setting.path + "/helper", 0o644)
        #expect(setting.failure() == .helperNotExecutable(path: ByteString(setting.path + "/helper")))
        chmod(setting.path + "/lib.so", 0o666)
        #expect(
            setting.failure()
                == .libraryNotTrusted(TrustError(.writable(0o666), ByteString(setting.path + "/lib.so"))))
        #expect(setting.calls == 0)
    }

    @Test func noLibrary() throws {
        let setting = try HelperSetting()
        try FileManager.default.removeItem(atPath: setting.path + "/lib.so")
        let error = try #require(setting.failure())
        #expect(error.description == "NVML library not found: \(setting.path)/lib.so: No such file or directory")
        #expect(setting.calls == 0)
    }

    @Test func noInterpreter() throws {
        let error = try #require(try HelperSetting("x", interpreter: "/no/such/loader").failure())
        #expect(error.description.hasPrefix("nvidia-runtime-nvml does not start: start "))
        #expect(error.hint == "nvidia-runtime-nvml needs the dynamic loader of glibc on the host")
    }

    @Test func descriptionsAreShort() {
        let path = ByteString("/" + String(repeating: "long/", count: 100) + "libnvidia-ml.so.1")
        let errors: [NVMLError] = [
            .helperNotInstalled(searched: [path, path]), .helperNotTrusted(TrustError(.writable(0o777), path)),
            .helperNotExecutable(path: path), .helperNotStarted(LinuxError("start", path, code: ENOENT)),
            .libraryNotTrusted(TrustError(.owner(1000), path)), .timedOut(library: path, milliseconds: 5000),
            .failed(reason: path.description), .malformed(path.description),
        ]
        for error in errors {
            #expect(error.description.utf8.count == 200, "\(error)")
            #expect(!error.hint.isEmpty && !error.hint.contains("\n"))
        }
    }
}
