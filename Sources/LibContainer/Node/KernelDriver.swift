// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// The NVIDIA kernel module as it shows itself in procfs and sysfs.
///
/// All that is needed to give a GPU to a container is there, so that NVML, which takes tens of milliseconds to
/// initialise, is not asked. The formats are those of kernel-open/nvidia/nv-procfs.c of NVIDIA's open kernel modules. The
/// files are small; each is read with a limit, whatever stands at its path.
package struct KernelDriver: Sendable {
    package let procPath: ByteString
    package let sysPath: ByteString

    package init(procPath: ByteString = "/proc", sysPath: ByteString = "/sys") {
        self.procPath = procPath
        self.sysPath = sysPath
    }

    /// `/proc/driver/nvidia`.
    var directory: ByteString { procPath.appending(component: "driver/nvidia") }

    /// The version of the loaded module, such as `535.261.03`.
    ///
    /// It is the first token of two or more numbers in the line `NVRM version:`, which the closed and the open module
    /// word in different ways.
    package func version() throws(DriverError) -> ByteString {
        let path = directory.appending(component: "version")
        let text: ByteString
        do throws(LinuxError) {
            text = try read(path)
        } catch {
            if error.isAbsence { throw .moduleNotLoaded(path: path) }
            throw .unreadable(error)
        }
        guard let version = Self.version(in: text) else {
            throw .malformed(path: path, reason: "no driver version in it")
        }
        return version
    }

    static func version(in text: ByteString) -> ByteString? {
        for line in text.lines {
            guard let rest = line.droppingPrefix("NVRM version:") else { continue }
            if let version = rest.split(separator: UInt8(ascii: " ")).first(where: isVersion) { return version }
        }
        return nil
    }

    /// The character device majors of the module's drivers.
    package func majors() throws(DriverError) -> DeviceMajors {
        do throws(LinuxError) {
            return DeviceMajors(parsing: try read(procPath.appending(component: "devices")))
        } catch {
            throw .unreadable(error)
        }
    }

    /// The minor of a miscellaneous device such as `rdma_cm`, whose major is 10; nil where `/proc/misc` has none.
    func miscellaneousMinor(of name: ByteString) -> UInt32? {
        do throws(LinuxError) {
            for line in try read(procPath.appending(component: "misc")).lines {
                let words = line.trimmed.split(separator: UInt8(ascii: " "))
                if words.count == 2, words[1] == name { return words[0].decimal(as: UInt32.self) }
            }
        } catch {
            // A kernel without such devices.
        }
        return nil
    }

    /// How the module wants its nodes made; the defaults where it does not say.
    package func nodeParameters() -> NodeParameters {
        do throws(LinuxError) {
            return NodeParameters(parsing: try read(directory.appending(component: "params")))
        } catch {
            return NodeParameters()
        }
    }

    /// The names below `/dev/dri` of the GPU's DRM nodes, such as `card1` and `renderD128`, in byte order; none where
    /// nvidia-drm is not loaded or drives no display engine.
    package func drmNodes(of gpu: GPU) throws(DriverError) -> [ByteString] {
        let path = sysPath.appending(component: "bus/pci/devices").appending(component: gpu.busID)
            .appending(component: "drm")
        var names: [ByteString] = []
        do throws(LinuxError) {
            let directory = try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
            try directory.forEachEntry(limit: 1024) { name in
                let name = ByteString(Array(name))
                if DRMNode(name: name) != nil { names.append(name) }
            }
        } catch {
            if error.isAbsence { return [] }
            throw .unreadable(error)
        }
        return names.sorted()
    }

    /// Reads a file of the kernel of at most `limit` bytes. O_NONBLOCK, since where the kernel's file should be may be a
    /// FIFO.
    func read(
        _ path: ByteString, relativeTo directory: CInt = AT_FDCWD, limit: Int = 64 << 10
    ) throws(LinuxError) -> ByteString {
        let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY, relativeTo: directory)
        do throws(LinuxError) {
            return ByteString(try file.readToEnd(limit: limit, sizeHint: 4095))
        } catch {
            throw LinuxError(error.operation, path, code: error.code)
        }
    }

    /// Whether `token` is two or more numbers with single dots between them. It becomes part of paths.
    static func isVersion(_ token: ByteString) -> Bool {
        guard token.count <= 32 else { return false }
        let parts = token.split(separator: UInt8(ascii: "."))
        return parts.count >= 2 && parts.allSatisfy { $0.decimal(as: UInt32.self) != nil }
    }
}

extension LinuxError {
    /// Whether nothing is at the path.
    var isAbsence: Bool { code == ENOENT || code == ENOTDIR }
}
