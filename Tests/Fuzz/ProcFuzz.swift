// SPDX-License-Identifier: Apache-2.0

@testable import LibContainer
@testable import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = ByteString(Array(UnsafeBufferPointer(start: start, count: count)))
    _ = DeviceMajors(parsing: text)["nvidia-uvm"]
    precondition(NodeParameters(parsing: text).permissions <= 0o777)
    if let version = KernelDriver.version(in: text) { precondition(!version.bytes.contains(UInt8(ascii: "/"))) }
    let address = PCIAddress(text)
    if let address { precondition(PCIAddress(address.name) == address) }
    if let address = address ?? PCIAddress("0000:07:00.0"),
        case .usable(let gpu) = GPUInformation(parsing: text).gpu(index: 0, address: address)
    {
        precondition(gpu.uuid.isEmpty || gpu.uuid.count == 40)
    }
    return 0
}
