// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// A program that runs apart from us, with limits on its time and its output. When it goes out of scope, it and what it
/// started are gone, unless they moved to another session.
struct HelperProcess: ~Copyable {
    enum Ending: Equatable {
        case exit(CInt)
        case signal(CInt)
        /// Killed.
        case timedOut, tooMuchOutput
        /// We were started with SIGCHLD ignored, so the kernel tells nobody how it ended.
        case unknown
    }

    struct Outcome {
        var ending = Ending.unknown
        var output: [UInt8] = []
        /// The last of what it printed on standard error.
        fileprivate var errors: [UInt8] = []

        /// The last line of standard error that is not empty: a program says last why it fails.
        var lastErrorLine: ByteString { ByteString(errors).lines.last { !$0.isEmpty } ?? ByteString() }
    }

    private static let errorLimit = 4096
    /// How long a killed process is waited for. One that hangs in the kernel, as on a GPU that does not answer, can't be
    /// killed before that lets it go; then init gets it.
    private static let reapingMilliseconds = 1000

    /// Also that of its session and process group.
    private let process: pid_t
    private let output: FileDescriptor
    private let errors: FileDescriptor
    private var isReaped = false

    /// Runs `program` with `argument`, without environment, until it ends, has printed more than `outputLimit` bytes or
    /// `deadline` has passed.
    ///
    /// Throws where it can't be started; ENOENT for a program that is there means that its interpreter is not.
    static func run(
        _ program: ByteString, _ argument: ByteString, outputLimit: Int, deadline: Deadline
    ) throws(LinuxError) -> Outcome {
        var process = try HelperProcess(program, argument)
        var outcome = Outcome()
        var limit = try process.collect(&outcome, outputLimit: outputLimit, deadline)
        if limit == nil, !process.waitForEnd(until: deadline) { limit = .timedOut }
        let ending = process.end()
        while try process.readErrors(&outcome) {}
        outcome.ending = limit ?? ending
        return outcome
    }

    private init(_ program: ByteString, _ argument: ByteString) throws(LinuxError) {
        let output = try Pipe()
        let errors = try Pipe()
        _ = fcntl(errors.reading.number, F_SETFL, O_NONBLOCK)
        var process: pid_t = 0
        let code = program.withCString { program in
            argument.withCString { argument in
                let arguments = [program, argument, nil].map { UnsafeMutablePointer(mutating: $0) }
                return clx_spawn_apart(
                    program, arguments, output.writing.number, errors.writing.number, &process)
            }
        }
        if code != 0 { throw LinuxError("start", program, code: code) }
        self.process = process
        self.output = output.reading
        self.errors = errors.reading
    }

    deinit {
        if !isReaped { _ = Self.end(process) }
    }

    private struct Pipe: ~Copyable {
        let reading: FileDescriptor
        let writing: FileDescriptor

        init() throws(LinuxError) {
            var ends: [CInt] = [-1, -1]
            if clx_pipe(&ends) != 0 { throw .last("make pipe") }
            reading = FileDescriptor(owning: ends[0])
            writing = FileDescriptor(owning: ends[1])
        }
    }

    /// Reads what it prints until it closes its standard output. The limit that was reached, if any.
    private func collect(
        _ outcome: inout Outcome, outputLimit: Int, _ deadline: Deadline
    ) throws(LinuxError) -> Ending? {
        let readable = Int16(POLLIN)
        var requests = [
            pollfd(fd: output.number, events: readable, revents: 0),
            pollfd(fd: errors.number, events: readable, revents: 0),
        ]
        while true {
            let ready = try retryingOnInterrupt("poll") { poll(&requests, 2, deadline.remainingMilliseconds) }
            if ready == 0 { return .timedOut }
            // Closed: not to be asked for again.
            if requests[1].revents != 0, try !readErrors(&outcome) { requests[1].fd = -1 }
            guard requests[0].revents != 0 else { continue }
            guard let bytes = try Self.read(output) else { continue }
            if bytes.isEmpty { return nil }
            outcome.output += bytes
            if outcome.output.count > outputLimit { return .tooMuchOutput }
        }
    }

    /// Takes what is there on standard error; false at its end.
    private func readErrors(_ outcome: inout Outcome) throws(LinuxError) -> Bool {
        guard let bytes = try Self.read(errors) else { return false }
        outcome.errors = (outcome.errors + bytes).suffix(Self.errorLimit)
        return !bytes.isEmpty
    }

    /// Some bytes, none at the end; nil where there are none now.
    private static func read(_ pipe: borrowing FileDescriptor) throws(LinuxError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let number = pipe.number
        do throws(LinuxError) {
            let count = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(LinuxError) -> Int in
                try retryingOnInterrupt("read pipe") { Glibc.read(number, buffer.baseAddress, buffer.count) }
            }
            bytes.removeLast(bytes.count - count)
            return bytes
        } catch {
            if error.code == EAGAIN { return nil }
            throw error
        }
    }

    /// Whether it has ended before the deadline.
    private func waitForEnd(until deadline: Deadline) -> Bool { Self.waitForEnd(process, until: deadline) }

    /// Sees to it that nothing of the session is left.
    private mutating func end() -> Ending {
        isReaped = true
        return Self.end(process)
    }

    private static func end(_ process: pid_t) -> Ending {
        // Before it is reaped: until then nothing else can have its number.
        kill(-process, SIGKILL)
        guard waitForEnd(process, until: Deadline(milliseconds: reapingMilliseconds)) else { return .unknown }
        var status: CInt = 0
        while waitpid(process, &status, 0) != process {
            if errno != EINTR { return .unknown }
        }
        // WIFEXITED and its kin are macros that Swift does not have.
        let signal = status & 0x7F
        return signal == 0 ? .exit(status >> 8 & 0xFF) : .signal(signal)
    }

    /// Waits without reaping. Polls, since what tells of an end (pidfd_open(2)) is newer than kernels we run on.
    private static func waitForEnd(_ process: pid_t, until deadline: Deadline) -> Bool {
        var pause: UInt32 = 50
        while true {
            var information = siginfo_t()
            let result = waitid(P_PID, id_t(bitPattern: process), &information, WEXITED | WNOHANG | WNOWAIT)
            if result == 0, information.si_signo != 0 { return true }
            if result != 0, errno != EINTR { return true }
            if deadline.hasPassed { return false }
            usleep(pause)
            pause = min(pause * 2, 5000)
        }
    }
}
