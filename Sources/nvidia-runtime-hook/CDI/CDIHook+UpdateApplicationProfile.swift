// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import Glibc
internal import LibContainer
internal import Linux

extension CDIHook {
    /// `update-application-profile`: EGL in the container lists the container's GPUs alone.
    func updateApplicationProfile() throws(Diagnostic) -> Report {
        let root = try enterRoot()
        do throws(LinuxError) {
            let outcome = try ApplicationProfile.write(to: root)
            return Report(
                notes: outcome.isWritten ? ["an application profile was written"] : [],
                warnings: outcome.skipped.map { "minor number \($0): an application profile has 64 at most" })
        } catch {
            if error.code == EROFS { return Report(warnings: ["\(error)"]) }
            throw Diagnostic(.applicationProfileNotWritten, error.description)
        }
    }
}
