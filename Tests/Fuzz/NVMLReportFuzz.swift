// SPDX-License-Identifier: Apache-2.0

@testable import LibContainer
@testable import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let answer = Array(UnsafeBufferPointer(start: start, count: count))
    do throws(NVMLError) {
        let report = try NVMLReport(parsing: answer)
        precondition(KernelDriver.isVersion(report.driverVersion))
        for (gpu, next) in zip(report.gpus, report.gpus.dropFirst()) { precondition(gpu.index < next.index) }
        for gpu in report.gpus { precondition((1..<96).contains(gpu.uuid.count)) }
        for device in report.migDevices {
            precondition((1..<96).contains(device.uuid.count))
            precondition(report.gpus.contains { $0.index == device.gpu && $0.uuid != device.uuid })
        }
        precondition(answer.suffix(5).elementsEqual("\nend\n".utf8))
    } catch {
        precondition(error.description.utf8.count <= 200)
    }
    return 0
}
