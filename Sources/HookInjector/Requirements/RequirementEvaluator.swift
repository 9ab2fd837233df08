// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// Checks requirements against the host, and asks for what it does not know only where that decides.
///
/// A requirement is met if every GPU of the container meets one of its alternatives, each GPU its own; without a GPU
/// `arch` and `brand` are taken as met. Source: src/cli/configure.c of libnvidia-container. Unlike there, a fact that can't
/// be found out meets nothing: there it meets everything.
struct RequirementEvaluator {
    private let host: HostFacts
    private let driver: RequirementVersion?
    /// From the driver's version.
    private let support: CUDASupport?
    /// What was asked for, once it was.
    private var askedCUDA: Fact<CUDAVersion>?
    private var askedGPUs: Fact<[GPUFacts]>?

    init(_ host: HostFacts) {
        self.host = host
        driver = RequirementVersion(parsing: host.driverVersion)
        support = CUDAVersion.support(ofDriver: host.driverVersion)
    }

    mutating func check(_ requirement: Requirement) throws(RequirementError) {
        if isMet(requirement) { return }
        throw .unsatisfied(failure(of: requirement))
    }

    private mutating func isMet(_ requirement: Requirement) -> Bool {
        var verdict = verdict(on: requirement)
        if verdict == .unknown, askedCUDA == nil, isOpen(requirement, forGPUs: false) {
            askedCUDA = host.cuda()
            verdict = self.verdict(on: requirement)
        }
        if verdict == .unknown, askedGPUs == nil, let ask = host.gpus, isOpen(requirement, forGPUs: true) {
            askedGPUs = ask()
            verdict = self.verdict(on: requirement)
        }
        return verdict == .yes
    }

    // By hand from here on: this is on the way of every start, and generic code would have the process make types first.

    /// What is certain with the facts that are known by now.
    private func verdict(on requirement: Requirement) -> Truth {
        guard let gpus = knownGPUs else { return verdict(on: requirement, for: nil) }
        var verdict = Truth.yes
        for gpu in gpus { verdict = verdict && self.verdict(on: requirement, for: gpu) }
        return verdict
    }

    private func verdict(on requirement: Requirement, for gpu: GPUFacts?) -> Truth {
        if requirement.isEmpty { return .yes }
        var verdict = Truth.no
        var first = 0
        while first < requirement.factors.count, verdict != .yes {
            let end = requirement.endOfAlternative(at: first)
            verdict = verdict || truth(from: first, to: end, in: requirement, for: gpu)
            first = end
        }
        return verdict
    }

    /// Of the alternative with the factors from `first` up to `end`.
    private func truth(from first: Int, to end: Int, in requirement: Requirement, for gpu: GPUFacts?) -> Truth {
        var truth = Truth.yes
        var index = first
        while index < end, truth != .no {
            truth = truth && self.truth(of: requirement.factors[index], in: requirement, for: gpu)
            index += 1
        }
        return truth
    }

    /// Whether an alternative that may still come true has an unknown factor, about GPUs or about CUDA.
    private func isOpen(_ requirement: Requirement, forGPUs: Bool) -> Bool {
        guard let gpus = knownGPUs else { return isOpen(requirement, forGPUs: forGPUs, gpu: nil) }
        for gpu in gpus where isOpen(requirement, forGPUs: forGPUs, gpu: gpu) { return true }
        return false
    }

    private func isOpen(_ requirement: Requirement, forGPUs: Bool, gpu: GPUFacts?) -> Bool {
        var first = 0
        while first < requirement.factors.count {
            let end = requirement.endOfAlternative(at: first)
            if truth(from: first, to: end, in: requirement, for: gpu) == .unknown {
                for index in first..<end where requirement.factors[index].isOfGPU == forGPUs {
                    if truth(of: requirement.factors[index], in: requirement, for: gpu) == .unknown { return true }
                }
            }
            first = end
        }
        return false
    }

    /// `gpu` is nil as long as nothing is known of the GPUs.
    private func truth(of factor: RequirementFactor, in requirement: Requirement, for gpu: GPUFacts?) -> Truth {
        switch factor.property {
        case .driver: return driver.map { Truth(factor.comparison.holds($0, factor.version)) } ?? .unknown
        case .cuda: return truth(ofCUDA: factor)
        case .architecture:
            if host.gpus == nil { return .yes }
            guard case .known(let version)? = gpu?.architecture else { return .unknown }
            return Truth(factor.comparison.holds(version, factor.version))
        case .brand:
            if host.gpus == nil { return .yes }
            guard case .known(let brand)? = gpu?.brand else { return .unknown }
            let isEqual = isBrand(brand, from: factor.operandStart, to: factor.end, in: requirement)
            return Truth(isEqual == (factor.comparison == .equal))
        }
    }

    /// Whether `brand` is the part of the requirement's value, without regard to case.
    private func isBrand(_ brand: ByteString, from start: Int, to end: Int, in requirement: Requirement) -> Bool {
        guard brand.count == end - start else { return false }
        for index in 0..<brand.count
        where brand.bytes[index].asciiLowercased != requirement.value.bytes[start + index].asciiLowercased {
            return false
        }
        return true
    }

