// SPDX-License-Identifier: Apache-2.0
// ask LIBRARY MODULE-VERSION LAYOUT MILLISECONDS: asks NVML as our programs do, through the helper and its cache, and prints
// the report; on standard error how long that took in microseconds, or what went wrong. Built by conftest.py.

import Glibc

@testable import LibContainer
@testable import Linux

@main enum Ask {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst().map { ByteString($0) }
        let clock = ContinuousClock()
        let start = clock.now
        do throws(NVMLError) {
            let report = try NVMLHelper().report(
                library: arguments[0], driverVersion: arguments[1], layout: arguments[2],
                milliseconds: arguments[3].decimal() ?? 0)
            let time = clock.now - start
            show(report)
            complain("\(Int(time / .microseconds(1)))")
        } catch {
            complain("\(error); \(error.hint)")
            exit(1)
        }
    }

    private static func show(_ report: NVMLReport) {
        print("driver", report.driverVersion)
        print("cuda", text(report.cudaVersion))
        for gpu in report.gpus {
            print("gpu", gpu.index, text(gpu.busID), gpu.uuid, text(gpu.arch), text(gpu.brand), text(gpu.name))
        }
        for device in report.migDevices {
            print("mig", device.gpu, device.index, device.gpuInstance, device.computeInstance, device.uuid)
        }
        for failure in report.failures { print("failed", failure.gpu, failure.migDevice ?? -1, failure.reason) }
    }

    private static func text(_ value: ByteString?) -> String { value?.description ?? "-" }

    private static func text(_ version: NVMLReport.Version?) -> String {
        version.map { "\($0.major).\($0.minor)" } ?? "-"
    }

    private static func complain(_ text: String) {
        let line = Array("\(text)\n".utf8)
        write(2, line, line.count)
    }
}
