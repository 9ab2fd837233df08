// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Why NVML could not be asked. `description` is one line, the cause first; `hint` says what fixes it.
package enum NVMLError: Error, Equatable {
    /// `nvidia-runtime-nvml` is in none of the places searched.
    case helperNotInstalled(searched: [ByteString])
    /// Others than root could change the helper.
    case helperNotTrusted(TrustError)
    case helperNotExecutable(path: ByteString)
    /// It could not be started: posix_spawn(3) or a pipe for it failed.
    case helperNotStarted(LinuxError)
    /// The library is not there, or others than root could change it.
    case libraryNotTrusted(TrustError)
    /// The library did not answer in time. What was waited for has been killed.
    case timedOut(library: ByteString, milliseconds: Int)
    /// The helper's own words, or how it ended.
    case failed(reason: String)
    /// The answer is not one of the helper's; `reason` says how.
    case malformed(reason: String)

    static func malformed(_ reason: String) -> NVMLError { .malformed(reason: reason) }
}

extension NVMLError: CustomStringConvertible {
    /// At most 200 characters.
    package var description: String { Self.shortened(cause) }

    private var cause: String {
        switch self {
        case .helperNotInstalled(let searched):
            "nvidia-runtime-nvml is not installed: searched \(searched.map(\.description).joined(separator: " "))"
        case .helperNotTrusted(let error): "nvidia-runtime-nvml is not trusted: \(error)"
        case .helperNotExecutable(let path): "nvidia-runtime-nvml is not an executable file: \(path)"
        case .helperNotStarted(let error): "nvidia-runtime-nvml does not start: \(error)"
        case .libraryNotTrusted(let error):
            error.isMissing ? "NVML library not found: \(error)" : "NVML library is not trusted: \(error)"
        case .timedOut(let library, let milliseconds): "NVML did not answer within \(milliseconds) ms: \(library)"
        case .failed(let reason): "NVML can't be asked: \(reason)"
        case .malformed(let reason): "can't understand the answer of nvidia-runtime-nvml: \(reason)"
        }
    }

    /// What the administrator can do about it; one line, no period.
    package var hint: String {
        switch self {
        case .helperNotInstalled: "install nvidia-runtime-nvml beside nvidia-runtime"
        case .helperNotTrusted, .helperNotExecutable:
            "reinstall it as root: the file and its folders must be writable by nobody else"
        case .helperNotStarted(let error):
            // For a program that is there, ENOENT means its interpreter.
            error.isAbsence
                ? "nvidia-runtime-nvml needs the dynamic loader of glibc on the host"
                : "run it by hand, with the path of libnvidia-ml.so.1"
        case .libraryNotTrusted:
            "check nvidia-container-cli.root in config.toml; the driver's files and folders must be writable by root only"
        case .timedOut:
            "run nvidia-smi: if it hangs as well, see dmesg for NVRM messages; nvidia-persistenced keeps GPUs initialised"
        case .failed, .malformed: "run nvidia-smi, and nvidia-runtime-nvml with the path of libnvidia-ml.so.1"
        }
    }

    /// Long texts lose their middle: what failed is at the start, the name of the file at the end.
    private static func shortened(_ text: String) -> String {
        text.utf8.count <= 200 ? text : "\(text.prefix(120))...\(text.suffix(77))"
    }
}
