// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux
internal import Sandbox

/// Why the hook ends without having changed the container: one line, lower case, no period.
struct HookError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    init(_ error: LinuxError) { description = error.description }

    init(_ error: SandboxError) { description = error.description }
}
