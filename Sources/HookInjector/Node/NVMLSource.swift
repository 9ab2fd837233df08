// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
package import LibContainer
package import Linux

/// What only NVML knows of the node, asked through its helper when somebody needs it, which hardly any container does.
package struct NVMLSource {
    private let driverRoot: ByteString
    private let driverVersion: ByteString
    private let kernel: KernelDriver

    /// `driverRoot` is the directory with the driver's user space.
    package init(driverRoot: ByteString, driverVersion: ByteString, kernel: KernelDriver) {
        self.driverRoot = driverRoot
        self.driverVersion = driverVersion
        self.kernel = kernel
    }

    /// Every MIG device of `gpus` with its UUID.
    ///
    /// An answer that was kept may be older than the partitions. It is good if it has each of those that there are now.
    func migDevices(of gpus: [GPU], ignoringCache: Bool) throws(Diagnostic) -> [DeviceFinder.NamedMIGDevice] {
        do throws(NVMLError) {
            return named(try report(on: gpus, ignoringCache: ignoringCache), gpus)
        } catch {
            throw Diagnostic(
                .migUUIDNotResolved, "can't find out the UUIDs of MIG devices: \(error)", hint: error.hint)
        }
    }

    private func named(_ report: NVMLReport, _ gpus: [GPU]) -> [DeviceFinder.NamedMIGDevice] {
        report.migDevices.compactMap { device in
            guard let parent = report.gpus.first(where: { $0.index == device.gpu }),
                let gpu = gpus.first(where: { $0.uuid == parent.uuid || $0.busID == parent.busID }),
                let gpuInstance = UInt32(exactly: device.gpuInstance),
                let computeInstance = UInt32(exactly: device.computeInstance)
            else { return nil }
            return DeviceFinder.NamedMIGDevice(
                uuid: device.uuid, parent: gpu, gpuInstance: gpuInstance, computeInstance: computeInstance)
        }
    }

    /// What requirements compare; `gpus` are those that the container gets, whole or in part.
    func facts(about gpus: [GPU]) -> HostFacts {
        HostFacts(
            driverVersion: driverVersion,
            cuda: {
                do throws(NVMLError) {
                    guard let version = try report(on: gpus).cudaVersion, let major = UInt32(exactly: version.major),
                        let minor = UInt32(exactly: version.minor)
                    else { return .unknown(because: "NVML does not say") }
                    return .known(CUDAVersion(major, minor))
                } catch {
                    return .unknown(because: error.description)
                }
            },
            gpus: gpus.isEmpty
                ? nil
                : {
                    do throws(NVMLError) {
                        let report = try report(on: gpus)
                        return .known(gpus.map { facts(about: $0, in: report) })
                    } catch {
                        return .unknown(because: error.description)
                    }
                })
    }

    private func facts(about gpu: GPU, in report: NVMLReport) -> GPUFacts {
        let found = report.gpus.first { $0.uuid == gpu.uuid || $0.busID == gpu.busID }
        let architecture = found?.arch.flatMap { arch in
            UInt32(exactly: arch.major).flatMap { major in
                UInt32(exactly: arch.minor).map { RequirementVersion(major, $0) }
            }
        }
        let silence = "NVML does not say"
        return GPUFacts(
            name: ByteString("\(gpu.index)"),
            brand: found?.brand.map { .known($0) } ?? .unknown(because: silence),
            architecture: architecture.map { .known($0) } ?? .unknown(because: silence))
    }

    /// All that NVML says, in an answer that is as old as the layout of `gpus`.
    package func report(on gpus: [GPU], ignoringCache: Bool = false) throws(NVMLError) -> NVMLReport {
        try NVMLHelper().report(
            library: try library(), driverVersion: driverVersion, layout: layout(of: gpus),
            ignoringCache: ignoringCache)
    }

    /// The library of NVML in the driver root.
    private func library() throws(NVMLError) -> ByteString {
        let files: DriverFiles
        do throws(DriverError) {
            files = try DriverRoot(opening: driverRoot).locateFiles(for: .utility, version: driverVersion)
        } catch {
            throw .failed(reason: error.description)
        }
        let soname: ByteString = "libnvidia-ml.so.1"
        guard let file = files.found.first(where: { $0.soname == soname && $0.kind == .library(.native) }) else {
            throw .failed(reason: "\(soname) not found below \(driverRoot)")
        }
        return file.hostPath
    }

    /// Which GPUs and MIG devices there are, as the kernel shows them.
    private func layout(of gpus: [GPU]) -> ByteString {
        let texts = gpus.map { gpu in
            let devices = (try? kernel.migDevices(of: gpu)) ?? []
            return "\(gpu.uuid) " + devices.map { "\($0.gpuInstance)/\($0.computeInstance)" }.joined(separator: " ")
        }
        return ByteString(texts.joined(separator: ","))
    }
}
