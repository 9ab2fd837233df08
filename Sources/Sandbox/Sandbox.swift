// SPDX-License-Identifier: Apache-2.0

internal import CLibcap
internal import CLinux
internal import Glibc
package import LibContainer
internal import Linux

/// Takes from this process, for good, what it does not need to change files below one directory.
///
/// For a process with one thread: most of what it does is per thread. Nothing here replaces the care with paths of
/// `RootDirectory`; it bounds what a mistake in the rest of the process can cost.
package enum Sandbox {
    /// Confines the process to `root`, in this order:
    ///
    /// 1. no_new_privs: no later execve(2) gives privileges;
    /// 2. `root` becomes the root and the working directory (chroot(2)), so that a path that was resolved without
    ///    `RootDirectory` still ends inside. Left out where the process has no right to do it;
    /// 3. of the capabilities only CAP_DAC_OVERRIDE stays: the directories of an image can belong to anyone, and RHEL's
    ///    library directories have mode 0555. The other sets are emptied;
    /// 4. limits of resources;
    /// 5. an allow list of system calls.
    package static func enter(_ root: borrowing RootDirectory) throws(SandboxError) {
        do throws(LinuxError) {
            _ = try retryingOnInterrupt("set no_new_privs") { clx_set_no_new_privileges() }
            _ = try retryingOnInterrupt("change to", root.path) { fchdir(root.descriptor.number) }
            if chroot(".") != 0, errno != EPERM { throw LinuxError.last("change root to", root.path) }
            try Capabilities.keepOnly(CAP_DAC_OVERRIDE)
            try ResourceLimits.hook.apply()
            try SystemCallFilter.load()
        } catch {
            throw SandboxError(error)
        }
    }
}
