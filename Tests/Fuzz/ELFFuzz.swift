// SPDX-License-Identifier: Apache-2.0

import Glibc

@testable import LibContainer
@testable import Linux

/// The file that each input is written to: ELFFile reads descriptors.
private let number: CInt = {
    guard let file = tmpfile() else { return -1 }
    return fileno(file)
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard ftruncate(number, 0) == 0, pwrite(number, start, count, 0) == count else {
        return 0
    }
    let descriptor = FileDescriptor(owning: dup(number))
    _ = try? CompatibilityNote(reading: descriptor)
    guard let library = try? ELFFile(reading: descriptor) else { return 0 }
    _ = try? library.needed(reading: descriptor)
    precondition((library.soname?.count ?? 0) <= 255)
    return 0
}
