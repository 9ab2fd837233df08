// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LibContainer
internal import Linux

/// `nvidia-container-cli`: what the driver of this host offers, in libnvidia-container's format.
@main
enum NvidiaContainerCLI {
    private static let usage = """
        usage: nvidia-container-cli [--root PATH] info [--csv]
               nvidia-container-cli [--root PATH] list [--device ID]... [--libraries] [--binaries] [--ipcs]
                   [--firmwares] [--compat32]
               nvidia-container-cli --version | --help

        info  the driver and its GPUs
        list  the devices and files that a container with all capabilities gets, one path a line

        """

    static func main() {
        do {
            let arguments = CommandLine.arguments.dropFirst().map { ByteString($0) }
            let options = try CommandLineOptions(Array(arguments))
            let report = Report(root: options.root)
            switch options.command {
            case .version: print("cli-version: \(Version.text)\nlib-version: \(Version.text)")
            case .help: print(usage, terminator: "")
            case .info(let csv): try report.info(csv: csv).forEach { print($0) }
            case .list(let options): try report.list(options).forEach { print($0) }
            }
        } catch let error as CommandLineOptions.Failure {
            fail("input error: \(error.description)")
        } catch let error as DriverError {
            fail("initialization error: \(error); \(error.hint)")
        } catch {
            fail("\(error)")
        }
    }

    private static func fail(_ message: String) -> Never {
        let line = Array("nvidia-container-cli: \(message)\n".utf8)
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        exit(1)
    }
}
