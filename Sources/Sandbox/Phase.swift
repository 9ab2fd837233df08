// SPDX-License-Identifier: Apache-2.0

internal import CLibcap
internal import Glibc

extension Sandbox {
    /// What a process is about to do, and so what it still needs. A phase never gives anything back: those of one process
    /// are `reading` and then `changing`, or `planning`, `mounting`, and in a child `changing`.
    package enum Phase: CaseIterable, Sendable {
        /// Reads the state of a container and opens its root, in its mount namespace if need be.
        case reading
        /// Finds out what a container gets, before it is carried out in the container's namespaces. Other programs may run:
        /// ours, and modprobe(8).
        case planning
        /// Mounts and makes device nodes in a container that exists. Nothing is executed any more.
        case mounting
        /// Changes files below one directory, and does nothing else.
        case changing
    }
}

extension Sandbox.Phase {
    /// The capabilities that stay (capabilities(7)). The directories of an image can belong to anyone, and RHEL's library
    /// directories have mode 0555: CAP_DAC_OVERRIDE is in all of them. CAP_DAC_READ_SEARCH would add only
    /// open_by_handle_at(2), with which a file outside of the root can be opened.
    var capabilities: [CInt] {
        switch self {
        case .reading:
            // Join the container's mount namespace, chroot(2), and open /proc/PID/ns of a process that may do more.
            [CAP_DAC_OVERRIDE, CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_PTRACE]
        case .planning:
            Self.mounting.capabilities + [CAP_SYS_MODULE]
        case .mounting:
            // Besides: make device nodes, also as a container's user (setfsuid(2)), and give them an owner and a mode.
            // CAP_SYS_ADMIN is also what BPF_PROG_TYPE_CGROUP_DEVICE takes.
            [
                CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_MKNOD, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN,
                CAP_SYS_CHROOT,
                CAP_SYS_PTRACE,
            ]
        case .changing:
            [CAP_DAC_OVERRIDE]
        }
    }

    /// What a program that is executed can get.
    var bounding: [CInt] {
        self == .planning ? [CAP_DAC_OVERRIDE, CAP_SYS_MODULE] : [CAP_DAC_OVERRIDE]
    }
}
