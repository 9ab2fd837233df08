// SPDX-License-Identifier: Apache-2.0

import CLibseccomp
import Glibc
import Testing

@testable import Sandbox

/// The filters, for both architectures wherever the tests run.
@Suite struct SystemCallFilterTests {
    /// AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h.
    static let (x86, arm): (UInt32, UInt32) = (0xC000_003E, 0xC000_00B7)
    static let architectures = [x86, arm]
    static let kill: UInt32 = 0  // SECCOMP_RET_KILL_THREAD
    static let allow: UInt32 = 0x7FFF_0000

    /// The numbers of the calls of a table that an architecture has.
    private static func numbers(_ names: [StaticString], _ architecture: UInt32) -> Set<Int32> {
        Set(names.map { number($0.description, architecture) }.filter { $0 >= 0 })
    }

    private static func number(_ name: String, _ architecture: UInt32) -> Int32 {
        seccomp_syscall_resolve_name_arch(architecture, name)
    }

    @Test(arguments: architectures) func changing(architecture: UInt32) throws {
        let program = try FilterProgram(.changing, architecture: architecture)
        let killed = Self.numbers(SystemCallFilter.never + SystemCallFilter.neverChanging, architecture)
        let allowed = Self.numbers(
            SystemCallFilter.allowed + SystemCallFilter.allowedNotExecutable, architecture)
        let own = Self.numbers(SystemCallFilter.allowedToOwnProcess, architecture)
        #expect(killed.count > 30 && allowed.count > 35 && own.count == 1)
        for number in Int32(0)..<1024 {
            let answer = try program.answer(to: number)
            if killed.contains(number) {
                #expect(answer == Self.kill, "\(number)")
            } else if allowed.contains(number) {
                #expect(answer == Self.allow, "\(number)")
            } else {
                #expect(answer == FilterProgram.unlisted, "\(number)")
            }
            if own.contains(number) { #expect(try program.answer(to: number, [UInt64(getpid())]) == Self.allow) }
        }
    }

    @Test(arguments: architectures) func mounting(architecture: UInt32) throws {
        let program = try FilterProgram(.mounting, architecture: architecture)
        let killed = Self.numbers(SystemCallFilter.never + SystemCallFilter.neverMounting, architecture)
        #expect(killed.count > 35)
        for number in Int32(0)..<1024 {
            let wanted = killed.contains(number) ? Self.kill : FilterProgram.unlisted
            #expect(try program.answer(to: number) == wanted, "\(number)")
        }
        for name in [
            "mount", "umount2", "open_tree", "move_mount", "mount_setattr", "setns", "mknodat", "bpf", "clone",
            "seccomp",
        ] {
            #expect(try program.answer(to: Self.number(name, architecture)) == FilterProgram.unlisted, "\(name)")
        }
    }

    /// Before the phases that have one there is nothing but what is never called.
    @Test func otherPhasesHaveNoTableOfTheirOwn() throws {
        let native = seccomp_arch_native()
        #expect(
            try FilterProgram(.reading, architecture: native).count
                == FilterProgram(.planning, architecture: native).count)
    }

    @Test(arguments: architectures) func codeDoesNotComeIn(architecture: UInt32) throws {
        let program = try FilterProgram(.changing, architecture: architecture)
        for name in ["mmap", "mprotect"] {
            let number = Self.number(name, architecture)
            for protection in UInt64(0)..<16 {
                let wanted = protection & UInt64(PROT_EXEC) == 0 ? Self.allow : FilterProgram.unlisted
                #expect(try program.answer(to: number, [0, 4096, protection]) == wanted, "\(name) \(protection)")
            }
        }
        #expect(try program.answer(to: Self.number("tgkill", architecture), [1]) == FilterProgram.unlisted)
        // A number that is ours in its lower half only.
        let other = UInt64(getpid()) | 1 << 32
        #expect(try program.answer(to: Self.number("tgkill", architecture), [other]) == FilterProgram.unlisted)
    }

    @Test(arguments: architectures, [Sandbox.Phase.mounting, .changing])
    func otherArchitecturesKill(architecture: UInt32, phase: Sandbox.Phase) throws {
        let program = try FilterProgram(phase, architecture: architecture)
        // Those of 32 bits, and none at all.
        for other in Self.architectures + [0x4000_0003, 0x4000_0028, 0] where other != architecture {
            #expect(try program.answer(to: 1, architecture: other) == Self.kill)
        }
        guard architecture == Self.x86 else { return }
        for number in [Int32(0), 1, 257, 512, 547] {
            #expect(try program.answer(to: number | 0x4000_0000) == Self.kill, "x32 \(number)")
        }
    }

    /// What static programs call where x86-64 has older calls too: aarch64 has only these. A table that lacks one of them
    /// would show on that architecture alone.
    @Test(arguments: architectures) func callsOfEveryArchitecture(architecture: UInt32) throws {
        let program = try FilterProgram(.changing, architecture: architecture)
        for name in [
            "openat", "openat2", "mkdirat", "unlinkat", "symlinkat", "renameat", "renameat2", "readlinkat",
            "newfstatat", "statx",
            "fstat", "getdents64", "clock_nanosleep", "futex", "rt_sigreturn", "exit_group", "getrandom", "brk",
        ] {
            let number = Self.number(name, architecture)
            #expect(number >= 0, "\(name)")
            #expect(try program.answer(to: number) == Self.allow, "\(name)")
        }
    }

    /// No name that libseccomp does not know at all, which would silently be no rule.
    @Test func names() {
        let all = [
            SystemCallFilter.never, SystemCallFilter.neverMounting, SystemCallFilter.neverChanging,
            SystemCallFilter.allowed,
            SystemCallFilter.allowedNotExecutable, SystemCallFilter.allowedToOwnProcess,
        ]
        for name in all.joined() {
            #expect(seccomp_syscall_resolve_name(name.description) != __NR_SCMP_ERROR, "\(name)")
        }
        let forChanging = (all[0] + all[2] + all[3] + all[4] + all[5]).map(\.description)
        #expect(Set(forChanging).count == forChanging.count)
        let forMounting = (all[0] + all[1]).map(\.description)
        #expect(Set(forMounting).count == forMounting.count)
    }
}
