// SPDX-License-Identifier: Apache-2.0

// libFuzzer target: a config.json. Reads it, takes every view, makes every kind of edit, and reads the result again.
// What the first pass accepts must still be accepted after the edits, and the same edits must then change nothing.
// Whether a view or an edit throws is not looked at: only a trap, a leak or a broken result is a finding.

@testable import Linux
@testable import OCISpec

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfig(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: start, count: count))
    _ = SpecDocument.mayMention(["NVIDIA_", "nvidia.com/"], in: text)
    guard let edited = edit(text, isResult: false) else { return 0 }
    precondition(edit(edited, isResult: true) == edited, "the second run changed something")
    return 0
}

/// The text with the edits, or nil where it was refused. `isResult` says that it has the edits and must be accepted.
private func edit(_ text: [UInt8], isResult: Bool) -> [UInt8]? {
    do {
        var document = try SpecDocument(parsing: text)
        readViews(document)
        try document.setEnvironment(name: "NVIDIA_VISIBLE_DEVICES", value: "void")
        try document.addAdditionalGID(44)
        try document.addMount(SpecMount(destination: "/usr/bin/nvidia-smi", source: "/usr/bin/x", options: ["ro"]))
        try document.addDevice(SpecDevice(path: "/dev/nvidia0", major: 195, minor: 0, fileMode: 0o666))
        try document.allowDevice(SpecDeviceRule(allow: true, type: "c", major: 195, minor: 0, access: "rwm"))
        let hook = SpecHook(path: "/hook", arguments: ["hook"], environment: ["A=b"], timeout: 10)
        try document.addHook(hook, stage: .createContainer) { $0.path == hook.path }
        try document.removeHooks(stage: .prestart) { $0.path.lastPathComponent == "nvidia-container-runtime-hook" }
        let rendered = try document.rendered()
        precondition(document.isModified || rendered == text, "changed without a modification")
        precondition(!isResult || !document.isModified, "the second run modified something")
        return rendered
    } catch {
        precondition(!isResult, "the result is refused: \(error)")
        return nil
    }
}

private func readViews(_ document: borrowing SpecDocument) {
    _ = try? document.ociVersion
    _ = try? document.environment
    _ = try? document.annotations
    _ = try? document.mounts
    _ = try? document.rootPath
    _ = try? document.user
    _ = try? document.boundingCapabilities
    _ = try? document.devices
    _ = try? document.deviceRules
    for stage in SpecHook.Stage.allCases { _ = try? document.hooks(stage) }
}
