// SPDX-License-Identifier: Apache-2.0

/// A truth value where not every fact is known (Kleene's three values).
enum Truth: UInt8, Sendable {
    case no
    case unknown
    case yes

    init(_ value: Bool) { self = value ? .yes : .no }

    static func && (left: Truth, right: Truth) -> Truth { left.rawValue < right.rawValue ? left : right }

    static func || (left: Truth, right: Truth) -> Truth { left.rawValue > right.rawValue ? left : right }
}
