// SPDX-License-Identifier: Apache-2.0

package import Linux

/// `nvidia-container-runtime.mode`: how a request becomes edits of the spec.
package enum RuntimeMode: String, CaseIterable, Sendable {
    case auto
    case jitCDI = "jit-cdi"
    case cdi
    case csv
    case legacy

    /// The mode that the name of the program forces, from its argv[0]: the links `nvidia-container-runtime.cdi` and
    /// `nvidia-container-runtime.legacy` each stand for one (upstream: cmd/nvidia-container-runtime.{cdi,legacy}).
    package init?(programName: ByteString) {
        switch programName.lastPathComponent {
        case "nvidia-container-runtime.cdi": self = .cdi
        case "nvidia-container-runtime.legacy": self = .legacy
        default: return nil
        }
    }
}

/// `nvidia-container-runtime.hook-stage`: the OCI hook stage that our hook runs at.
package enum HookStage: String, CaseIterable, Sendable {
    case createContainer
    case prestart
}

/// `nvidia-container-runtime.modes.legacy.cuda-compat-mode`
package enum CUDACompatMode: String, CaseIterable, Sendable {
    case disabled
    case hook
    case ldconfig
    case mount
}

/// `nvidia-container-runtime.log-level`, most urgent first.
package enum LogLevel: Int, Comparable, Sendable {
    case error
    case warning
    case info
    case debug

    /// The level of a logrus name, whatever its case; the levels we don't have count as the next one.
    package init?(name: ByteString) {
        switch ByteString(name.bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }) {
        case "panic", "fatal", "error": self = .error
        case "warn", "warning": self = .warning
        case "info": self = .info
        case "debug", "trace": self = .debug
        default: return nil
        }
    }

    /// The name in a log line, as logrus has it.
    package var name: StaticString {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .info: "info"
        case .debug: "debug"
        }
    }

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}
