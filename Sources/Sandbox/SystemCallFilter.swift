// SPDX-License-Identifier: Apache-2.0

internal import CLibseccomp
internal import Glibc
internal import Linux

/// The seccomp filter of a process that changes files and does nothing else, through libseccomp.
///
/// The program is static, so the calls its libraries make are known when it is built and don't depend on the host. What
/// is not listed fails with EPERM, so that a path nobody thought of ends in an error and not in a dead process; calls by
/// the number of another architecture kill it (libseccomp's default).
enum SystemCallFilter {
    private static let allowed: [StaticString] = [
        // Files, relative to a descriptor.
        "close", "fcntl", "fstat", "fstatfs", "getdents64", "lseek", "mkdirat", "newfstatat", "openat", "openat2",
        "pread64", "read",
        "readlinkat", "renameat", "statx", "symlinkat", "unlinkat", "write", "writev",
        // Memory.
        "brk", "madvise", "mremap", "munmap",
        // What the C and Swift libraries need to run and to end.
        "clock_gettime", "clock_nanosleep", "exit", "exit_group", "futex", "getpid", "getrandom", "gettid",
        "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield",
    ]

    /// Allowed without PROT_EXEC only, so that no code comes in from a file or from memory that was written.
    private static let mapping: [StaticString] = ["mmap", "mprotect"]

    /// Loads the filter into the kernel. There is no way back.
    static func load() throws(LinuxError) {
        guard let filter = seccomp_init(clibseccomp_act_eperm()) else {
            throw LinuxError("make a system call filter", code: ENOMEM)
        }
        defer { seccomp_release(filter) }
        for name in allowed { try allow(name, in: filter) }
        let notExecutable = scmp_arg_cmp(arg: 2, op: SCMP_CMP_MASKED_EQ, datum_a: UInt64(PROT_EXEC), datum_b: 0)
        for name in mapping { try allow(name, where: [notExecutable], in: filter) }
        // abort(3) sends SIGABRT; only to this process.
        let ownProcess = scmp_arg_cmp(arg: 0, op: SCMP_CMP_EQ, datum_a: UInt64(getpid()), datum_b: 0)
        try allow("tgkill", where: [ownProcess], in: filter)
        let result = seccomp_load(filter)
        guard result == 0 else { throw LinuxError("load a system call filter", code: -result) }
    }

    private static func allow(
        _ name: StaticString, where conditions: [scmp_arg_cmp] = [], in filter: scmp_filter_ctx
    ) throws(LinuxError) {
        let number = name.withUTF8Buffer { buffer in
            // A StaticString's bytes end in a NUL.
            buffer.withMemoryRebound(to: CChar.self) { seccomp_syscall_resolve_name($0.baseAddress) }
        }
        // A call that this architecture does not have (a negative number) needs no rule.
        guard number >= 0 else { return }
        let result = seccomp_rule_add_array(
            filter, UInt32(SCMP_ACT_ALLOW), number, CUnsignedInt(conditions.count), conditions)
        guard result == 0 else { throw LinuxError("allow a system call", ByteString(name), code: -result) }
    }
}

extension ByteString {
    fileprivate init(_ name: StaticString) { self.init(stringLiteral: name) }
}
