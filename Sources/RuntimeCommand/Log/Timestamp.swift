// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A point in time in whole seconds since the epoch, UTC. Its description is RFC 3339, computed here: gmtime_r(3) and
/// strftime(3) would read time zones and locales.
struct Timestamp: CustomStringConvertible {
    let seconds: Int

    static func now() -> Timestamp { Timestamp(seconds: time(nil)) }

    /// "2026-11-21T09:17:00Z"
    var description: String {
        let (days, second) = seconds.floorQuotientAndRemainder(dividingBy: 86_400)
        let (year, month, day) = Timestamp.date(daysSinceEpoch: days)
        let clock = [second / 3600, second / 60 % 60, second % 60].map(twoDigits).joined(separator: ":")
        return "\(year)-\(twoDigits(month))-\(twoDigits(day))T\(clock)Z"
    }

    /// The date in the proleptic Gregorian calendar, counted in eras of 400 years (146,097 days) that start on 1 March, so
    /// that the leap day is the last one of its year.
    private static func date(daysSinceEpoch: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = (daysSinceEpoch + 719_468).floorQuotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Int {
    fileprivate func floorQuotientAndRemainder(dividingBy divisor: Int) -> (Int, Int) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
