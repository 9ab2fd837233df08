// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import LibContainer
internal import Linux

/// Takes from this process, for good, what it does not need for what it does next.
///
/// For a process with one thread: most of what it does is per thread. Nothing here replaces the care with paths of
/// `RootDirectory`; it bounds what a mistake in the rest of the process can cost. docs/sandbox.md has the whole of it.
package enum Sandbox {
    /// For the phases before the last one:
    ///
    /// 1. no_new_privs: no later execve(2) gives privileges;
    /// 2. only the phase's capabilities stay, and what a program that is executed can get is that of `changing`;
    /// 3. for `mounting` a list of system calls that it never makes, each of which kills the process.
    package static func restrict(to phase: Phase) throws(SandboxError) {
        do throws(LinuxError) {
            try dropPrivileges(for: phase)
            if phase == .mounting { try SystemCallFilter.load(for: phase) }
        } catch {
            throw SandboxError(error)
        }
    }

    /// Confines the process to `root` for the phase `changing`, in this order:
    ///
    /// 1. `root` becomes the root and the working directory (chroot(2)), so that a path that was resolved without
    ///    `RootDirectory` still ends inside. Left out where the process has no right to do it;
    /// 2. no_new_privs and the capabilities;
    /// 3. limits of resources;
    /// 4. an allow list of system calls.
    package static func enter(_ root: borrowing RootDirectory) throws(SandboxError) {
        do throws(LinuxError) {
            _ = try retryingOnInterrupt("change to", root.path) { fchdir(root.descriptor.number) }
            if chroot(".") != 0, errno != EPERM { throw LinuxError.last("change root to", root.path) }
            try dropPrivileges(for: .changing)
            try ResourceLimits.changing.apply()
            try SystemCallFilter.load(for: .changing)
        } catch {
            throw SandboxError(error)
        }
    }

    /// In a child: the kernel kills it as soon as `parent`, which started it, ends, however that ends. To be called after the
    /// last change of user (setfsuid(2) too), which undoes it.
    package static func end(with parent: Int32) throws(SandboxError) {
        do throws(LinuxError) {
            _ = try retryingOnInterrupt("end with the parent") { clx_end_with_parent() }
            // It may have ended before.
            guard getppid() == parent else { throw LinuxError("end with the parent", code: ESRCH) }
        } catch {
            throw SandboxError(error)
        }
    }

    private static func dropPrivileges(for phase: Phase) throws(LinuxError) {
        _ = try retryingOnInterrupt("set no_new_privs") { clx_set_no_new_privileges() }
        try Capabilities.keep(phase.capabilities, bounding: phase.bounding)
    }
}
