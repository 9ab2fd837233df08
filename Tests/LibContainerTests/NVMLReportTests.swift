// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import LibContainer

@Suite struct NVMLReportTests {
    static let answer = """
        nvidia-runtime-nvml 1
        driver 550.54.14
        cuda 12.4
        gpu 0 0000:07:00.0 GPU-5171a7ed-0000-4000-8000-000000000000 8.0 Nvidia NVIDIA A100-SXM4-40GB
        mig 0 0 7 0 MIG-5171a7ed-0000-4000-8000-000000007000
        mig 0 2 9 1 MIG-GPU-5171a7ed-0000-4000-8000-000000000000/9/1
        failed 1 - GPU is lost
        gpu 2 - 5171a7ed-0000-4000-8000-000000000002 - - -
        failed 2 3 Unknown Error
        end

        """

    static func parse(_ text: String) throws -> NVMLReport { try NVMLReport(parsing: Array(text.utf8)) }

    @Test func everyField() throws {
        let report = try Self.parse(Self.answer)
        #expect(report.driverVersion == "550.54.14")
        #expect(report.cudaVersion == .init(major: 12, minor: 4))
        #expect(
            report.gpus == [
                .init(
                    index: 0, busID: "0000:07:00.0", uuid: "GPU-5171a7ed-0000-4000-8000-000000000000",
                    arch: .init(major: 8, minor: 0), brand: "Nvidia", name: "NVIDIA A100-SXM4-40GB"),
                .init(
                    index: 2, busID: nil, uuid: "5171a7ed-0000-4000-8000-000000000002", arch: nil, brand: nil,
                    name: nil),
            ])
        #expect(
            report.migDevices == [
                .init(
                    gpu: 0, index: 0, gpuInstance: 7, computeInstance: 0,
                    uuid: "MIG-5171a7ed-0000-4000-8000-000000007000"),
                .init(
                    gpu: 0, index: 2, gpuInstance: 9, computeInstance: 1,
                    uuid: "MIG-GPU-5171a7ed-0000-4000-8000-000000000000/9/1"),
            ])
        #expect(
            report.failures == [
                .init(gpu: 1, migDevice: nil, reason: "GPU is lost"),
                .init(gpu: 2, migDevice: 3, reason: "Unknown Error"),
            ])
    }

    @Test func noGPUs() throws {
        let report = try Self.parse("nvidia-runtime-nvml 1\ndriver 390.157\ncuda -\nend\n")
        #expect(report.driverVersion == "390.157")
        #expect(report.cudaVersion == nil)
        #expect(report.gpus.isEmpty && report.migDevices.isEmpty && report.failures.isEmpty)
    }

    @Test func versionsAreOrderedByNumber() {
        #expect(NVMLReport.Version(major: 12, minor: 10) > .init(major: 12, minor: 9))
        #expect(NVMLReport.Version(major: 9, minor: 2) < .init(major: 10, minor: 0))
    }

    /// A text in the answer, and what it becomes; each makes it something that the helper does not print.
    static let changes: [(from: String, to: String)] = [
        ("nvidia-runtime-nvml 1", "nvidia-runtime-nvml 2"), ("nvidia-runtime-nvml 1\n", ""),
        ("driver 550.54.14\n", ""), ("550.54.14", "550"), ("550.54.14", "../../etc"), ("550.54.14", ""),
        ("cuda 12.4\n", ""), ("12.4", "12"), ("12.4", "12.4.1"), ("12.4", "12.1234567890"), ("12.4", "-12.4"),
        ("end\n", ""), ("end\n", "end"), ("end\n", "end\nend\n"), ("end\n", "end\n\n"), ("end\n", "end \n"),
        ("gpu 0", "gpu 2"), ("gpu 2", "gpu 0"), ("gpu 0", "gpu -1"), ("gpu 0", "gpu 4294967296"), ("gpu 0", "gpu  0"),
        ("gpu 0", "GPU 0"), ("0000:07:00.0", "07:00.0"), ("0000:07:00.0", "0000:07:00.0/../x"), ("8.0", "8"),
        ("8.0", ""), (" Nvidia NVIDIA A100-SXM4-40GB", " Nvidia"), ("-40GB", "\u{1B}[2J"), ("-40GB", "\0"),
        ("-40GB", "\r"), ("-40GB", "é"), ("mig 0 0", "mig 1 0"), ("mig 0 0", "mig 0 2"), ("mig 0 2", "mig 0 0"),
        ("mig 0 0 7 0 ", "mig 0 0 7 "), ("9 1 MIG", "9 -1 MIG"), ("-000000007000", "-000000007000 x"),
        ("MIG-5171a7ed", "MIG.5171a7ed"), ("MIG-5171a7ed-0000-4000-8000-000000007000", ""),
        ("MIG-5171a7ed-0000-4000-8000-000000007000", String(repeating: "a", count: 97)),
        ("MIG-5171a7ed-0000-4000-8000-000000007000", "GPU-5171a7ed-0000-4000-8000-000000000000"),
        ("failed 1 - GPU is lost", "failed 1 -"), ("failed 1 -", "failed x -"), ("failed 2 3", "failed 2 x"),
        ("failed 1", "unknown 1"), ("failed 1 - GPU is lost", ""), ("failed 1", "mig 1 0 7 0 MIG-x\nfailed 1"),
    ]

    @Test(arguments: changes) func isStrict(from: String, to: String) throws {
        let range = try #require(Self.answer.range(of: from))
        var text = Self.answer
        text.replaceSubrange(range, with: to)
        #expect(throws: NVMLError.self) { try Self.parse(text) }
    }

    @Test func everyCutIsMalformed() {
        let bytes = Array(Self.answer.utf8)
        for count in 0..<bytes.count {
            #expect(throws: NVMLError.self) { try NVMLReport(parsing: Array(bytes[..<count])) }
        }
    }

    @Test func tooLong() throws {
        let failure = "failed 1 - \(String(repeating: "x", count: 1000))\n"
        let filler = String(repeating: failure, count: 300)
        #expect(throws: NVMLError.malformed("longer than 262144 bytes")) {
            try Self.parse(Self.answer.replacing("end\n", with: filler + "end\n"))
        }
    }

    /// Whatever changes in an answer, it is refused or still makes sense.
    @Test func mutatedAnswers() {
        var generator = SeededGenerator(seed: 3)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = Array(Self.answer.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes.randomElement(using: &generator) ?? 0, at: index)
                }
            }
            guard let report = try? NVMLReport(parsing: bytes) else { continue }
            accepted += 1
            #expect(report.gpus.map(\.index) == report.gpus.map(\.index).sorted())
            #expect(report.migDevices.allSatisfy { device in report.gpus.contains { $0.index == device.gpu } })
            #expect(report.gpus.allSatisfy { !$0.uuid.isEmpty && $0.uuid.count < 96 })
        }
        #expect(accepted > 100)
    }

    /// What the helper prints for a random node is read as it was.
    @Test func randomReports() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<500 {
            let report = NVMLReport.random(using: &generator)
            #expect(try NVMLReport(parsing: report.answer) == report)
        }
    }
}

