// SPDX-License-Identifier: Apache-2.0

internal import CStart
internal import LibContainer
internal import Linux
internal import RuntimeCommand

/// What of the environment counts.
///
/// Not PATH, by which libnvidia-container looks for the driver's programs: enroot's hook has folders of the container's
/// root in it. They are looked for where drivers install them.
enum ProgramEnvironment {
    /// The pipe directory of the Multi-Process Service.
    static var mpsDirectory: ByteString {
        guard let entries = cstart_original_environment(),
            let path = ProcessEnvironment(entries).value(of: "CUDA_MPS_PIPE_DIRECTORY"), path.isPlainAbsolutePath
        else { return DriverRoot.usualMPSDirectory }
        return path
    }
}
