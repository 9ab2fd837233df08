// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What NVML says of the node and /proc does not: read from the answer of the helper `nvidia-runtime-nvml`.
package struct NVMLReport: Equatable, Sendable {
    /// A version of two numbers, such as CUDA's 12.4 or the compute capability 8.0.
    package struct Version: Hashable, Comparable, Sendable {
        package let major: Int
        package let minor: Int

        package static func < (left: Version, right: Version) -> Bool {
            (left.major, left.minor) < (right.major, right.minor)
        }
    }

    package struct GPU: Equatable, Sendable {
        /// NVML's index.
        package let index: Int
        /// `0000:07:00.0`; nil for a GPU that is not on the PCI bus.
        package let busID: ByteString?
        /// `GPU-` and a UUID; an integrated GPU's has no prefix.
        package let uuid: ByteString
        /// The compute capability.
        package let arch: Version?
        /// One word, as requirements have it in lower case (`brand=quadrortx`): `Tesla`, `GeForce`, `QuadroRTX`, `Nvidia`,
        /// `Unknown`, ... Nil where NVML did not say or said something that is newer than the helper.
        package let brand: ByteString?
        /// The marketing name, such as `NVIDIA A100-SXM4-40GB`.
        package let name: ByteString?
    }

    package struct MIGDevice: Equatable, Sendable {
        /// NVML's index of the GPU that it is a part of.
        package let gpu: Int
        /// NVML's index among the GPU's MIG devices, the second number of `0:1`. There may be holes.
        package let index: Int
        /// The numbers of its `gi` and `ci` folders in `/proc/driver/nvidia/capabilities`.
        package let gpuInstance: Int
        package let computeInstance: Int
        /// `MIG-` and a UUID; drivers before 470 have `MIG-GPU-<uuid>/<gi>/<ci>`.
        package let uuid: ByteString
    }

    /// What NVML could not be asked about; the rest of the report is good.
    package struct Failure: Equatable, Sendable {
        /// NVML's index of the GPU.
        package let gpu: Int
        /// The index of the MIG device; nil for the GPU itself or, where it stands in `gpus`, for its MIG devices.
        package let migDevice: Int?
        /// In NVML's words, such as `GPU is lost`; printable ASCII.
        package let reason: ByteString
    }

    /// Of the user space library, such as `550.54.14`.
    package internal(set) var driverVersion = ByteString()
    /// The newest CUDA that the driver supports; nil where NVML does not say.
    package internal(set) var cudaVersion: Version?
    /// In ascending order of their indices.
    package internal(set) var gpus: [GPU] = []
    /// By GPU, in ascending order of their indices.
    package internal(set) var migDevices: [MIGDevice] = []
    package internal(set) var failures: [Failure] = []
}
