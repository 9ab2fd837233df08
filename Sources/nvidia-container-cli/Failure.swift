// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import HookInjector
internal import LibContainer
internal import Linux

/// An error in libnvidia-container's form, `<area> error: <message>`: callers show it, and people search for it. Behind
/// its message come our hint, after a semicolon, and the id under which docs/errors.md explains it.
struct Failure: Error {
    /// Where libnvidia-container would have noticed it.
    enum Area: String {
        case permission = "permission error"
        case input = "input error"
        case initialization = "initialization error"
        case container = "container error"
        case detection = "detection error"
        case device = "device error"
        case migConfig = "mig-config error"
        case migMonitor = "mig-monitor error"
        case requirement = "requirement error"
        case mount = "mount error"
        case loaderCache = "ldcache error"
        case imex = "error parsing IMEX info"
        case output = "output error"
    }

    let description: String

    init(_ area: Area, _ message: String, hint: String = "", id: ErrorID? = nil) {
        let ending = (hint.isEmpty ? "" : "; \(hint)") + (id.map { " (\($0))" } ?? "")
        description = "\(area.rawValue): \(message)\(ending)"
    }

    init(_ diagnostic: Diagnostic) {
        self.init(diagnostic.id.area, diagnostic.cause, hint: diagnostic.hint, id: diagnostic.id)
    }

    /// The original's words.
    static func unknownDevice(_ name: ByteString, _ id: ErrorID, hint: String) -> Failure {
        Failure(.device, "\(name.abbreviated): unknown device", hint: hint, id: id)
    }
}

extension ErrorID {
    /// Whether it says that there is no device of the name asked for.
    var isAboutUnknownDevice: Bool { self == .gpuNotFound || self == .migDeviceNotFound }

    fileprivate var area: Failure.Area {
        switch self {
        case .secureExecution: .permission
        case .moduleNotLoaded, .kernelFilesUnreadable, .kernelFileMalformed, .driverRootUnusable: .initialization
        case .deviceNameMalformed, .gpuNotFound, .noGPU, .gpuUnusable, .uuidAmbiguous, .migDeviceNotFound,
            .migUUIDNotResolved, .partitionsChanging, .deviceNodeUnsuitable, .deviceNodeMissing, .imexChannelNotFound:
            .device
        case .requirementNotMet, .requirementMalformed: .requirement
        case .driverVersionMismatch, .driverLibraryNotFound, .driverLibraryRefused, .driverIncomplete, .tegraUnusable,
            .wslUnusable:
            .detection
        case .hookRootUnusable, .containerUnreachable: .container
        case .setupFailed, .setupNotPossible, .cgroupNotChanged: .mount
        case .hookSandbox, .hookUpdateFailed: .loaderCache
        default: .detection
        }
    }
}

extension Failure {
    /// What `body` gives, its errors in this form.
    static func translating<Value: ~Copyable>(_ body: () throws(Diagnostic) -> Value) throws(Failure) -> Value {
        do throws(Diagnostic) { return try body() } catch { throw Failure(error) }
    }

    /// What `body` gives, its errors in this form.
    static func translating<Value: ~Copyable>(_ body: () throws(DriverError) -> Value) throws(Failure) -> Value {
        do throws(DriverError) { return try body() } catch { throw Failure(Diagnostic(error)) }
    }
}
