// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux
internal import RuntimeCommand

extension CDIHook {
    /// `enable-cuda-compat`: the image's CUDA compat libraries before the driver's, where they are made for it. Without a
    /// version of the host nothing could be decided, and the state is not read.
    func enableCUDACompat() throws(Diagnostic) -> Report {
        let (driver, cuda) = (flags.value(of: .hostDriverVersion) ?? "", flags.value(of: .hostCUDAVersion) ?? "")
        if driver.isEmpty, cuda.isEmpty { return Report() }
        let directory = flags.value(of: .compatibilityRoot) ?? ""
        var warnings: [String] = []
        let request: ForwardCompatibility
        do throws(LoaderUpdate.InvalidArgument) {
            request = try ForwardCompatibility(
                driverVersion: version(driver, &warnings), cudaVersion: version(cuda, &warnings),
                directory: directory.isEmpty ? ForwardCompatibility.defaultDirectory : directory)
        } catch {
            throw invalid(.enableCUDACompat, error.description)
        }
        var report = try Report(request.apply(to: try enterRoot()))
        report.warnings = warnings + report.warnings
        return report
    }

    /// Nil for no version, and for what is none: it then counts as unknown.
    private func version(_ text: ByteString, _ warnings: inout [String]) -> DottedVersion? {
        let version = DottedVersion(text)
        if version == nil, !text.isEmpty { warnings.append("\"\(text)\" is no version of the host, and not used") }
        return version
    }
}
