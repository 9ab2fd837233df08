// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
package import Sandbox

extension Sandbox {
    /// Takes a step into the sandbox, without which nothing may go on.
    package static func require(_ step: () throws(SandboxError) -> Void) throws(Diagnostic) {
        do throws(SandboxError) {
            try step()
        } catch {
            throw Diagnostic(.hookSandbox, error.description)
        }
    }
}
