// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Why the driver of this host can't be used. `description` is one line, the cause first; `hint` says what fixes it.
package enum DriverError: Error, Equatable {
    /// There is no `path`, which the kernel module makes when it is loaded.
    case moduleNotLoaded(path: ByteString)
    case unreadable(LinuxError)
    /// A file of the kernel module that says something else than it should.
    case malformed(path: ByteString, reason: String)
    /// The driver root or dev root can't be opened.
    case rootUnusable(LinuxError)
    /// The driver root is another directory than `/` by its name, and a link to it.
    case rootIsHost(path: ByteString)
    /// Something else than the expected device node is at `path`.
    case unsuitableNode(path: ByteString, found: String, expected: String)
    /// The node is not there and could not be made.
    case missingNode(path: ByteString, reason: String)
    /// The node of one of the kernel module's capabilities, such as a MIG instance, is not there and could not be made.
    /// `accessFile` is where the module tells of it.
    case missingCapability(path: ByteString, accessFile: ByteString, reason: String)
    /// The MIG instances of a GPU come and go while they are read.
    case partitionsChanging(path: ByteString)
    /// There is no such IMEX channel on the node. It is never made: a channel is an access right.
    case missingChannel(path: ByteString, reason: String)
    /// No IMEX channel can have the number.
    case channelOutOfRange(UInt32)
    /// The libraries are of another version than the loaded kernel module.
    case versionMismatch(kernel: ByteString, library: ByteString, version: ByteString)
    /// A library without which the driver can't work is in none of the places searched.
    case libraryNotFound(name: ByteString, root: ByteString, searched: [ByteString])
    /// A library without which the driver can't work was found and not taken.
    case libraryRefused(name: ByteString, reason: String)
}

extension DriverError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .moduleNotLoaded(let path): "NVIDIA kernel module is not loaded: \(path) does not exist"
        case .unreadable(let error): "can't read the NVIDIA kernel module's files: \(error)"
        case .malformed(let path, let reason): "can't understand \(path): \(reason)"
        case .rootUnusable(let error): "can't use the driver root: \(error)"
        case .rootIsHost(let path): "can't use the driver root: \(path) leads to /"
        case .unsuitableNode(let path, let found, let expected):
            "not the NVIDIA device node: \(path) is \(found), expected \(expected)"
        case .missingNode(let path, let reason): "device node is missing: \(path): \(reason)"
        case .missingCapability(let path, _, let reason): "MIG capability node is missing: \(path): \(reason)"
        case .partitionsChanging(let path): "the MIG instances change while they are read: \(path)"
        case .missingChannel(let path, let reason): "IMEX channel is missing: \(path): \(reason)"
        case .channelOutOfRange(let number):
            "no IMEX channel has the number \(number): the last one is \(IMEXChannel.last)"
        case .versionMismatch(let kernel, let library, let version):
            "driver/library version mismatch: the loaded kernel module is \(kernel), \(library) is \(version)"
        case .libraryNotFound(let name, let root, let searched):
            "driver library not found: \(name) below \(root), searched \(Self.list(searched))"
        case .libraryRefused(let name, let reason): "driver library not usable: \(name): \(reason)"
        }
    }

    /// What the administrator can do about it; one line, no period.
    package var hint: String {
        switch self {
        case .moduleNotLoaded:
            "load it with 'modprobe nvidia', or install the driver; in a virtual machine sandbox (gVisor, Kata) or an "
                + "LXC container, /proc/driver/nvidia must be visible as well as the device nodes"
        case .unreadable, .malformed: "check that the NVIDIA kernel module is loaded and healthy (dmesg, nvidia-smi)"
        case .rootUnusable: "set nvidia-container-cli.root in config.toml to the directory that holds the driver"
        case .rootIsHost(let path):
            "mount the driver at \(path), or set nvidia-container-cli.root in config.toml to / for the host's driver"
        case .unsuitableNode(let path, _, _): "remove \(path) and let nvidia-modprobe make it again"
        case .missingNode: "run 'nvidia-modprobe -c 0 -u' as root, or install the driver's udev rules"
        case .missingCapability(_, let accessFile, _): "run 'nvidia-modprobe -f \(accessFile)' as root"
        case .partitionsChanging: "start the container again once the partitioning of the GPU is done"
        case .missingChannel:
            "make it as root: mkdir -p /dev/nvidia-caps-imex-channels; mknod "
                + "/dev/nvidia-caps-imex-channels/channelN c MAJOR N, with the major of nvidia-caps-imex-channels in "
                + "/proc/devices"
        case .channelOutOfRange: "ask for one of the channels in /dev/nvidia-caps-imex-channels"
        case .versionMismatch:
            "reboot, or unload and load the kernel modules (rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia; "
                + "modprobe nvidia), so that both are of one version"
        case .libraryNotFound, .libraryRefused:
            "install the driver's user space for the loaded kernel module, or set nvidia-container-cli.root in "
                + "config.toml to the directory that holds it"
        }
    }

    /// Whether it is about us and not about the driver (`LinuxError.isShortage`).
    package var isShortage: Bool {
        if case .unreadable(let error) = self { error.isShortage } else { false }
    }

    private static func list(_ paths: [ByteString]) -> String {
        paths.map(\.description).joined(separator: " ")
    }
}
