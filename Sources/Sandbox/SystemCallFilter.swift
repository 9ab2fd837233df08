// SPDX-License-Identifier: Apache-2.0

internal import CLibseccomp
internal import CSandbox
internal import Glibc
internal import Linux

/// The seccomp filters, through libseccomp.
///
/// The programs are static, so the calls that their libraries make are known when they are built and don't depend on the
/// host. A filter answers in one of three ways:
///
/// - what `SystemCallFilter+Tables` allows is done;
/// - what it forbids kills the process: nothing of ours makes such a call, so somebody else does. A call by the number of
///   another architecture, i386 and x32 on x86-64, is one of them;
/// - anything else fails with EPERM for `changing`, so that a path through a library that nobody thought of ends in an error
///   and not in a dead process (CSandbox says how tests make sure that there is none), and is done for `mounting`.
enum SystemCallFilter {
    /// What kills. The process has one thread; that more than one die came only with Linux 4.14.
    static let kill = CLibseccomp.SCMP_ACT_KILL_THREAD

    /// Loads the filter into the kernel. There is no way back; a second filter comes on top of the first.
    static func load(for phase: Sandbox.Phase) throws(LinuxError) {
        let other = phase == .changing ? csandbox_unlisted_call() : SCMP_ACT_ALLOW
        guard let filter = seccomp_init(other) else { throw LinuxError("make a system call filter", code: ENOMEM) }
        defer { seccomp_release(filter) }
        try add(phase, to: filter)
        let result = seccomp_load(filter)
        guard result == 0 else { throw LinuxError("load a system call filter", code: -result) }
    }

    /// Adds the rules for `phase`, for every architecture that `filter` is for.
    static func add(_ phase: Sandbox.Phase, to filter: scmp_filter_ctx) throws(LinuxError) {
        // A tree of numbers in place of a list: half of what the kernel takes to load it. Not in libseccomp before 2.5.
        _ = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        for name in never { try add(kill, name, to: filter) }
        switch phase {
        case .reading, .planning: break
        case .mounting:
            for name in neverMounting { try add(kill, name, to: filter) }
        case .changing:
            for name in neverChanging { try add(kill, name, to: filter) }
            for name in allowed { try add(SCMP_ACT_ALLOW, name, to: filter) }
            let notExecutable = scmp_arg_cmp(
                arg: 2, op: SCMP_CMP_MASKED_EQ, datum_a: UInt64(PROT_EXEC), datum_b: 0)
            for name in allowedNotExecutable {
                try add(SCMP_ACT_ALLOW, name, where: [notExecutable], to: filter)
            }
            let ownProcess = scmp_arg_cmp(arg: 0, op: SCMP_CMP_EQ, datum_a: UInt64(getpid()), datum_b: 0)
            for name in allowedToOwnProcess { try add(SCMP_ACT_ALLOW, name, where: [ownProcess], to: filter) }
        }
    }

    private static func add(
        _ action: UInt32, _ name: StaticString, where conditions: [scmp_arg_cmp] = [], to filter: scmp_filter_ctx
    ) throws(LinuxError) {
        let number = name.withUTF8Buffer { buffer in
            // A StaticString's bytes end in a NUL.
            buffer.withMemoryRebound(to: CChar.self) { seccomp_syscall_resolve_name($0.baseAddress) }
        }
        // Newer than the library. One that only this architecture lacks has another negative number, and needs no rule.
        guard number != __NR_SCMP_ERROR else { return }
        let result = seccomp_rule_add_array(filter, action, number, CUnsignedInt(conditions.count), conditions)
        guard result == 0 else { throw LinuxError("filter a system call", ByteString(name), code: -result) }
    }
}

extension ByteString {
    fileprivate init(_ name: StaticString) { self.init(stringLiteral: name) }
}
