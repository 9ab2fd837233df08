// SPDX-License-Identifier: Apache-2.0

@testable import LibContainer
@testable import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let cache = try? LibraryCache(parsing: bytes) else { return 0 }
    precondition(cache.entries.count <= count / 12)
    for entry in cache.entries {
        precondition(entry.name.isCString && entry.path.isCString && entry.path.count <= count)
        _ = LibraryComponent.index(ofName: entry.name)
    }
    return 0
}
