// SPDX-License-Identifier: Apache-2.0

/// The system calls by name, for all architectures: one that a kernel, an architecture or libseccomp does not know is no
/// error.
extension SystemCallFilter {
    /// Starts programs, reaches other processes, the kernel's code or memory, files by handle, or the network. In every
    /// filter. Kept short for `changing`, which allows nothing of the kind anyway: each rule is two microseconds.
    static let never: [StaticString] = [
        "execve", "execveat",
        "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd",
        "add_key", "keyctl", "request_key",
        "io_uring_setup", "perf_event_open", "userfaultfd",
        "finit_module", "init_module", "kexec_file_load", "kexec_load",
        "name_to_handle_at", "open_by_handle_at",
        "socket",
    ]

    /// While it mounts, all else is allowed, so that what an administrator of the machine does is on the list too.
    static let neverMounting: [StaticString] = [
        "acct", "adjtimex", "clock_adjtime", "clock_settime", "delete_module", "io_uring_enter", "io_uring_register",
        "ioperm",
        "iopl", "kcmp", "modify_ldt", "quotactl", "reboot", "setdomainname", "sethostname", "settimeofday",
        "socketpair",
        "swapoff", "swapon", "syslog",
    ]

    /// While it changes files, it starts and stops nothing, and mounts, namespaces and the root stay as they are.
    static let neverChanging: [StaticString] = [
        "clone", "clone3", "fork", "vfork", "kill", "bpf",
        "chroot", "pivot_root", "setns", "unshare",
        "fsopen", "mount", "move_mount", "open_tree", "umount2",
    ]

    /// All that changing files takes.
    static let allowed: [StaticString] = [
        // Files, relative to a descriptor.
        "close", "fchmodat", "fcntl", "fstat", "fstatfs", "getdents64", "lseek", "mkdirat", "newfstatat", "openat",
        "openat2",
        "pread64", "read", "readlinkat", "renameat", "renameat2", "statx", "symlinkat", "unlinkat", "write", "writev",
        // Memory.
        "brk", "madvise", "mremap", "munmap",
        // What the C and Swift libraries need to run and to end.
        "clock_gettime", "clock_nanosleep", "exit", "exit_group", "futex", "getpid", "getrandom", "gettid",
        "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield",
    ]

    /// Allowed without PROT_EXEC only, so that no code comes in from a file or from memory that was written.
    static let allowedNotExecutable: [StaticString] = ["mmap", "mprotect"]

    /// abort(3) sends SIGABRT.
    static let allowedToOwnProcess: [StaticString] = ["tgkill"]
}
