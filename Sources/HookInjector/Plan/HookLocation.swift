// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
internal import LibContainer
package import Linux
package import RuntimeConfig

/// Where our hook is on the host.
package enum HookLocation {
    /// The path that goes into a spec: what `nvidia-container-runtime-hook.path` names, if that is absolute; else the
    /// hook beside this program; else the one in /usr/bin. Nobody but root may be able to change it: the low-level
    /// runtime runs it as root.
    package static func find(_ settings: Settings) throws(Diagnostic) -> ByteString {
        let configured = settings.hook.path
        let candidates = configured.isAbsolutePath ? [configured] : OwnProgram.places(of: HookInvocation.programName)
        for candidate in candidates {
            let status: FileStatus
            do throws(TrustError) {
                status = try TrustedPath(candidate).status
            } catch {
                if error.isMissing { continue }
                throw Diagnostic(
                    .hookNotTrusted, "the hook \(candidate) is not trusted: \(error.cause)", hint: error.hint)
            }
            guard status.kind == .regular, status.permissions & 0o111 != 0 else {
                throw Diagnostic(.hookNotTrusted, "the hook \(candidate) is not an executable file")
            }
            return candidate
        }
        throw Diagnostic(
            .hookNotFound,
            "nvidia-runtime-hook not found: searched \(candidates.map(\.description).joined(separator: ", "))",
            hint: "install it beside nvidia-runtime, or set nvidia-container-runtime-hook.path in config.toml")
    }
}
