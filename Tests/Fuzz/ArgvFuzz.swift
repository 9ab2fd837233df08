// SPDX-License-Identifier: Apache-2.0
// libFuzzer target for the shim's argument parser. Arguments are separated by NUL, as in /proc/PID/cmdline.

@testable import Linux
@testable import RuntimeCommand

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzArguments(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = ByteString(UnsafeBufferPointer(start: start, count: count))
    let arguments = ["nvidia-runtime"] + bytes.split(separator: 0)
    let invocation = Invocation(arguments: arguments)
    if invocation.startsContainer {
        precondition(invocation.subcommand == "create" || invocation.subcommand == "run")
        precondition(arguments.dropFirst().contains { $0 == invocation.subcommand })
    }
    precondition(!invocation.bundle.isEmpty)
    return 0
}
