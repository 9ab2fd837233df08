// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// Why the GPU of a Tegra can't be given to a container. `description` is one line, the cause first; `hint` says what
/// fixes it.
package enum TegraError: Error, Equatable {
    /// Neither the folder nor the default one has a CSV file that counts.
    case noFiles(folder: ByteString)
    /// Somebody else than root can change a CSV file.
    case untrusted(TrustError)
    /// None of the device nodes that the CSV files list is there; `first` is one of them, empty where none is listed.
    case noDevices(listed: Int, first: ByteString)
    /// What a discrete GPU beside the integrated one needs is missing.
    case driver(DriverError)
}

extension TegraError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noFiles(let folder): "no CSV file says what a container gets: searched \(folder.abbreviated)"
        case .untrusted(let error): "CSV file is not trusted: \(error.path.abbreviated) \(Self.words(error.reason))"
        case .noDevices(0, _): "the CSV files list no device node"
        case .noDevices(let listed, let first):
            "none of the \(listed) device nodes in the CSV files exists, such as \(first.abbreviated)"
        case .driver(let error): error.description
        }
    }

    /// What the administrator can do about it; one line, no period.
    package var hint: String {
        switch self {
        case .noFiles:
            "reinstall the package nvidia-l4t-init, or set nvidia-container-runtime.modes.csv.mount-spec-path in "
                + "config.toml to the folder with drivers.csv and devices.csv"
        case .untrusted(let error):
            "the CSV files name devices of the host, so that only root may write them: run 'chown 0' and "
                + "'chmod go-w' on \(error.path)"
        case .noDevices(0, _): "reinstall the package nvidia-l4t-init, whose devices.csv lists them"
        case .noDevices: "check that the GPU's kernel modules are loaded (lsmod, dmesg), nvgpu among them"
        case .driver(let error): error.hint
        }
    }

    private static func words(_ reason: TrustError.Reason) -> String {
        switch reason {
        case .relative: "is not an absolute path"
        case .owner(let user): "belongs to user \(user)"
        case .writable(let mode): "can be changed by group or others (mode 0\(String(mode, radix: 8)))"
        case .system(let code): "can't be looked at: \(String(cString: strerror(code)))"
        }
    }
}
