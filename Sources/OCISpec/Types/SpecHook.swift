// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An entry of one of the lists in `hooks` (runtime-spec, config.md, "POSIX-platform Hooks").
package struct SpecHook: Hashable, Sendable {
    /// When the runtime runs a hook. The raw value is the member's name in `hooks`.
    package enum Stage: String, CaseIterable, Sendable {
        case prestart, createRuntime, createContainer, startContainer, poststart, poststop

        var name: StaticString {
            switch self {
            case .prestart: "prestart"
            case .createRuntime: "createRuntime"
            case .createContainer: "createContainer"
            case .startContainer: "startContainer"
            case .poststart: "poststart"
            case .poststop: "poststop"
            }
        }
    }

    /// Absolute, on the host.
    package var path: ByteString
    /// With argument 0.
    package var arguments: [ByteString]
    /// `NAME=value` entries. A createContainer hook without any gets the image's environment from runc before 1.3
    /// (CVE-2025-23266), so give at least one.
    package var environment: [ByteString]
    /// Seconds; nil for no limit.
    package var timeout: Int64?

    /// A hook to run.
    package init(path: ByteString, arguments: [ByteString], environment: [ByteString], timeout: Int64? = nil) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.timeout = timeout
    }
}

extension SpecHook: SpecElement {
    typealias Key = SpecHook

    init(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) {
        path = try document.string(of: node, "path") ?? ByteString()
        arguments = try document.strings(of: node, "args")
        environment = try document.strings(of: node, "env")
        timeout = try document.integer(of: node, "timeout")
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("path", path)
            json.member("args", ifPresent: arguments)
            json.member("env", ifPresent: environment)
            json.member("timeout", ifPresent: timeout)
        }
    }
}