extension NVMLReport {
    fileprivate static func random(using generator: inout SeededGenerator) -> NVMLReport {
        func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
        func version() -> Version? { number(4) == 0 ? nil : Version(major: number(100), minor: number(100)) }
        func uuid(_ prefix: String) -> ByteString {
            ByteString(prefix + String(UInt64.random(in: 0 ... .max, using: &generator), radix: 16))
        }
        var report = NVMLReport()
        report.driverVersion = ByteString("\(number(1000)).\(number(300))")
        report.cudaVersion = version()
        for index in 0..<number(9) {
            if number(5) == 0 {
                report.failures.append(Failure(gpu: index, migDevice: nil, reason: "GPU is lost"))
                continue
            }
            let bus = String(number(256), radix: 16)
            report.gpus.append(
                GPU(
                    index: index,
                    busID: number(4) == 0 ? nil : ByteString("0000:\(bus.count < 2 ? "0" : "")\(bus):00.0"),
                    uuid: uuid("GPU-"), arch: version(), brand: number(2) == 0 ? nil : "Tesla",
                    name: number(2) == 0 ? nil : ByteString("Tesla V100  \(number(9))")))
            for device in 0..<number(8) where number(3) != 0 {
                report.migDevices.append(
                    MIGDevice(
                        gpu: index, index: device, gpuInstance: number(15), computeInstance: number(8),
                        uuid: uuid("MIG-")))
            }
        }
        return report
    }

    /// As the helper prints it.
    fileprivate var answer: [UInt8] {
        func text(_ version: Version?) -> String { version.map { "\($0.major).\($0.minor)" } ?? "-" }
        func text(_ value: ByteString?) -> String { value?.description ?? "-" }
        var lines = ["nvidia-runtime-nvml 1", "driver \(driverVersion)", "cuda \(text(cudaVersion))"]
        for gpu in gpus {
            lines.append(
                "gpu \(gpu.index) \(text(gpu.busID)) \(gpu.uuid) \(text(gpu.arch)) \(text(gpu.brand)) \(text(gpu.name))"
            )
            for device in migDevices where device.gpu == gpu.index {
                lines.append(
                    "mig \(device.gpu) \(device.index) \(device.gpuInstance) \(device.computeInstance) \(device.uuid)")
            }
        }
        lines += failures.map { "failed \($0.gpu) \($0.migDevice.map(String.init) ?? "-") \($0.reason)" }
        return Array((lines + ["end", ""]).joined(separator: "\n").utf8)
    }
}
