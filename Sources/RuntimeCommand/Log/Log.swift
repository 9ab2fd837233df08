// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux
package import RuntimeConfig

/// Writes lines to the engine's log file (`--log`) and to the one of config.toml (`debug`), as the original does
/// (internal/runtime/logger.go). Nothing is opened before there is a line to write, and a log that can't be written never
/// changes what happens.
package struct Log: Sendable {
    private let format: LogFormat
    private let level: LogLevel
    private let files: [LogFile]

    /// Logs to no file.
    package init() {
        format = .text
        level = .error
        files = []
    }

    /// Logs where `invocation` says, errors and nothing else: what is known before the settings are.
    package init(_ invocation: Invocation) {
        self.init(invocation, level: .error, debugFile: nil)
    }

    /// Logs where `invocation` and `settings` say; `--debug` beats the configured level.
    package init(_ invocation: Invocation, settings: Settings) {
        let none = settings.runtime.debug.isEmpty || settings.runtime.debug == "/dev/null"
        self.init(
            invocation, level: invocation.isDebug ? .debug : settings.runtime.logLevel,
            debugFile: none ? nil : settings.runtime.debug)
    }

    /// Logs everything to the file at `path`, as `--debug` of nvidia-container-cli asks: `/dev/stderr` too.
    package init(debugFile path: ByteString) {
        format = .text
        level = .debug
        files = [LogFile(path: path, createsDirectories: false, allowsStandardDescriptors: true)]
    }

    private init(_ invocation: Invocation, level: LogLevel, debugFile: ByteString?) {
        format = invocation.logFormat
        self.level = level
        var files: [LogFile] = []
        if let path = invocation.logPath, !path.isEmpty { files.append(LogFile(path: path, createsDirectories: false)) }
        if let debugFile { files.append(LogFile(path: debugFile, createsDirectories: true)) }
        self.files = files
    }

    /// Whether lines of `level` go anywhere.
    package func writes(_ level: LogLevel) -> Bool { !files.isEmpty && level.rawValue <= self.level.rawValue }

    /// Logs one line if `level` is logged at all. Never give it values of environment variables.
    package func write(
        _ level: LogLevel, _ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []
    ) {
        guard writes(level) else { return }
        let line = LogLine(level: level, message: message(), fields: fields(), time: Timestamp.now()).bytes(format)
        for file in files { file.append(line) }
    }

    /// Says why the program can't go on: to standard error, where a person or podman reads it, and to the log files,
    /// where containerd and docker do.
    package func fail(_ message: String) {
        let text = "nvidia-runtime: \(message)"
        // The program ends after this, so nobody inherits the disposition.
        signal(SIGPIPE, SIG_IGN)
        let line = LogLine.printable(text) + [UInt8(ascii: "\n")]
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
        write(.error, text)
    }
}
