// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import CStart
internal import Diagnostics
internal import Glibc
internal import LibContainer
internal import Linux
internal import RuntimeCommand
internal import RuntimeConfig

/// `nvidia-container-cli` with the command line of libnvidia-container's, for those who call it: enroot, LXC,
/// Apptainer, Singularity, and people.
@main
enum NvidiaContainerCLI {
    /// Exit codes: 0, and 1 for every error.
    static func main() {
        do throws(Interruption) {
            try run()
        } catch {
            exit(Self.end(error))
        }
    }

    private static func run() throws(Interruption) {
        guard !clx_is_secure_execution() else {
            let cause = "refusing to run set-user-ID or with file capabilities"
            throw .invalid(
                Failure(.permission, cause, hint: "remove them from the program's file", id: .secureExecution))
        }
        let invocation = try Invocation(Array(arguments.dropFirst()))
        let log = invocation.global.debugFile.map { Log(debugFile: $0) } ?? Log()
        log.write(.info, "version \(Version.text): \(arguments.map(\.description).joined(separator: " "))")
        do throws(Failure) {
            try run(invocation, log)
        } catch {
            log.write(.error, error.description)
            throw .invalid(error)
        }
    }

    private static func run(_ invocation: Invocation, _ log: Log) throws(Failure) {
        let (global, kernel) = (invocation.global, KernelDriver())
        if global.loadsModules { KernelModules.load(kernel, log) }
        switch invocation.command {
        case .info(let options):
            let information = try DriverInformation(root: global.root, kernel: kernel, log: log)
            switch options.format {
            case .text: try Output.write(information.text)
            case .csv: try Output.write(information.csv)
            case .json: try Output.write(try information.json())
            }
        case .list(let options):
            let list = try ComponentSearch(options, global, kernel: kernel, log: log).list
            try Output.write(options.isJSON ? try list.json() : list.text)
        case .configure(let options):
            try ContainerConfiguration(options, global, kernel: kernel, log: log).run()
        }
    }

    /// Says what there is to say, as argp(3) and err(3) of glibc do, and gives the exit code.
    private static func end(_ interruption: Interruption) -> CInt {
        // As argv[0] has it, and without the folder; a command's own name is behind that.
        let path = arguments.first?.description ?? "nvidia-container-cli"
        let program = arguments.first?.lastPathComponent.description ?? path
        switch interruption {
        case .help(let page): return print(page.help)
        case .usage(let page): return print(page.usage)
        case .version: return print(VersionPage.text)
        case .invalid(let failure): Output.complain("\(program): \(failure.description)\n")
        case .misused(let error, let page):
            let name = page.name(page == .main && error != .tooManyArguments ? path : program)
            Output.complain(error.message.map { "\(name): \($0)\n" } ?? page.synopsis(program))
            Output.complain(page.reference(program))
        }
        return 1
    }

    private static func print(_ text: String) -> CInt {
        do throws(Failure) { try Output.write(Array(text.utf8)) } catch { return 1 }
        return 0
    }

    /// What the kernel gave us, as bytes.
    private static var arguments: [ByteString] {
        let pointers = cstart_arguments()
        return (0..<max(0, Int(cstart_argument_count()))).compactMap { index in
            pointers?[index].map { ByteString(cString: $0) }
        }
    }
}
