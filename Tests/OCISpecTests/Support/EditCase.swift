// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// A small document, an edit, and the whole result.
struct EditCase: CustomTestStringConvertible, Sendable {
    typealias Edit = @Sendable (inout SpecDocument) throws -> Void

    let name: String
    let input: String
    let output: String
    /// Whether the edit on the result changes nothing.
    let isRepeatable: Bool
    let edit: Edit
    var testDescription: String { name }

    init(_ name: String, _ input: String, _ output: String, isRepeatable: Bool = true, _ edit: @escaping Edit) {
        self.name = name
        self.input = input
        self.output = output
        self.isRepeatable = isRepeatable
        self.edit = edit
    }

    func check() throws {
        var document = try SpecDocument(parsing: Array(input.utf8))
        #expect(String(decoding: try document.rendered(), as: UTF8.self) == input)
        let wasModified = document.isModified
        try edit(&document)
        let isModified = document.isModified
        #expect(!wasModified && isModified == (input != output))
        #expect(String(decoding: try document.rendered(), as: UTF8.self) == output)

        guard isRepeatable else { return }
        var second = try SpecDocument(parsing: Array(output.utf8))
        try edit(&second)
        let isModifiedAgain = second.isModified
        #expect(!isModifiedAgain)
        #expect(String(decoding: try second.rendered(), as: UTF8.self) == output)
    }
}

/// What the cases add.
enum Sample {
    static let mount = SpecMount(destination: "/d", source: "/s", options: ["ro", "rbind"])
    static let mountText = #"{"destination":"/d","source":"/s","options":["ro","rbind"]}"#
    static let device = SpecDevice(path: "/dev/x", major: 195, minor: 1, fileMode: 0o666)
    static let deviceText = #"{"path":"/dev/x","type":"c","major":195,"minor":1,"fileMode":438}"#
    static let rule = SpecDeviceRule(allow: true, type: "c", major: 195, minor: 1, access: "rwm")
    static let ruleText = #"{"allow":true,"type":"c","major":195,"minor":1,"access":"rwm"}"#
    static let hook = SpecHook(path: "/h", arguments: ["h", "a/b"], environment: ["A=b"], timeout: 3)
    static let hookText = #"{"path":"/h","args":["h","a/b"],"env":["A=b"],"timeout":3}"#
}
