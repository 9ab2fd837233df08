// SPDX-License-Identifier: Apache-2.0

import LibContainer
import Linux
import Testing

@testable import HookInjector

@Suite struct RequirementListTests {
    func read(_ environment: [String]) throws(RequirementError) -> [String] {
        try RequirementList(environment: environment.map { ByteString($0) }).requirements
            .map { "\($0.variable): \($0.value)" }
    }

    @Test(
        arguments: [
            ([], []),
            (["PATH=/bin", "NVIDIA_VISIBLE_DEVICES=all"], []),
            (["NVIDIA_REQUIRE_CUDA=cuda>=12.4"], ["NVIDIA_REQUIRE_CUDA: cuda>=12.4"]),
            (
                ["NVIDIA_REQUIRE_DRIVER=driver>=470", "NVIDIA_REQUIRE_CUDA=cuda>=12"],
                ["NVIDIA_REQUIRE_DRIVER: driver>=470", "NVIDIA_REQUIRE_CUDA: cuda>=12"]
            ),
            (["NVIDIA_REQUIRE_X=arch>=7", "NVIDIA_REQUIRE_X=arch>=8"], ["NVIDIA_REQUIRE_X: arch>=8"]),
            (["NVIDIA_REQUIRE_X=arch>=7", "NVIDIA_REQUIRE_X="], []),
            (["NVIDIA_REQUIRE_X=nonsense", "NVIDIA_REQUIRE_X=arch>=8"], ["NVIDIA_REQUIRE_X: arch>=8"]),
            (["NVIDIA_REQUIRE_CUDA", "NVIDIA_REQUIRE_=cuda>=1"], ["NVIDIA_REQUIRE_: cuda>=1"]),
            (["nvidia_require_cuda=cuda>=99", "XNVIDIA_REQUIRE_CUDA=cuda>=99", "NVIDIA_REQUIRE=cuda>=99"], []),
            (["NVIDIA_REQUIRE_CUDA=foo=1"], []),
            // How csv files are read.
            (["NVIDIA_REQUIRE_JETPACK=csv-mounts=all", "NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS=base-only"], []),
        ] as [([String], [String])])
    func variables(environment: [String], want: [String]) throws {
        #expect(try read(environment) == want)
    }

    // strconv.ParseBool; what it does not take is false.
    @Test(arguments: ["1", "t", "T", "TRUE", "true", "True"])
    func disabled(value: String) throws {
        #expect(try read(["NVIDIA_REQUIRE_CUDA=not even one", "NVIDIA_DISABLE_REQUIRE=\(value)"]) == [])
        #expect(try read(["NVIDIA_DISABLE_REQUIRE=\(value)", "CUDA_VERSION=nonsense"]) == [])
        let last = try read(["NVIDIA_DISABLE_REQUIRE=\(value)", "NVIDIA_REQUIRE_A=arch=9", "NVIDIA_DISABLE_REQUIRE=0"])
        #expect(last.count == 1)
    }

    @Test(arguments: ["", "0", "f", "F", "FALSE", "false", "False", "tRUE", "yes", "on", " true", "true ", "11"])
    func notDisabled(value: String) throws {
        #expect(try read(["NVIDIA_DISABLE_REQUIRE=\(value)", "NVIDIA_REQUIRE_A=arch=9"]).count == 1)
    }

    // §3.2 of the original: a lenient semantic version of up to three numbers.
    @Test(
        arguments: [
            ("8", "8.0"), ("7.5", "7.5"), ("9.0.116", "9.0"), ("v11.6", "11.6"), ("012.01", "12.1"),
            ("12.4.1-rc.1", "12.4"),
            ("12.4+build-5", "12.4"), ("4294967295.4294967295", "4294967295.4294967295"),
            ("9.0.116.2", nil), ("9.0.116foo", nil), ("9.", nil), (".5", nil), ("+9", nil), ("-9", nil), ("9-", nil),
            ("4294967296.0", nil), ("9.4294967296", nil), ("legacy", nil), (" 9", nil), ("9 ", nil),
            ("9.0-\u{E9}", nil),
            ("9.0\0", nil),
        ] as [(String, String?)])
    func legacyImage(version: String, want: String?) throws {
        let environment = ["CUDA_VERSION=\(version)"]
        if let want {
            #expect(try read(environment) == ["CUDA_VERSION: cuda>=\(want)"])
            #expect(try read(environment + ["NVIDIA_REQUIRE_CUDA="]) == ["CUDA_VERSION: cuda>=\(want)"])
        } else {
            let list = try RequirementList(environment: environment.map { ByteString($0) })
            #expect(list.isEmpty && list.unreadableVersion == ByteString(version))
        }
        // An image that says more is none of the old ones.
        #expect(try read(environment + ["NVIDIA_REQUIRE_CUDA=cuda>=1"]) == ["NVIDIA_REQUIRE_CUDA: cuda>=1"])
        #expect(try read(environment + ["CUDA_VERSION="]) == [])
    }

