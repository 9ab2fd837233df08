// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import CStart
internal import Diagnostics
internal import Glibc
internal import HookInjector
internal import Linux
internal import OCISpec
internal import RuntimeCommand
internal import RuntimeConfig

/// The program: whatever it is called with, it becomes the low-level runtime with the same arguments and environment.
/// Before that, and only for a container that may ask for a GPU, the spec is edited.
struct Shim {
    private let arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>
    private let environment: UnsafePointer<UnsafeMutablePointer<CChar>?>
    private let invocation: Invocation
    private var log: Log

    /// Runs with the arguments and the environment of the process. Returns only if something failed, with the exit
    /// status: 1 for everything, as in the original.
    static func run() -> CInt {
        guard !clx_is_secure_execution() else {
            let error = Diagnostic(
                .secureExecution, "refusing to run set-user-ID or with file capabilities",
                hint: "remove them from the program's file")
            Log().fail(error.description)
            return 1
        }
        guard let arguments = cstart_arguments(), let environment = cstart_original_environment() else { return 1 }
        var shim = Shim(arguments, environment)
        let error = shim.replaceProcess()
        shim.log.fail(error.description)
        return 1
    }

    private init(
        _ arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>,
        _ environment: UnsafePointer<UnsafeMutablePointer<CChar>?>
    ) {
        self.arguments = arguments
        self.environment = environment
        var strings: [ByteString] = []
        while let argument = arguments[strings.count] { strings.append(ByteString(cString: argument)) }
        invocation = Invocation(arguments: strings)
        log = Log(invocation)
    }

    private mutating func replaceProcess() -> Diagnostic {
        let file = SettingsFile(path: SettingsFile.path(environment: ProcessEnvironment(environment).value(of:)))
        let essentials = file.essentials
        do throws(Diagnostic) {
            guard invocation.startsContainer, mayAskForDevices(essentials) else {
                return try replaceProcess(with: essentials.runtimes)
            }
            var injection = try GPUInjection(invocation)
            let isAskedFor = injection.isAskedFor(essentials)
            return try replaceProcess(with: isAskedFor ? try run(&injection, file) : essentials.runtimes)
        } catch {
            return error
        }
    }

    private func mayAskForDevices(_ essentials: EssentialSettings) -> Bool {
        SpecFile.mayMention(
            ContainerDescription.triggers, essentials.swarmResources + essentials.annotationPrefixes,
            at: invocation.specPath)
    }

    /// Becomes the first of `runtimes` that there is. Returns only if that failed.
    private func replaceProcess(with runtimes: [ByteString]) throws(Diagnostic) -> Diagnostic {
        let path = try locate(runtimes, searchPath: ProcessEnvironment(environment).value(of: "PATH"))
        let code = exec(path, arguments: arguments, environment: environment)
        return Diagnostic(.lowLevelRuntimeNotExecuted, "could not exec '\(path)': \(String(cString: strerror(code)))")
    }

    /// Carries out the injection, and gives the low-level runtimes that the settings name.
    private mutating func run(
        _ injection: inout GPUInjection, _ file: borrowing SettingsFile
    ) throws(Diagnostic) -> [ByteString] {
        var settings: Settings
        do throws(SettingsError) {
            settings = try file.settings()
        } catch {
            throw Diagnostic(.settingsInvalid, error.description, hint: error.hint)
        }
        settings.runtime.mode = RuntimeMode(programName: invocation.programName) ?? settings.runtime.mode
        log = Log(invocation, settings: settings)
        for warning in settings.warnings { log.write(.warning, "\(file.path): \(warning)") }
        for key in log.writes(.debug) ? file.keysWithoutEffect : [] {
            log.write(.debug, "\(file.path): \(key) is set but has no effect")
        }
        try injection.run(invocation: invocation, settings: settings, configuration: file.path, log: log)
        return settings.runtime.runtimes
    }

    private func locate(_ runtimes: [ByteString], searchPath: ByteString?) throws(Diagnostic) -> ByteString {
        var lookup = LowLevelRuntime(searchPath: searchPath)
        do throws(LowLevelRuntimeError) {
            return try lookup.locate(runtimes)
        } catch {
            throw Diagnostic(.lowLevelRuntimeNotFound, error.description, hint: error.hint)
        }
    }
}
