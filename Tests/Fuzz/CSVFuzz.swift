// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: a CSV file of a Tegra. Whatever is in it, an entry is an absolute path without a way out of it, and
// what is written as the parser reads it is read the same again. Its lines are patterns and names to match, too.

@testable import LibContainer
@testable import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCSV(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let file = CSVFile(parsing: bytes)
    // With a slash at the end, since a path can end in a blank.
    var written: [UInt8] = []
    for entry in file.entries {
        precondition(entry.path.isAbsolutePath && entry.path.isCString && !entry.path.hasParentComponent)
        precondition(entry.path.isPrintableUTF8 && entry.path.count < 4096 && entry.path.count > 1)
        precondition(entry.kind != .device || entry.path.hasPrefix("/dev/"))
        written += word(entry.kind).bytes + [UInt8(ascii: ",")] + entry.path.bytes + Array("/\n".utf8)
        _ = Wildcard.path("/usr/lib/libcuda.so.1", matches: entry.path)
    }
    let again = CSVFile(parsing: written)
    precondition(again.entries == file.entries && again.skippedLines == 0)

    let lines = ByteString(bytes).lines
    guard lines.count > 1, lines[0].count <= 256, lines[1].count <= 256 else { return 0 }
    // A pattern with every byte escaped is the name itself.
    precondition(Wildcard(ByteString(lines[0].bytes.flatMap { [UInt8(ascii: "\\"), $0] })).matches(lines[0]))
    if Wildcard(lines[0]).matches(lines[1]) { precondition(Wildcard("*").matches(lines[1])) }
    return 0
}

private func word(_ kind: CSVFile.Kind) -> ByteString {
    switch kind {
    case .device: "dev"
    case .directory: "dir"
    case .library: "lib"
    case .symbolicLink: "sym"
    }
}