    @Test("another variable does not replace what an old image means")
    func legacyImageWithDriver() throws {
        #expect(
            try read(["CUDA_VERSION=12.6.2", "NVIDIA_REQUIRE_DRIVER=driver>=470"]) == [
                "NVIDIA_REQUIRE_DRIVER: driver>=470", "CUDA_VERSION: cuda>=12.6",
            ])
    }

    @Test func everyVariableCounts() throws {
        let host = RecordingHost(driver: "535.183.01", cuda: .unknown(because: ""), gpus: nil)
        let list = try RequirementList(environment: [
            "NVIDIA_REQUIRE_CUDA=cuda>=12.2", "NVIDIA_REQUIRE_DRIVER=driver>=550",
        ])
        let error = try #require(throws: RequirementError.self) { try list.check(host.facts) }
        #expect(
            error.description
                == "unsatisfied condition: driver>=550 (NVIDIA_REQUIRE_DRIVER): the driver is 535.183.01")
        let legacy = try RequirementList(environment: ["CUDA_VERSION=12.4.1"])
        let other = try #require(throws: RequirementError.self) { try legacy.check(host.facts) }
        #expect(other.description.hasPrefix("unsatisfied condition: cuda>=12.4 (CUDA_VERSION): "))
    }

    // D-14: hostile expressions cost little, are refused in one short line, and do no harm to a terminal.
    @Test(
        arguments: [
            String(repeating: "cuda>=1,", count: 100_000),
            String(repeating: "(", count: 100_000),
            "cuda>=" + String(repeating: "9", count: 10_000),
            "cuda>=" + String(repeating: "0", count: 16_380) + "1",
            String(repeating: "a=1 ", count: 2000),
            String(repeating: "cuda>=1.", count: 2000),
            "cuda>=" + String(repeating: "1.", count: 8000) + "1",
            "driver>=\u{202E}470", "cuda>=12\u{1B}[2J", "cuda>=12\r\nok", "cuda>=1/0", "cuda>=1 \u{FEFF}cuda",
            "=" + String(repeating: "<>=!", count: 4000),
        ])
    func hostile(value: String) throws {
        let name = String(repeating: "\u{1B}", count: 500)
        for variable in ["NVIDIA_REQUIRE_CUDA", "NVIDIA_REQUIRE_\(name)"] {
            let error = try #require(throws: RequirementError.self) { try read(["\(variable)=\(value)"]) }
            #expect(error.description.count <= 200)
            #expect(error.description.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
            #expect(!error.hint.isEmpty)
        }
    }

    @Test("the longest value that is read, against many GPUs")
    func longest() throws {
        let value = String(repeating: "brand=x,arch=1 ", count: 512)
        let gpus = (0..<64).map {
            GPUFacts(name: ByteString("\($0)"), brand: .known("x"), architecture: .known(RequirementVersion(2)))
        }
        let host = RecordingHost(driver: "550.1", cuda: .unknown(because: ""), gpus: .known(gpus))
        let list = try RequirementList(environment: [ByteString("NVIDIA_REQUIRE_X=\(value)")])
        let error = try #require(throws: RequirementError.self) { try list.check(host.facts) }
        #expect(error.description.count <= 200)
        #expect(error.hint.count <= 1000)
    }

    @Test("a text of the host's that is long or hostile stays within bounds")
    func longFacts() throws {
        let long = String(repeating: "\u{1B}", count: 10_000)
        let host = RecordingHost(
            driver: ByteString(long), cuda: .unknown(because: long), gpus: .unknown(because: long))
        let list = try RequirementList(environment: ["NVIDIA_REQUIRE_X=cuda>=1,driver>=1,brand=x driver>=2 cuda=3"])
        let error = try #require(throws: RequirementError.self) { try list.check(host.facts) }
        #expect(error.description.count <= 200)
        #expect(error.hint.count <= 1200)
        #expect((error.description + error.hint).utf8.allSatisfy { (0x20..<0x7F).contains($0) })
        #expect(host.asked == ["cuda", "gpus"])
    }

    @Test func manyVariables() throws {
        let environment = (0..<32).map { "NVIDIA_REQUIRE_\($0)=arch>=1" }
        #expect(try read(environment).count == 32)
        #expect(try read(environment + environment).count == 32)
        #expect(throws: RequirementError.tooManyVariables(limit: 32)) {
            try read(environment + ["NVIDIA_REQUIRE_X=arch>=1"])
        }
    }
}
