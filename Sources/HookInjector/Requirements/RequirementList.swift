// SPDX-License-Identifier: Apache-2.0

package import Linux

/// All that a container's environment requires of the host.
package struct RequirementList: Sendable {
    /// In the order of the variables, those that ask for nothing left out.
    package private(set) var requirements: [Requirement] = []
    /// CUDA_VERSION of an image that says nothing else, where it is no version. It was never meant as a requirement, so
    /// that it does not keep a container from starting.
    package private(set) var unreadableVersion: ByteString?

    /// Variables with requirements, at most: as many as libnvidia-container takes (`--require`).
    static let maximumVariables = 32

    private static let prefix: ByteString = "NVIDIA_REQUIRE_"
    /// What says how csv files are read, not what is required.
    private static let jetPackPrefix: ByteString = "NVIDIA_REQUIRE_JETPACK"
    private static let cudaVariable: ByteString = "NVIDIA_REQUIRE_CUDA"
    private static let versionVariable: ByteString = "CUDA_VERSION"
    private static let disablingVariable: ByteString = "NVIDIA_DISABLE_REQUIRE"

    package var isEmpty: Bool { requirements.isEmpty }

    /// Nothing is required.
    package init() {}

    /// Reads the container's environment (`process.env`, entries `NAME=VALUE`; of two with one name the last counts).
    ///
    /// Every `NVIDIA_REQUIRE_*` counts, and an image from before them that says only `CUDA_VERSION=9.0.176` requires
    /// `cuda>=9.0`. With a true NVIDIA_DISABLE_REQUIRE nothing is required, and nothing is read. Source:
    /// internal/config/image/cuda_image.go of the toolkit.
    package init(environment: [ByteString]) throws(RequirementError) {
        let isDisabled = environment.value(of: Self.disablingVariable)?.isGoTrue ?? false
        if !isDisabled { try read(environment) }
    }

    /// Reads requirements that do not come by variables; `source` is what errors call where they come from.
    package init(_ expressions: [ByteString], source: ByteString) throws(RequirementError) {
        for expression in expressions {
            let requirement = try Requirement(parsing: expression, variable: source)
            if !requirement.isEmpty { requirements.append(requirement) }
        }
    }

    /// Fails with the first requirement that the host does not meet.
    package func check(_ host: HostFacts) throws(RequirementError) {
        var evaluator = RequirementEvaluator(host)
        for requirement in requirements { try evaluator.check(requirement) }
    }

    private mutating func read(_ environment: [ByteString]) throws(RequirementError) {
        var names: [ByteString] = []
        var values: [ByteString] = []
        for entry in environment where entry.hasPrefix(Self.prefix) && !entry.hasPrefix(Self.jetPackPrefix) {
            guard let equals = entry.bytes.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = ByteString(entry.bytes[..<equals])
            let value = ByteString(entry.bytes[(equals + 1)...])
            if let index = names.firstIndex(of: name) {
                values[index] = value
            } else {
                guard names.count < Self.maximumVariables else {
                    throw .tooManyVariables(limit: Self.maximumVariables)
                }
                names.append(name)
                values.append(value)
            }
        }

        var saysCUDA = false
        for index in names.indices {
            let requirement = try Requirement(parsing: values[index], variable: names[index])
            if !requirement.isEmpty { requirements.append(requirement) }
            if names[index] == Self.cudaVariable, !values[index].isEmpty { saysCUDA = true }
        }
        guard !saysCUDA, let version = environment.value(of: Self.versionVariable), !version.isEmpty else { return }
        if let value = Self.requirement(ofVersion: version) {
            requirements.append(try Requirement(parsing: value, variable: Self.versionVariable))
        } else {
            unreadableVersion = version
        }
    }

    /// What `CUDA_VERSION=version` alone requires: the first two numbers of up to three, whatever else a semantic version
    /// has behind them.
    private static func requirement(ofVersion version: ByteString) -> ByteString? {
        guard
            let (numbers, _, end) = RequirementVersion.numbers(in: version.bytes, from: 0, to: version.count, limit: 3),
            version.bytes[end...].isVersionSuffix
        else { return nil }
        return ByteString("cuda>=\(numbers.major).\(numbers.minor)")
    }
}

extension ByteString {
    /// Whether Go's strconv.ParseBool takes it for true.
    fileprivate var isGoTrue: Bool {
        switch self {
        case "1", "t", "T", "TRUE", "true", "True": true
        default: false
        }
    }
}

extension ArraySlice<UInt8> {
    /// Whether it is empty or the pre-release (`-rc.1`) or build (`+5`) of a semantic version.
    fileprivate var isVersionSuffix: Bool {
        guard let first else { return true }
        guard first == UInt8(ascii: "-") || first == UInt8(ascii: "+"), count > 1 else { return false }
        return dropFirst().allSatisfy {
            $0.asciiLowercased &- UInt8(ascii: "a") < 26 || $0 &- UInt8(ascii: "0") < 10
                || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+")
        }
    }
}
