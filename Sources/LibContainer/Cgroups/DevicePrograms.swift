// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// The device programs attached to a version 2 cgroup. The kernel asks all of them, and those of the cgroups above, and each
/// of them must allow an access; where there is none, all is allowed.
struct DevicePrograms {
    private let directory: CgroupDirectory
    /// Whether the kernel has BPF_F_REPLACE.
    private var canReplace: Bool

    /// How often the list of programs is read again after somebody else changed it. The low-level runtime and systemd each
    /// do that once or twice.
    private static let passLimit = 32
    /// How often a program that is attached can have gone when its turn comes.
    private static let missLimit = 4
    /// The kernel attaches 64 to a cgroup (BPF_CGROUP_MAX_PROGS).
    private static let programLimit = 4096

    init(_ directory: CgroupDirectory, canReplace: Bool = true) {
        self.directory = directory
        self.canReplace = canReplace
    }

    private struct Attached {
        var ids: [UInt32]
        /// CLX_BPF_ALLOW_OVERRIDE, CLX_BPF_ALLOW_MULTI or none.
        var flags: CInt
    }

    /// Extends every attached program by `rules`. Nothing is attached where there is none.
    ///
    /// A program that has gone when its turn comes was replaced by somebody else, so the list is read again. One that is
    /// there again each time is attached in another way, which only its owner can change.
    func allow(_ rules: [DeviceCgroup.Rule], recording change: inout DeviceCgroupChange) throws(CgroupError) {
        var programs = self
        var done: Set<UInt32> = []
        var misses: [UInt32: Int] = [:]
        for _ in 0..<Self.passLimit {
            let attached = try attached()
            var isMissed = false
            for id in attached.ids where !done.contains(id) {
                if try programs.extend(id, rules, flags: attached.flags, done: &done, recording: &change) { continue }
                isMissed = true
                misses[id, default: 0] += 1
                if misses[id, default: 0] == Self.missLimit { throw .programLinked(id: id) }
            }
            if !isMissed { return }
        }
        throw .programsChanging(path: directory.path)
    }

    /// Puts a program in the place of program `id` that allows `rules` too. False where `id` is not attached any more.
    private mutating func extend(
        _ id: UInt32, _ rules: [DeviceCgroup.Rule], flags: CInt, done: inout Set<UInt32>,
        recording change: inout DeviceCgroupChange
    ) throws(CgroupError) -> Bool {
        let original: DeviceProgram
        do throws(LinuxError) {
            original = try DeviceProgram(id: id)
        } catch {
            if error.code == ENOENT { return false }
            throw .programNotReadable(id: id, reason: error.description)
        }
        let filter = try Self.filter(of: original).allowing(rules)
        let extended: DeviceProgram
        do throws(LinuxError) {
            extended = try DeviceProgram(loading: filter)
        } catch {
            throw .programNotLoaded(id: id, error)
        }
        do throws(LinuxError) {
            guard try replace(original, by: extended, flags: flags) else { return false }
        } catch {
            throw .programNotAttached(id: id, error)
        }
        done.insert(extended.id)
        change.record(.replaced(original, by: extended, self, flags: flags))
        return true
    }

    private static func filter(of program: DeviceProgram) throws(CgroupError) -> DeviceFilter {
        let instructions: [BPFInstruction]?
        do throws(LinuxError) {
            instructions = try program.instructions()
        } catch {
            throw .programNotReadable(id: program.id, reason: error.description)
        }
        guard let instructions else {
            throw .programNotReadable(
                id: program.id,
                reason: "the kernel hides its instructions (sysctls kernel.kptr_restrict and net.core.bpf_jit_harden)")
        }
        do throws(DeviceFilter.Obstacle) {
            return try DeviceFilter(readBack: instructions)
        } catch {
            throw .programNotReadable(id: program.id, reason: error.rawValue)
        }
    }

    /// Puts `original` back into the place of `extended`, if that is still attached.
    func restore(_ original: DeviceProgram, for extended: DeviceProgram, flags: CInt) {
        var programs = self
        do throws(LinuxError) {
            _ = try programs.replace(extended, by: original, flags: flags)
        } catch {
            // Then the container may open a device more than it asked for: there is nothing left to try.
        }
    }

    private func attached() throws(CgroupError) -> Attached {
        do throws(LinuxError) {
            return try list()
        } catch {
            throw .programsUnavailable(LinuxError(error.operation, directory.path, code: error.code))
        }
    }

    private func list() throws(LinuxError) -> Attached {
        var room = 64
        while true {
            var ids = [UInt32](repeating: 0, count: room)
            var count = UInt32(room)
            var flags: UInt32 = 0
            do throws(LinuxError) {
                _ = try retryingOnInterrupt("list device programs") {
                    clx_bpf_query_device_programs(directory.descriptor.number, &ids, &count, &flags)
                }
                let known = CLX_BPF_ALLOW_OVERRIDE | CLX_BPF_ALLOW_MULTI
                return Attached(
                    ids: Array(ids.prefix(Int(count))), flags: CInt(truncatingIfNeeded: flags) & known)
            } catch {
                guard error.code == ENOSPC, room < Self.programLimit else { throw error }
                room *= 2
            }
        }
    }

    /// Puts `new` in the place of `old`. False where `old` is not attached any more, and then nothing is changed. `flags` is
    /// what the cgroup's programs are attached with.
    ///
    /// Since Linux 5.6 the kernel does that in one step, and only if `old` is attached (BPF_F_REPLACE). Before, `new` is
    /// attached beside `old`, which together allow no more than `old` alone, and then `old` is detached.
    private mutating func replace(
        _ old: DeviceProgram, by new: DeviceProgram, flags: CInt
    ) throws(LinuxError) -> Bool {
        guard flags & CLX_BPF_ALLOW_MULTI != 0 else {
            // Then there is one at most, and the next one takes its place in one step.
            guard try list().ids == [old.id] else { return false }
            try attach(new, flags: flags)
            return true
        }
        if canReplace {
            do throws(LinuxError) {
                try attach(new, flags: flags | CLX_BPF_REPLACE, replacing: old)
                return true
            } catch {
                if error.code == ENOENT { return false }
                guard error.code == EINVAL else { throw error }
                canReplace = false
            }
        }
        try attach(new, flags: flags)
        do throws(LinuxError) {
            try detach(old)
            return true
        } catch {
            try detach(new)
            if error.code == ENOENT { return false }
            throw error
        }
    }

    private func attach(
        _ program: DeviceProgram, flags: CInt, replacing old: DeviceProgram? = nil
    ) throws(LinuxError) {
        _ = try retryingOnInterrupt("attach") {
            withExtendedLifetime((program, old)) {
                clx_bpf_attach_device_program(
                    directory.descriptor.number, program.descriptor.number, UInt32(bitPattern: flags),
                    old?.descriptor.number ?? -1)
            }
        }
    }

    private func detach(_ program: DeviceProgram) throws(LinuxError) {
        _ = try retryingOnInterrupt("detach") {
            withExtendedLifetime(program) {
                clx_bpf_detach_device_program(directory.descriptor.number, program.descriptor.number)
            }
        }
    }
}
