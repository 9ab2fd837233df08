// SPDX-License-Identifier: Apache-2.0

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
        switch HookCommand(arguments: arguments) {
        case .createContainer(let options): exit(CreateContainer(options).run() ? 0 : 1)
        case .nothing: exit(0)
        case .notSupported(let name):
            complain(
                Diagnostic(
                    .hookUsage, "\(name): not supported", hint: "the container's spec must have a createContainer hook"
                ).description)
            exit(1)
        case .version: Output.write("nvidia-runtime-hook \(Version.text)\n", to: STDOUT_FILENO)
        case .help: Output.write(HookCommand.usage, to: STDOUT_FILENO)
        case .wrong(let reason):
            complain(Diagnostic(.hookUsage, reason).description)
            Output.write(HookCommand.usage, to: STDERR_FILENO)
            exit(2)
        }
    }

    /// Writes `nvidia-runtime-hook: ` and `cause` to standard error.
    static func complain(_ cause: String) {
        Output.write("nvidia-runtime-hook: \(cause)\n", to: STDERR_FILENO)
    }

    /// What the kernel gave us, as bytes, without argv[0].
    private static var arguments: [ByteString] {
        let pointers = cstart_arguments()
        return (1..<max(1, Int(cstart_argument_count()))).compactMap { index in
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
