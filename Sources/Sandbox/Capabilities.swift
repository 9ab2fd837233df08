// SPDX-License-Identifier: Apache-2.0

internal import CLibcap
internal import Glibc
internal import Linux

/// The capabilities of this thread (capabilities(7)), through libcap.
enum Capabilities {
    /// Leaves those of `capabilities` that are permitted in the permitted and effective sets, and no other; empties the
    /// inheritable and the ambient set; leaves in the bounding set, which is what execve(2) can give, those of `bounding`.
    ///
    /// Taking from the bounding set needs CAP_SETPCAP, so a process without that keeps it; most have taken from it by then
    /// what they could, since no phase leaves them CAP_SETPCAP. In a user namespace all of it is about that namespace. A
    /// capability that the kernel does not know is not permitted.
    static func keep(_ capabilities: [CInt], bounding: [CInt]) throws(LinuxError) {
        for capability in 0..<cap_max_bits() where !bounding.contains(capability) {
            if cap_drop_bound(capability) == 0 { continue }
            if errno == EPERM { break }
            throw LinuxError.last("drop from the bounding set")
        }
        // EINVAL: a kernel before 4.3, which has no ambient set.
        if cap_reset_ambient() != 0, errno != EINVAL { throw LinuxError.last("empty the ambient set") }

        guard let current = cap_get_proc() else { throw LinuxError.last("read capabilities") }
        defer { cap_free(UnsafeMutableRawPointer(current)) }
        guard let kept = cap_init() else { throw LinuxError.last("make a capability set") }
        defer { cap_free(UnsafeMutableRawPointer(kept)) }
        var list: [CInt] = []
        for capability in capabilities {
            var isPermitted = CAP_CLEAR
            cap_get_flag(current, capability, CAP_PERMITTED, &isPermitted)
            if isPermitted == CAP_SET { list.append(capability) }
        }
        if !list.isEmpty {
            for set in [CAP_PERMITTED, CAP_EFFECTIVE]
            where cap_set_flag(kept, set, CInt(list.count), &list, CAP_SET) != 0 {
                throw LinuxError.last("make a capability set")
            }
        }
        if cap_set_proc(kept) != 0 { throw LinuxError.last("drop capabilities") }
    }
}
