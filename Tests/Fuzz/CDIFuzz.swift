// SPDX-License-Identifier: Apache-2.0

// libFuzzer target: a CDI file, JSON if it starts with a brace. What is accepted must have names of the grammar and
// must not be passed over by the search, and its edits must be refused or keep what is promised of them.

@testable import CDI
@testable import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCDI(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: start, count: count))
    if let name = CDIQualifiedName(ByteString(text)) {
        precondition(CDIQualifiedName(kind: name.kind, name: name.name) == name && name.text == ByteString(text))
    }
    do throws(CDIError) {
        let format = text.first == UInt8(ascii: "{") ? CDISpecification.Format.json : .yaml
        let specification = try CDISpecification(parsing: text, format: format, file: "x")
        precondition(CDIDirectory.mayDefine([specification.kind], text), "the search would pass the file over")
        var completion = EditCompletion(host: host)
        let origin = CDIOrigin(file: "x", device: nil)
        check(try completion.complete(try specification.containerEdits(), origin: origin))
        for name in specification.deviceNames {
            precondition(CDIQualifiedName(kind: specification.kind, name: name) != nil, "not a name")
            guard let edits = try specification.containerEdits(ofDevice: name) else { continue }
            check(try completion.complete(edits, origin: origin))
        }
    } catch {
        precondition(error.description.utf8.count <= 200 && !error.hint.isEmpty)
    }
    return 0
}

/// /dev/null for every node, and everything there.
private let host = CDIHost(
    node: { (_) throws(LinuxError) in try FileStatus.of("/dev/null") },
    program: { (_) throws(TrustError) in try TrustedPath("/usr/bin/env").status },
    source: { (_) throws(LinuxError) in try FileStatus.of("/") })

private func check(_ edits: CDIResolvedEdits) {
    for path in edits.deviceNodes.map(\.path) + edits.mounts.map(\.containerPath) {
        precondition(path.isAbsolutePath && !path.hasParentComponent && path.isCString)
        precondition(!["proc", "sys", nil].contains(path.pathComponents.first))
    }
    precondition(
        edits.deviceNodes.allSatisfy { $0.fileMode <= 0o7777 && $0.access.bytes.allSatisfy("rwm".utf8.contains) })
    precondition(edits.hooks.allSatisfy { !$0.environment.isEmpty && ($0.timeout ?? 0) > 0 && $0.path.isAbsolutePath })
    precondition(!edits.additionalGIDs.contains(0))
}
