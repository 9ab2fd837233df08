// SPDX-License-Identifier: Apache-2.0

import LibContainer
import Linux
import Testing

@testable import HookInjector

@Suite struct RequirementTests {
    @Test(arguments: RequirementTables.read("grammar", as: [RequirementGrammarRow].self) ?? [])
    func grammar(row: RequirementGrammarRow) {
        do throws(RequirementError) {
            let requirement = try Requirement(parsing: ByteString(row.value), variable: "NVIDIA_REQUIRE_CUDA")
            #expect(row.error == nil)
            let alternatives = requirement.alternatives.map { requirement.text(of: $0).description }
            #expect(alternatives.joined(separator: " | ") == row.want)
            #expect(requirement.ignored.map(\.description).joined(separator: " ") == row.ignored ?? "")
            #expect(requirement.isEmpty == (row.want == ""))
        } catch {
            #expect(row.error.map { error.description.contains($0) } == true, "\(error)")
            guard case .malformed("NVIDIA_REQUIRE_CUDA", let position, _, _) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(position == row.position)
        }
    }

    @Test func requirementsThatAreNoVariables() throws {
        let list = try RequirementList(["", "cuda>=1", "driver<1"], source: "--require")
        #expect(list.requirements.map(\.variable) == ["--require", "--require"])
        #expect(throws: RequirementError.self) { try RequirementList(["cuda>=1", "cuda"], source: "--require") }
    }

    @Test(arguments: RequirementTables.read("evaluation", as: [RequirementEvaluationRow].self) ?? [])
    func evaluation(row: RequirementEvaluationRow) throws {
        let host = RecordingHost(row)
        let list = try RequirementList(environment: [ByteString("NVIDIA_REQUIRE_CUDA=\(row.requirement)")])
        do throws(RequirementError) {
            try list.check(host.facts)
            #expect(row.met)
        } catch {
            #expect(!row.met, "\(error)")
            #expect(error.description.hasPrefix("unsatisfied condition"))
            #expect(error.description.contains(row.error ?? "unsatisfied condition"), "\(error)")
            #expect(error.hint.contains(row.hint ?? ""), "\(error.hint)")
            #expect(error.description.count <= 200)
            #expect(error.hint.count <= 1000)
        }
        #expect(host.asked.joined(separator: ",") == row.asks)
    }

    @Test("every image's requirement is read, and met by the newest driver without asking anybody")
    func images() throws {
        #expect(RequirementTables.images.count == 20)
        for (name, value) in RequirementTables.images {
            let host = RecordingHost(
                driver: "610.43.02", cuda: .unknown(because: ""), gpus: .unknown(because: ""))
            let requirement = try Requirement(parsing: ByteString(value), variable: "NVIDIA_REQUIRE_CUDA")
            #expect(requirement.ignored.isEmpty, "\(name)")
            #expect(requirement.alternatives.count == value.split(separator: " ").count, "\(name)")
            try RequirementList(environment: [ByteString("NVIDIA_REQUIRE_CUDA=\(value)")]).check(host.facts)
            #expect(host.asked.isEmpty, "\(name)")
        }
    }

    // P29: the arithmetic, and the ways out; the text is what a user reads.
    @Test func message() throws {
        let value = try #require(RequirementTables.images["12.9"])
        let gpu = GPUFacts(name: "0", brand: .known("geforce"), architecture: .known(RequirementVersion(8, 9)))
        let host = RecordingHost(
            driver: "550.144.03", cuda: .unknown(because: ""), gpus: .known([gpu]))
        let list = try RequirementList(environment: [ByteString("NVIDIA_REQUIRE_CUDA=\(value)")])
        let error = try #require(throws: RequirementError.self) { try list.check(host.facts) }
        #expect(
            error.description
                == "unsatisfied condition: cuda>=12.9 (NVIDIA_REQUIRE_CUDA): the driver, 550.144.03, supports CUDA 12.4"
        )
        #expect(
            error.hint
                == "neither is brand=unknown,driver>=550,driver<551 and 11 like it (GPU 0 has brand geforce), "
                + "nor brand=unknown,driver>=535,driver<536 and 47 like it (GPU 0 has brand geforce, the driver is "
                + "550.144.03); install driver 575.51 or newer, use an image made for CUDA 12.4 or older, or set "
                + "NVIDIA_DISABLE_REQUIRE=true in the container to start it unchecked, at your own risk")
    }

    @Test("what one requirement asked for, the next one knows")
    func asksOnce() throws {
        let gpu = GPUFacts(name: "0", brand: .known("tesla"), architecture: .known(RequirementVersion(9)))
        let host = RecordingHost(driver: "612.1", cuda: .known(CUDAVersion(13, 5)), gpus: .known([gpu]))
        let list = try RequirementList(environment: [
            "NVIDIA_REQUIRE_A=cuda>=13.4", "NVIDIA_REQUIRE_B=cuda>=13.5,brand=tesla",
            "NVIDIA_REQUIRE_C=arch>=9,cuda<14",
            "NVIDIA_REQUIRE_D=arch>=8,brand!=geforce",
        ])
        try list.check(host.facts)
        #expect(host.asked == ["cuda", "gpus"])
    }
}
