// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Why what an image requires is not met or can't be read. `description` is one line of at most 200 characters, the cause
/// first; `hint` says what to do.
package enum RequirementError: Error, Equatable {
    /// What is wrong with the text at a position.
    package enum Malformation: Equatable, Sendable {
        case tooLong
        case tooManyFactors
        case noOperator
        case noProperty
        case unknownOperator
        case noOperand
        case noVersion
        case orderOfBrands
    }

    /// The value of `variable` is no requirement, because of the `text` at byte `position`, counted from 0.
    case malformed(variable: ByteString, position: Int, text: ByteString, reason: Malformation)
    /// There are more variables with requirements than `limit`.
    case tooManyVariables(limit: Int)
    case unsatisfied(UnsatisfiedRequirement)
}

extension RequirementError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let variable, let position, let text, let reason):
            "\(variable.shortened) is malformed at byte \(position), \"\(text.shortened)\": \(reason)".clamped(to: 200)
        case .tooManyVariables(let limit):
            "the environment has more than \(limit) NVIDIA_REQUIRE_ variables"
        case .unsatisfied(let requirement): requirement.description
        }
    }

    /// What the user can do about it; one line, no period.
    package var hint: String {
        switch self {
        case .malformed:
            "write alternatives separated by spaces, each a list of conditions such as cuda>=12.4,driver>=550, and set the "
                + "variable in the image or in the container, or set \(Self.escape)"
        case .tooManyVariables: "remove those that nothing needs, or set \(Self.escape)"
        case .unsatisfied(let requirement): requirement.hint
        }
    }

    /// The last way out of all of these.
    static let escape = "NVIDIA_DISABLE_REQUIRE=true in the container to start it unchecked, at your own risk"
}

extension RequirementError.Malformation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLong: "more than \(Requirement.maximumLength) bytes"
        case .tooManyFactors: "more than \(Requirement.maximumFactors) conditions"
        case .noOperator: "expected an operator: =, !=, <, <=, > or >="
        case .noProperty: "expected cuda, driver, arch or brand before the operator"
        case .unknownOperator: "expected =, !=, <, <=, > or >="
        case .noOperand: "expected a value after the operator"
        case .noVersion: "expected a version such as 12.4"
        case .orderOfBrands: "brands are only compared with = and !="
        }
    }
}

extension ByteString {
    /// At most 40 characters of it.
    var shortened: String { ByteString(bytes.prefix(41)).description.clamped(to: 40) }
}

extension String {
    /// At most `count` characters, the last of them `...` where it is longer.
    func clamped(to count: Int) -> String {
        self.count <= count ? self : String(prefix(count - 3)) + "..."
    }
}
