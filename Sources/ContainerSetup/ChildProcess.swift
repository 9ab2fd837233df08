// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Diagnostics
internal import Glibc
internal import Linux

/// A part of the work in a process of its own, which gives up rights that its parent still needs.
enum ChildProcess {
    /// Bytes of what a child reports.
    private static let reportLimit = 64 << 10

    /// Runs `body` in a child process and gives back its warnings, or throws what it threw. `body` gets the number of the
    /// parent, with which it must make the child end (`Sandbox.end`).
    static func run(_ body: (_ parent: Int32) throws(Diagnostic) -> [String]) throws(Diagnostic) -> [String] {
        let (text, status): (ByteString, CInt)
        do throws(LinuxError) {
            (text, status) = try start(body)
        } catch {
            throw Diagnostic(.setupFailed, error.description)
        }
        guard status == 0, let report = Report(parsing: text) else {
            // The low 7 bits are the signal (waitpid(2)).
            let signal = status & 0x7F
            let how = signal == 0 ? "exit status \(status >> 8 & 0xFF)" : "signal \(signal)"
            throw Diagnostic(.setupFailed, "the process that updates the container's root ended with \(how)")
        }
        if let failure = report.failure { throw failure }
        return report.warnings
    }

    private static func start(
        _ body: (_ parent: Int32) throws(Diagnostic) -> [String]
    ) throws(LinuxError) -> (ByteString, status: CInt) {
        var ends: [CInt] = [-1, -1]
        _ = try retryingOnInterrupt("make a pipe") { clx_pipe(&ends) }
        let output = FileDescriptor(owning: ends[0])
        let input = FileDescriptor(owning: ends[1])
        let parent = getpid()
        let child = try retryingOnInterrupt("fork") { clx_fork() }
        if child == 0 {
            do throws(LinuxError) {
                let report = Report { () throws(Diagnostic) in try body(parent) }
                try input.write(report.text.bytes)
            } catch {
                _exit(1)
            }
            _exit(0)
        }
        close(input.release())
        var status: CInt = 0
        do throws(LinuxError) {
            let text = try output.readToEnd(limit: reportLimit)
            _ = try retryingOnInterrupt("wait for a child") { waitpid(child, &status, 0) }
            return (ByteString(text), status)
        } catch {
            kill(child, SIGKILL)
            _ = waitpid(child, &status, 0)
            throw error
        }
    }

    /// What a child tells its parent: a line for a failure, which may be empty, and one for each warning.
    private struct Report {
        var failure: Diagnostic?
        var warnings: [String] = []

        private static let separator: UInt8 = 0x1F

        init(_ body: () throws(Diagnostic) -> [String]) {
            do throws(Diagnostic) { warnings = try body() } catch { failure = error }
        }

        init?(parsing text: ByteString) {
            let lines = text.lines
            guard let first = lines.first else { return nil }
            warnings = lines.dropFirst().map { String(decoding: $0.bytes, as: UTF8.self) }
            if first.isEmpty { return }
            let parts = first.split(separator: Self.separator)
            guard parts.count == 3, let number = parts[0].decimal(as: UInt16.self), let id = ErrorID(rawValue: number)
            else { return nil }
            failure = Diagnostic(
                id, String(decoding: parts[1].bytes, as: UTF8.self),
                hint: String(decoding: parts[2].bytes, as: UTF8.self))
        }

        var text: ByteString {
            var bytes: [UInt8] = []
            if let failure {
                bytes += Array("\(failure.id.rawValue)".utf8) + [Self.separator] + Self.line(failure.cause)
                bytes += [Self.separator] + Self.line(failure.hint)
            }
            bytes.append(UInt8(ascii: "\n"))
            for warning in warnings { bytes += Self.line(warning) + [UInt8(ascii: "\n")] }
            return ByteString(bytes)
        }

        /// Messages have no control characters; this one's form must not depend on it.
        private static func line(_ text: String) -> [UInt8] { text.utf8.filter { $0 >= 0x20 } }
    }
}
