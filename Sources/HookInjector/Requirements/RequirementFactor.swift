// SPDX-License-Identifier: Apache-2.0

/// One comparison in a requirement, such as `driver>=470`. Where it stands in the value is kept instead of a copy.
struct RequirementFactor: Hashable, Sendable {
    enum Property: UInt8, Sendable {
        /// The CUDA version that the driver supports.
        case cuda
        /// The driver's version.
        case driver
        /// The compute capability of a GPU.
        case architecture
        /// The product line of a GPU.
        case brand
    }

    enum Comparison: UInt8, Sendable {
        case equal
        case notEqual
        case less
        case lessOrEqual
        case greater
        case greaterOrEqual
    }

    /// Whether an alternative begins with it; the first factor does.
    let opensAlternative: Bool
    let property: Property
    let comparison: Comparison
    /// What to compare with; 0 for a brand, whose text is the operand.
    let version: RequirementVersion
    /// The positions in the requirement's value of the factor and of the text behind the operator.
    let start: Int
    let operandStart: Int
    let end: Int

    /// Whether GPUs can differ in it.
    var isOfGPU: Bool { property == .architecture || property == .brand }

    /// Whether a greater version can make it true.
    var isLowerBound: Bool { comparison == .greater || comparison == .greaterOrEqual }
}

extension RequirementFactor.Comparison {
    /// Whether `left` is in this relation to `right`.
    func holds(_ left: RequirementVersion, _ right: RequirementVersion) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }

    /// Whether some version of which only the lower bound `bound` is known is in this relation to `right`.
    func holds(atLeast bound: RequirementVersion, _ right: RequirementVersion) -> Truth {
        switch self {
        case .equal: bound > right ? .no : .unknown
        case .notEqual: bound > right ? .yes : .unknown
        case .less: bound >= right ? .no : .unknown
        case .lessOrEqual: bound > right ? .no : .unknown
        case .greater: bound > right ? .yes : .unknown
        case .greaterOrEqual: bound >= right ? .yes : .unknown
        }
    }
}
