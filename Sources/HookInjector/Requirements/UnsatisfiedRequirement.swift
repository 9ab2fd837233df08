// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// A requirement that the host does not meet: what would have met it, and what the host has.
package struct UnsatisfiedRequirement: Equatable, Sendable {
    /// A condition that is not met.
    struct Failure: Equatable, Sendable {
        let condition: ByteString
        let property: RequirementFactor.Property
        let isLowerBound: Bool
        /// Whether that is because a fact could not be found out.
        let isUnknown: Bool
        /// What the host has: `the driver is 550.144.03`.
        let found: String
    }

    struct Alternative: Equatable, Sendable {
        let text: ByteString
        /// Those that were found out; not empty.
        let failures: [Failure]
        /// The less, the nearer the alternative is to being met.
        let distance: Int
    }

    let variable: ByteString
    /// The nearest first; not empty.
    let alternatives: [Alternative]
    /// What the host's driver supports, where that is known.
    let cuda: CUDAVersion?
    /// The oldest driver that is known to meet the requirement by its CUDA version.
    let newDriver: String?
}

extension UnsatisfiedRequirement: CustomStringConvertible {
    /// `unsatisfied condition` are the words of libnvidia-container, which users search for.
    package var description: String {
        guard let nearest = alternatives.first else { return "unsatisfied condition in \(variable.shortened)" }
        return "unsatisfied condition: \(nearest.text.abbreviated) (\(variable.shortened)): \(nearest.reasons)"
            .clamped(to: 200)
    }

    /// The other alternatives with what fails in them, and the ways out.
    package var hint: String {
        var groups: [(text: ByteString, reasons: String, count: Int)] = []
        var rest = 0
        for alternative in alternatives.dropFirst() {
            let reasons = alternative.reasons
            if let index = groups.firstIndex(where: { $0.reasons == reasons }) {
                groups[index].count += 1
            } else if groups.count < Self.shownGroups {
                groups.append((alternative.text, reasons, 1))
            } else {
                rest += 1
            }
        }
        var others = groups.map { group in
            let alike = group.count > 1 ? " and \(group.count - 1) like it" : ""
            return "\(group.text.abbreviated)\(alike) (\(group.reasons))"
        }
        if rest > 0 { others.append("\(rest) more") }
        let also = others.isEmpty ? "" : "neither is " + others.joined(separator: ", nor ").clamped(to: 500) + "; "
        return also + waysOut.joined(separator: ", ") + ", or set \(RequirementError.escape)"
    }

    /// How many kinds of other alternatives a hint lists.
    private static let shownGroups = 3

    private var waysOut: [String] {
        var ways: [String] = []
        guard let nearest = alternatives.first else { return ways }
        if let newDriver {
            ways.append("install driver \(newDriver) or newer")
        } else if nearest.fails({ $0.property == .cuda && $0.isLowerBound }) {
            ways.append("install a newer driver if there is one")
        }
        if let cuda, !ways.isEmpty { ways.append("use an image made for CUDA \(cuda) or older") }
        let drivers = nearest.failures.filter { $0.property == .driver }.map(\.condition.shortened)
        if !drivers.isEmpty { ways.append("install a driver with \(drivers.joined(separator: ",").clamped(to: 80))") }
        if nearest.fails({ ($0.property == .brand || $0.property == .architecture) && !$0.isUnknown }) {
            ways.append("use an image made for this GPU")
        }
        if alternatives.contains(where: { $0.fails(\.isUnknown) }) {
            ways.append("find out with nvidia-smi why the driver does not tell")
        }
        return ways.isEmpty ? ["use an image made for this driver"] : ways
    }
}

extension UnsatisfiedRequirement.Alternative {
    fileprivate func fails(_ condition: (UnsatisfiedRequirement.Failure) -> Bool) -> Bool {
        failures.contains(where: condition)
    }

    /// What the host has instead, each once.
    fileprivate var reasons: String {
        var reasons: [String] = []
        for failure in failures where !reasons.contains(failure.found) { reasons.append(failure.found) }
        return reasons.joined(separator: ", ")
    }
}
