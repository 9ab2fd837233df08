// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Why the GPU of a Windows machine can't be given to a container in its Linux subsystem. `description` is one line,
/// the cause first; `hint` says what fixes it.
package enum WSLError: Error, Equatable {
    /// The kernel is WSL 1's, an emulation, which has no GPU. `release` is the kernel's.
    case versionOne(release: ByteString)
    /// There is no `/dev/dxg`. `isServed` is whether the kernel has the driver for it all the same.
    case noDevice(release: ByteString, isServed: Bool)
    /// Something else than the expected device is at `/dev/dxg`.
    case unsuitableDevice(found: String, expected: String)
    /// Windows' library that finds the GPU is missing or not taken, for the reason given.
    case noDXCore(reason: String)
    /// `/usr/lib/wsl/drivers` can't be listed, for the reason given, or is empty.
    case noStores(reason: String)
    /// None of Windows' driver packages is NVIDIA's. `displays` are the folders of display drivers among them.
    case noNVIDIAStore(count: Int, displays: [ByteString])
    /// NVIDIA's packages are of a driver without CUDA for WSL.
    case driverTooOld(stores: [ByteString])
    /// The driver package has CUDA and it can't be used, for the reason given.
    case unusableStore(store: ByteString, reason: String)
}

extension WSLError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .versionOne(let release): "WSL 1 has no GPU: the kernel is \(release.abbreviated)"
        case .noDevice(let release, true):
            "no /dev/dxg: the WSL kernel \(release.abbreviated) has the driver, but the device node is missing"
        case .noDevice(let release, false):
            "no /dev/dxg: Windows offers no GPU to the WSL kernel \(release.abbreviated)"
        case .unsuitableDevice(let found, let expected):
            "not the GPU of WSL: /dev/dxg is \(found), expected \(expected)"
        case .noDXCore(let reason): "can't use \(WSLDriver.dxcorePath): \(reason)"
        case .noStores(let reason):
            "/dev/dxg is there, but no driver of Windows in \(WSLDriver.storesPath): \(reason)"
        case .noNVIDIAStore(let count, let displays):
            "/dev/dxg is there, but none of \(count) driver packages in \(WSLDriver.storesPath) is NVIDIA's; "
                + Self.list(displays)
        case .driverTooOld(let stores):
            "NVIDIA's driver for Windows has no CUDA for WSL: no \(WSLDriver.libraryName) in \(Self.list(stores))"
        case .unusableStore(let store, let reason):
            "NVIDIA's driver in \(store.lastPathComponent.abbreviated) can't be used: \(ByteString(reason).abbreviated)"
        }
    }

    /// What the user can do about it; one line, no period.
    package var hint: String {
        switch self {
        case .versionOne: "convert the distribution with 'wsl --set-version NAME 2'"
        case .noDevice(_, true): "run 'wsl --shutdown' in Windows; in a container, pass /dev/dxg on"
        case .noDevice(_, false):
            "check that this PC has an NVIDIA GPU with its Windows driver, that .wslconfig does not have "
                + "gpuSupport=false, then run 'wsl --update' and 'wsl --shutdown' in Windows"
        case .unsuitableDevice: "run 'wsl --shutdown' in Windows, which makes the node again"
        case .noDXCore: "run 'wsl --update' in Windows; do not mount over /usr/lib/wsl"
        case .noStores: "run 'wsl --shutdown' in Windows; do not mount over /usr/lib/wsl"
        case .noNVIDIAStore:
            "install NVIDIA's driver for Windows; in a PC with several GPUs, check that NVIDIA's is enabled there"
        case .driverTooOld: "update NVIDIA's driver for Windows; do not install a driver for Linux in WSL"
        case .unusableStore: "install NVIDIA's driver for Windows again"
        }
    }

    /// No more than two names, each with its vendor where it is known.
    private static func list(_ stores: [ByteString]) -> String {
        guard !stores.isEmpty else { return "no display driver is among them" }
        var text = stores.prefix(2).map { store in
            let name = store.lastPathComponent
            let text = name.description
            let short = text.utf8.count > 24 ? text.prefix(21) + "..." : text
            return WSLStore.vendor(of: name).map { "\(short) (\($0))" } ?? short
        }.joined(separator: ", ")
        if stores.count > 2 { text += " and \(stores.count - 2) more" }
        return text
    }
}
