// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// Why a container's cgroup can't be told to let it have its devices. `description` is one line, the cause first; `hint`
/// says what fixes it.
package enum CgroupError: Error, Equatable {
    /// The numbers are larger than those of any device.
    case noSuchDevice(major: UInt32, minor: UInt32)
    /// One of procfs's tables can't be read.
    case unreadable(LinuxError)
    /// The process is in no cgroup that could decide on devices.
    case notInCgroup(pid: Int32)
    /// The process's cgroup is outside our cgroup namespace: `path` starts with `/..`.
    case outsideNamespace(path: ByteString)
    /// No mount of the process's hierarchy shows its cgroup. `hierarchy` is `devices` or `unified`.
    case notMounted(path: ByteString, hierarchy: String)
    /// The cgroup's directory or a file in it can't be used.
    case unusable(LinuxError)
    /// Something else than the expected cgroup file system is mounted there.
    case notCgroupFileSystem(path: ByteString)
    /// The directory's cgroup is not the one that the process is in.
    case notMember(pid: Int32, path: ByteString)
    /// Version 1: the kernel does not take the rule.
    case ruleRefused(DeviceCgroup.Rule, LinuxError)
    /// Version 2: the kernel does not tell which programs are attached.
    case programsUnavailable(LinuxError)
    /// The attached program `id` can't be taken over into another one, for the reason given.
    case programNotReadable(id: UInt32, reason: String)
    /// The kernel does not load the extended program.
    case programNotLoaded(id: UInt32, LinuxError)
    /// The kernel does not attach the extended program.
    case programNotAttached(id: UInt32, LinuxError)
    /// The program is attached by a bpf_link, so only who made that can replace it.
    case programLinked(id: UInt32)
    /// Somebody else replaces programs all the time.
    case programsChanging(path: ByteString)
}

extension CgroupError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noSuchDevice(let major, let minor): "no device can have the number \(major):\(minor)"
        case .unreadable(let error): "can't find the container's cgroup: \(error)"
        case .notInCgroup(let pid):
            "can't find the container's cgroup: process \(pid) has no devices and no unified entry in its cgroup file"
        case .outsideNamespace(let path):
            "the container's cgroup is outside the cgroup namespace of its runtime: \(path.abbreviated)"
        case .notMounted(let path, let hierarchy):
            "no mount shows the container's cgroup: \(path.abbreviated) of the \(hierarchy) hierarchy"
        case .unusable(let error): "can't use the container's cgroup: \(error)"
        case .notCgroupFileSystem(let path): "not a cgroup's directory: \(path.abbreviated)"
        case .notMember(let pid, let path): "process \(pid) is not in the cgroup \(path.abbreviated)"
        case .ruleRefused(let rule, let error): "the cgroup can't allow \(rule): \(error)"
        case .programsUnavailable(let error):
            switch error.code {
            case ENOSYS: "the kernel has no bpf(2), which cgroups need to allow devices: \(error)"
            case EPERM, EACCES: "not allowed to use bpf(2), which cgroups need to allow devices: \(error)"
            case EINVAL: "the kernel has no device programs for cgroups (CONFIG_CGROUP_BPF): \(error)"
            default: "can't list the device programs of the container's cgroup: \(error)"
            }
        case .programNotReadable(let id, let reason): "can't extend the cgroup's device program \(id): \(reason)"
        case .programNotLoaded(let id, let error): "can't load the extended device program \(id): \(error)"
        case .programNotAttached(let id, let error): "can't replace the cgroup's device program \(id): \(error)"
        case .programLinked(let id):
            "can't replace the cgroup's device program \(id): it is attached by a bpf_link, which only its owner can change"
        case .programsChanging(let path):
            "the device programs of the container's cgroup change while they are extended: \(path.abbreviated)"
        }
    }

    /// What the administrator can do about it; one line, no period.
    package var hint: String {
        switch self {
        case .noSuchDevice: "make the device nodes again with nvidia-modprobe"
        case .notMember, .programsChanging: "start the container again; " + Self.otherWays
        case .outsideNamespace, .notMounted, .notCgroupFileSystem:
            "mount the cgroup file system of the host where the engine runs; " + Self.otherWays
        case .unreadable, .notInCgroup, .unusable, .ruleRefused, .programsUnavailable, .programNotReadable,
            .programNotLoaded, .programNotAttached, .programLinked:
            Self.otherWays
        }
    }

    /// Both leave the cgroup alone.
    private static let otherWays =
        "use --runtime=nvidia, with which the low-level runtime allows the devices itself, or set "
        + "nvidia-container-cli.no-cgroups = true in config.toml if something else allows them"
}