    private func truth(ofCUDA factor: RequirementFactor) -> Truth {
        if let cuda { return Truth(factor.comparison.holds(RequirementVersion(cuda), factor.version)) }
        guard case .atLeast(let bound)? = support else { return .unknown }
        return factor.comparison.holds(atLeast: RequirementVersion(bound), factor.version)
    }

    /// The CUDA version, where it is known exactly.
    private var cuda: CUDAVersion? {
        if case .known(let version)? = askedCUDA { return version }
        if case .exact(let version)? = support { return version }
        return nil
    }

    /// The GPUs, if they were asked for and there are any. A container that should have one of which the driver knows none
    /// is not one that asks for none.
    private var knownGPUs: [GPUFacts]? {
        if case .known(let gpus)? = askedGPUs, !gpus.isEmpty { return gpus }
        return nil
    }
}

/// Errors.
extension RequirementEvaluator {
    private func failure(of requirement: Requirement) -> UnsatisfiedRequirement {
        let gpu = knownGPUs?.first { verdict(on: requirement, for: $0) != .yes }
        var alternatives = requirement.alternatives.map { failure(of: $0, in: requirement, for: gpu) }
        // A stable order: sort(by:) promises none.
        let order = alternatives.indices.sorted {
            (alternatives[$0].distance, $0) < (alternatives[$1].distance, $1)
        }
        alternatives = order.map { alternatives[$0] }
        return UnsatisfiedRequirement(
            variable: requirement.variable, alternatives: alternatives, cuda: cuda,
            newDriver: newDriver(for: requirement, gpu))
    }

    private func failure(
        of alternative: Range<Int>, in requirement: Requirement, for gpu: GPUFacts?
    ) -> UnsatisfiedRequirement.Alternative {
        var failures: [UnsatisfiedRequirement.Failure] = []
        var unasked = 0
        for factor in requirement.factors[alternative] {
            let truth = truth(of: factor, in: requirement, for: gpu)
            if truth == .yes { continue }
            if truth == .unknown, !wasAsked(factor.property) {
                unasked += 1
                continue
            }
            failures.append(
                UnsatisfiedRequirement.Failure(
                    condition: requirement.text(of: factor), property: factor.property,
                    isLowerBound: factor.isLowerBound, isUnknown: truth == .unknown,
                    found: found(factor.property, gpu)))
        }
        return UnsatisfiedRequirement.Alternative(
            text: requirement.text(of: alternative), failures: failures, distance: 2 * failures.count + unasked)
    }

    private func wasAsked(_ property: RequirementFactor.Property) -> Bool {
        switch property {
        case .driver: true
        case .cuda: askedCUDA != nil
        case .architecture, .brand: askedGPUs != nil
        }
    }

    /// What the host has.
    private func found(_ property: RequirementFactor.Property, _ gpu: GPUFacts?) -> String {
        switch property {
        case .driver: return "the driver is \(host.driverVersion.abbreviated)"
        case .cuda:
            let driver = host.driverVersion.abbreviated
            if let cuda { return "the driver, \(driver), supports CUDA \(cuda)" }
            let support = if case .atLeast(let bound)? = support { ", \(bound) or newer" } else { "" }
            let reason = if case .unknown(let reason)? = askedCUDA { ": \(reason.escaped)" } else { "" }
            return "the CUDA version of the driver, \(driver), is unknown\(support)\(reason)"
        case .architecture:
            return found("compute capability", gpu, gpu.map { $0.architecture.map(\.description) })
        case .brand: return found("brand", gpu, gpu.map { $0.brand.map(\.abbreviated) })
        }
    }

    private func found(_ what: String, _ gpu: GPUFacts?, _ fact: Fact<String>?) -> String {
        guard let gpu, let fact else {
            if case .unknown(let reason)? = askedGPUs { return "the \(what) of the GPUs is unknown: \(reason.escaped)" }
            return "the \(what) of the GPUs is unknown: the driver lists none of them"
        }
        switch fact {
        case .known(let value): return "GPU \(gpu.name.abbreviated) has \(what) \(value)"
        case .unknown(let reason): return "the \(what) of GPU \(gpu.name.abbreviated) is unknown: \(reason.escaped)"
        }
    }

    /// The oldest driver that meets an alternative of which only the CUDA version is too low.
    private func newDriver(for requirement: Requirement, _ gpu: GPUFacts?) -> String? {
        let candidates = requirement.alternatives.filter { alternative in
            requirement.factors[alternative].allSatisfy {
                $0.property == .cuda ? $0.isLowerBound : truth(of: $0, in: requirement, for: gpu) == .yes
            }
        }
        return CUDAVersion.oldestDriver { version in
            candidates.contains { alternative in
                requirement.factors[alternative].allSatisfy {
                    $0.property != .cuda || $0.comparison.holds(RequirementVersion(version), $0.version)
                }
            }
        }
    }
}

extension String {
    /// In printable ASCII, and not long: a reason may be the words of another program.
    fileprivate var escaped: String { ByteString(self).description.clamped(to: 100) }
}

extension Fact {
    fileprivate func map<Other>(_ transform: (Value) -> Other) -> Fact<Other> {
        switch self {
        case .known(let value): .known(transform(value))
        case .unknown(let reason): .unknown(because: reason)
        }
    }
}
