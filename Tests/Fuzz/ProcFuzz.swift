// SPDX-License-Identifier: Apache-2.0

@testable import LibContainer
@testable import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = ByteString(Array(UnsafeBufferPointer(start: start, count: count)))
    _ = DeviceMajors(parsing: text)["nvidia-uvm"]
    precondition(NodeParameters(parsing: text).permissions <= 0o777)
    if let version = KernelDriver.version(in: text) { precondition(!version.bytes.contains(UInt8(ascii: "/"))) }
    if let node = CapabilityNode(accessFile: "", parsing: text) {
        precondition(node.minor < 1 << 20 && node.parameters.permissions <= 0o777)
    }
    precondition(MIGMinors(parsing: text)["config"].map { $0 < 1 << 20 } ?? true)
    let address = PCIAddress(text)
    if let address { precondition(PCIAddress(address.name) == address) }
    if let address = address ?? PCIAddress("0000:07:00.0"),
        case .usable(let gpu) = GPUInformation(parsing: text).gpu(index: 0, address: address)
    {
        precondition(gpu.uuid.isEmpty || gpu.uuid.count == 40)
    }
    return 0
}
