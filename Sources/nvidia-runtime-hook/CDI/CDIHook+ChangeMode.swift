// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import Glibc
internal import LibContainer
internal import Linux
internal import RuntimeCommand
internal import Sandbox

extension CDIHook {
    /// `chmod --mode OCTAL --path PATH...`: the modes of files, directories and device nodes in the root. Specifications
    /// of old toolkits have it for the folders of nodes. What is not there is passed over, and so is what we have no right
    /// to change, as by the original.
    func changeMode() throws(Diagnostic) -> Report {
        let mode = try permissions()
        let paths = flags.list(of: .path)
        guard !paths.isEmpty, !paths.contains("") else { throw invalid(.chmod, "--path is missing or empty") }
        let root = try openRoot()
        var report = Report()
        var failure: LinuxError?
        do throws(LinuxError) {
            // The container's own /proc could be anything.
            let descriptors = try DescriptorFolder()
            do throws(SandboxError) { try Sandbox.enter(root) } catch { throw error.cause }
            for path in paths {
                do throws(LinuxError) {
                    _ = try root.setPermissions(mode, of: path, by: descriptors)
                } catch {
                    if [EPERM, EACCES, EROFS].contains(error.code) {
                        report.warnings.append("\(error)")
                    } else {
                        failure = failure ?? error
                    }
                }
            }
        } catch {
            failure = error
        }
        if let failure { throw Diagnostic(.modeNotChanged, failure.description) }
        return report
    }

    /// Permission bits alone: the original's parser drops the others without a word.
    private func permissions() throws(Diagnostic) -> mode_t {
        let text = flags.value(of: .mode) ?? ""
        var mode: mode_t = 0
        for byte in text.bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte), mode <= 0o777 else {
                throw invalid(.chmod, "--mode \"\(text)\" is no octal mode up to 777")
            }
            mode = mode << 3 | mode_t(byte - UInt8(ascii: "0"))
        }
        guard !text.isEmpty, mode <= 0o777 else {
            throw invalid(.chmod, "--mode \"\(text)\" is no octal mode up to 777")
        }
        return mode
    }
}
