// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The limit of memory that the process may lock (RLIMIT_MEMLOCK), raised until `restore`.
struct LockedMemoryLimit {
    private let previous: rlimit

    private static let resource = __rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue)

    /// To no limit, or where that is not allowed to the hard limit. Nil where it can't be raised.
    static func raise() -> LockedMemoryLimit? {
        var limits = rlimit()
        guard getrlimit(resource, &limits) == 0 else { return nil }
        let previous = limits
        limits = rlimit(rlim_cur: .max, rlim_max: .max)
        if setrlimit(resource, &limits) != 0 {
            limits = rlimit(rlim_cur: previous.rlim_max, rlim_max: previous.rlim_max)
            guard previous.rlim_cur < previous.rlim_max, setrlimit(resource, &limits) == 0 else { return nil }
        }
        return LockedMemoryLimit(previous: previous)
    }

    func restore() {
        var limits = previous
        _ = setrlimit(Self.resource, &limits)
    }
}
