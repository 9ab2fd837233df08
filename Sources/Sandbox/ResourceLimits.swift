// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// What a process may use up (setrlimit(2)). RLIMIT_CORE is zero from the start (CHookStart). RLIMIT_NPROC does not hold for
/// root: no other process can be started since the filter does not allow it.
struct ResourceLimits {
    /// Seconds of processor time. Waiting does not count, and the limit of wall-clock time (CHookStart) is reached first,
    /// unless SIGALRM is blocked: this one can't be.
    var processorTime: UInt
    /// Bytes of address space, that is of memory.
    var addressSpace: UInt
    /// Bytes of a file written.
    var fileSize: UInt
    /// Descriptors open at once.
    var openFiles: UInt
    /// Bytes that the stack may grow to.
    var stack: UInt

    /// A cache file of the largest size accepted, 16 MiB, takes about 200 MiB to read, merge and write. The path walk
    /// without openat2(2) holds a descriptor for every directory of a path. The stack is what distributions give.
    static let changing = ResourceLimits(
        processorTime: 10, addressSpace: 512 << 20, fileSize: 64 << 20, openFiles: 512, stack: 8 << 20)

    /// Sets the soft and the hard limits; a hard limit that is lower already stays.
    func apply() throws(LinuxError) {
        try Self.limit(RLIMIT_CPU, to: processorTime)
        try Self.limit(RLIMIT_AS, to: addressSpace)
        try Self.limit(RLIMIT_FSIZE, to: fileSize)
        try Self.limit(RLIMIT_NOFILE, to: openFiles)
        try Self.limit(RLIMIT_STACK, to: stack)
    }

    private static func limit(_ resource: __rlimit_resource, to value: UInt) throws(LinuxError) {
        let number = __rlimit_resource_t(resource.rawValue)
        var limits = rlimit()
        _ = try retryingOnInterrupt("read a resource limit") { getrlimit(number, &limits) }
        limits.rlim_max = min(limits.rlim_max, value)
        limits.rlim_cur = limits.rlim_max
        _ = try retryingOnInterrupt("set a resource limit") { setrlimit(number, &limits) }
    }
}
