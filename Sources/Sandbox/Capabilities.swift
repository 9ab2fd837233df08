// SPDX-License-Identifier: Apache-2.0

internal import CLibcap
internal import Glibc
internal import Linux

/// The capabilities of this thread (capabilities(7)), through libcap.
enum Capabilities {
    /// Leaves `capability` in the permitted and effective sets, if it is permitted at all, and nothing else in any set.
    ///
    /// The bounding set counts only for execve(2), and emptying it takes CAP_SETPCAP, so a process without that keeps
    /// it.
    static func keepOnly(_ capability: CInt) throws(LinuxError) {
        for other in 0..<cap_max_bits() where other != capability {
            if cap_drop_bound(other) != 0, errno != EPERM { throw LinuxError.last("drop from the bounding set") }
        }
        // EINVAL: a kernel before 4.3, which has no ambient set.
        if cap_reset_ambient() != 0, errno != EINVAL { throw LinuxError.last("empty the ambient set") }

        guard let current = cap_get_proc() else { throw LinuxError.last("read capabilities") }
        defer { cap_free(UnsafeMutableRawPointer(current)) }
        guard let kept = cap_init() else { throw LinuxError.last("make a capability set") }
        defer { cap_free(UnsafeMutableRawPointer(kept)) }
        var isPermitted = CAP_CLEAR
        cap_get_flag(current, capability, CAP_PERMITTED, &isPermitted)
        if isPermitted == CAP_SET {
            var list = [capability]
            for set in [CAP_PERMITTED, CAP_EFFECTIVE] where cap_set_flag(kept, set, 1, &list, CAP_SET) != 0 {
                throw LinuxError.last("make a capability set")
            }
        }
        if cap_set_proc(kept) != 0 { throw LinuxError.last("drop capabilities") }
    }
}
