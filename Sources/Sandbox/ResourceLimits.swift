// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// What a process may use up (setrlimit(2)). Time is limited elsewhere: RLIMIT_CPU does not count waiting.
struct ResourceLimits {
    /// Bytes of address space, that is of memory.
    var addressSpace: UInt
    /// Bytes of a file written.
    var fileSize: UInt
    /// Descriptors open at once.
    var openFiles: UInt

    /// A cache file of the largest size accepted, 16 MiB, takes about 200 MiB to read, merge and write. The path walk
    /// without openat2(2) holds a descriptor for every directory of a path.
    static let hook = ResourceLimits(addressSpace: 512 << 20, fileSize: 64 << 20, openFiles: 512)

    /// Sets the soft and the hard limits; a hard limit that is lower already stays.
    func apply() throws(LinuxError) {
        try Self.limit(RLIMIT_AS, to: addressSpace)
        try Self.limit(RLIMIT_FSIZE, to: fileSize)
        try Self.limit(RLIMIT_NOFILE, to: openFiles)
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
