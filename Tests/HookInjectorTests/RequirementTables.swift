// SPDX-License-Identifier: Apache-2.0

import Foundation
import LibContainer
import Linux
import Testing

@testable import HookInjector

/// The tables in testdata/requirements.
enum RequirementTables {
    static func read<Table: Decodable>(_ name: String, as type: Table.Type = Table.self) -> Table? {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../testdata/requirements/\(name).json")
        do {
            return try JSONDecoder().decode(type, from: Data(contentsOf: file))
        } catch {
            Issue.record("\(name): \(error)")
            return nil
        }
    }

    /// NVIDIA_REQUIRE_CUDA of NVIDIA's CUDA images, by the image's CUDA version.
    static let images: [String: String] = read("images") ?? [:]
}

/// A row of grammar.json.
struct RequirementGrammarRow: Decodable, CustomTestStringConvertible {
    var value: String
    /// The alternatives with ` | ` between them.
    var want: String?
    /// The factors that don't count, with spaces between them.
    var ignored: String?
    var position: Int?
    var error: String?
    var testDescription: String { value.debugDescription }
}

/// A row of evaluation.json: a requirement, a host, and whether the host meets it.
struct RequirementEvaluationRow: Decodable, CustomTestStringConvertible {
    var name: String
    var value: String?
    /// Instead of a value: the CUDA version of an image.
    var image: String?
    var driver: String
    /// What the driver answers for its CUDA version; without it, it gives no answer.
    var cuda: String?
    /// Brand and compute capability of each GPU; missing where the container gets none. A brand `?reason` is unknown.
    var gpus: [[String]]?
    /// Why nothing is known of the GPUs.
    var gpusUnknown: String?
    var met: Bool
    /// What must have been asked for, in order.
    var asks: String
    var error: String?
    var hint: String?
    var testDescription: String { name }

    var requirement: String { value ?? image.flatMap { RequirementTables.images[$0] } ?? "no such image" }

    var gpuFacts: Fact<[GPUFacts]> {
        if let gpusUnknown { return .unknown(because: gpusUnknown) }
        return .known(
            (gpus ?? []).enumerated().map { index, gpu in
                let brand = ByteString(gpu[0])
                return GPUFacts(
                    name: ByteString("\(index)"),
                    brand: brand.droppingPrefix("?").map { .unknown(because: $0.description) } ?? .known(brand),
                    architecture: RequirementVersion(parsing: ByteString(gpu[1])).map { .known($0) }
                        ?? .unknown(because: "no version"))
            })
    }
}

/// A host that remembers what it was asked for.
final class RecordingHost {
    private(set) var asked: [String] = []
    private let driver: ByteString
    private let cuda: Fact<CUDAVersion>
    private let gpus: Fact<[GPUFacts]>?

    init(driver: ByteString, cuda: Fact<CUDAVersion>, gpus: Fact<[GPUFacts]>?) {
        self.driver = driver
        self.cuda = cuda
        self.gpus = gpus
    }

    convenience init(_ row: RequirementEvaluationRow) {
        let version = row.cuda.flatMap { RequirementVersion(parsing: ByteString($0)) }
        self.init(
            driver: ByteString(row.driver),
            cuda: version.map { .known(CUDAVersion($0.major, $0.minor)) } ?? .unknown(because: "not in this test"),
            gpus: row.gpus == nil ? nil : row.gpuFacts)
    }

    var facts: HostFacts {
        var askGPUs: (() -> Fact<[GPUFacts]>)?
        if let gpus {
            askGPUs = {
                self.asked.append("gpus")
                return gpus
            }
        }
        return HostFacts(
            driverVersion: driver,
            cuda: {
                self.asked.append("cuda")
                return self.cuda
            }, gpus: askGPUs)
    }
}
