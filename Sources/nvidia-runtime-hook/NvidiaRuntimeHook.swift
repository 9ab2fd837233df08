// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import CStart
internal import Diagnostics
internal import Glibc
internal import LibContainer
internal import Linux

/// The OCI hook. It writes nothing to standard output but for `--version` and `--help`; on standard error one line for
/// each warning and each failure, since a low-level runtime shows a failed hook's standard error to the user.
@main
enum NvidiaRuntimeHook {
    /// Exit codes: 0 done, 1 failed, 2 used wrongly.
    static func main() {
        guard !clx_is_secure_execution() else {
            complain(
                Diagnostic(
                    .secureExecution, "refusing to run set-user-ID or with file capabilities",
                    hint: "remove them from the program's file"
                ).description)
            exit(1)
        }
        switch HookCommand(commandLine: arguments) {
        case .createContainer(let options): exit(CreateContainer(options).run() ? 0 : 1)
        case .cdi(let arguments): exit(CDIHook(arguments).run())
        case .nothing: exit(0)
        case .prestart(let options): exit(succeeds { () throws(Diagnostic) in try Prestart(options).run() } ? 0 : 1)
        case .version: Output.write("nvidia-runtime-hook \(Version.text)\n", to: STDOUT_FILENO)
        case .help: Output.write(HookCommand.usage, to: STDOUT_FILENO)
        case .wrong(let reason):
            complain(Diagnostic(.hookUsage, reason).description)
            Output.write(HookCommand.usage, to: STDERR_FILENO)
            exit(2)
        }
    }

    /// Whether `body` does its work. Its warnings and its error are written to standard error.
    private static func succeeds(_ body: () throws(Diagnostic) -> [String]) -> Bool {
        do throws(Diagnostic) {
            for warning in try body() { complain("warning: \(warning)") }
            return true
        } catch {
            complain(error.description)
            return false
        }
    }

    /// Writes `nvidia-runtime-hook: ` and `cause` to standard error.
    static func complain(_ cause: String) {
        Output.write("nvidia-runtime-hook: \(cause)\n", to: STDERR_FILENO)
    }

    /// What the kernel gave us, as bytes.
    private static var arguments: [ByteString] {
        let pointers = cstart_arguments()
        return (0..<max(0, Int(cstart_argument_count()))).compactMap { index in
            pointers?[index].map { ByteString(cString: $0) }
        }
    }
}

/// Standard output and error, without the buffers of C or Swift.
enum Output {
    /// Errors are ignored: nobody is left to tell.
    static func write(_ text: String, to descriptor: CInt) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let buffer = UnsafeRawBufferPointer(rebasing: rest)
                let count = Glibc.write(descriptor, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }
}
