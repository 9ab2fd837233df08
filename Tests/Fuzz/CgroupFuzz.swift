// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: the tables that lead to a container's cgroup, what one of version 1 allows, and the program of one of
// version 2.

@testable import LibContainer
@testable import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCgroup(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let text = ByteString(bytes)
    let membership = CgroupMembership(parsing: text)
    for path in [membership.devices, membership.unified].compactMap({ $0 }) {
        precondition(path.isAbsolutePath && !path.bytes.contains(UInt8(ascii: "\n")))
        _ = path.isOutsideCgroupNamespace
    }
    for mount in CgroupMount.all(in: text) {
        precondition(mount.root.isAbsolutePath && mount.mountPoint.isAbsolutePath)
        precondition(mount.pathInMount(of: mount.root) == (mount.root == "/" ? mount.root : "/"))
        for path in [membership.devices, membership.unified].compactMap({ $0 }) {
            guard let inside = mount.pathInMount(of: path) else { continue }
            precondition(inside.isAbsolutePath && (inside == "/" || path.hasSuffix(inside)))
        }
    }
    guard let rule = try? DeviceCgroup.Rule(major: 195, minor: 0) else { return 0 }
    let list = DeviceList(parsing: text)
    if list.accessOfSingleDevice(rule).isSuperset(of: rule.access), list.allows(rule) {
        precondition(text.range(of: "195:0 ") != nil)
    }

    var instructions: [BPFInstruction] = []
    for start in stride(from: 0, to: bytes.count - bytes.count % 8, by: 8) {
        let word = bytes[start..<(start + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        instructions.append(BPFInstruction(rawValue: word))
    }
    if let filter = try? DeviceFilter(readBack: instructions) {
        precondition(filter.instructions.count == instructions.count)
        precondition((try? DeviceFilter(readBack: filter.instructions)) != nil)
        let extended = filter.allowing([rule])
        precondition(extended.instructions.suffix(instructions.count).elementsEqual(filter.instructions))
    }
    return 0
}
