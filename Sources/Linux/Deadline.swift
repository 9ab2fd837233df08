// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A point in time that something has to be done by, on the monotonic clock.
package struct Deadline: Sendable {
    /// Milliseconds of CLOCK_MONOTONIC.
    private let time: Int

    /// `milliseconds` from now.
    package init(milliseconds: Int) { time = Self.now &+ milliseconds }

    /// What is left, 0 once it has passed; for poll(2).
    package var remainingMilliseconds: CInt { CInt(clamping: max(0, time &- Self.now)) }

    package var hasPassed: Bool { remainingMilliseconds == 0 }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec &* 1000 &+ time.tv_nsec / 1_000_000
    }
}
