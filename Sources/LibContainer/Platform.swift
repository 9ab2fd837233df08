// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What kind of machine this is, which decides where a container's GPU comes from.
package enum Platform: String, Hashable, Sendable {
    /// The ordinary driver, or none: `Node` says what is missing then.
    case nvidia
    /// A SoC of NVIDIA's whose files and nodes stand in CSV files (`TegraDriver`).
    case tegra
    /// The Windows Subsystem for Linux 2, with Windows' driver behind `/dev/dxg` (`WSLDriver`).
    case wsl

    /// Looks at files only, where the original loads libdxcore and NVML (go-nvlib, pkg/nvlib/info): a static program
    /// can't, and it would take longer than all the rest of a start. An ordinary node is told by five look-ups.
    ///
    /// - libdxcore: `/dev/dxg` and `/usr/lib/wsl/lib/libdxcore.so` are there; or one of `/dev/dxg` and a kernel of
    ///   Microsoft's, and no kernel module of NVIDIA's, so that a WSL without a GPU is told as what it is.
    /// - Tegra files: `/etc/nv_tegra_release`, or a SoC whose family is a Tegra.
    /// - NVML: `libnvidia-ml.so.1` in a folder of libraries. It is looked for only with Tegra files; Linux for Tegra
    ///   has it in folders of its own.
    /// - An integrated GPU: see `IntegratedGPU`. The name of a GPU is read on ARM or with Tegra files.
    ///
    /// `root` is the host's, `isARM` whether the machine can be a Tegra by its processor.
    package static func detect(
        in root: borrowing RootDirectory, kernel: KernelDriver = KernelDriver(), isARM: Bool = Self.isARM
    ) -> Platform {
        if hasDXCore(in: root, kernel) { return .wsl }
        let hasTegraFiles = hasTegraFiles(in: root, kernel)
        let hasIntegratedGPU = IntegratedGPU.isPresent(in: root, kernel: kernel, namesCount: hasTegraFiles || isARM)
        let needsNVML = hasTegraFiles && !hasIntegratedGPU
        return decide(
            hasDXCore: false, hasTegraFiles: hasTegraFiles, hasNVML: needsNVML && hasNVML(in: root),
            hasIntegratedGPU: hasIntegratedGPU)
    }

    /// go-nvlib's rule.
    static func decide(hasDXCore: Bool, hasTegraFiles: Bool, hasNVML: Bool, hasIntegratedGPU: Bool) -> Platform {
        if hasDXCore { return .wsl }
        return hasTegraFiles && !hasNVML || hasIntegratedGPU ? .tegra : .nvidia
    }

    #if arch(arm64)
        package static let isARM = true
    #else
        package static let isARM = false
    #endif

    private static func hasDXCore(in root: borrowing RootDirectory, _ kernel: KernelDriver) -> Bool {
        let hasNode = root.kind(of: WSLDriver.devicePath) == .characterDevice
        if hasNode, root.kind(of: WSLDriver.dxcorePath) != nil { return true }
        if kernel.isLoaded { return false }
        return hasNode || kernel.isMicrosofts
    }

    private static func hasTegraFiles(in root: borrowing RootDirectory, _ kernel: KernelDriver) -> Bool {
        if let kind = root.kind(of: "/etc/nv_tegra_release"), kind != .directory { return true }
        do throws(LinuxError) {
            let family = try kernel.read(kernel.sysPath.appending(component: "devices/soc0/family"))
            return family.lowercased.hasPrefix("tegra")
        } catch {
            return false
        }
    }

    private static func hasNVML(in root: borrowing RootDirectory) -> Bool {
        let library: ByteString = "libnvidia-ml.so.1"
        return LibrarySearch.nativeFolders.contains { folder in
            root.kind(of: folder.appending(component: library)) != nil
                || root.kind(of: folder.appending(component: "nvidia/current").appending(component: library)) != nil
        }
    }
}

extension RootDirectory {
    /// Of what `path` leads to; nil where nothing is there or that can't be told.
    fileprivate func kind(of path: ByteString) -> FileStatus.Kind? {
        do throws(LinuxError) { return try status(of: path)?.kind } catch { return nil }
    }
}

extension KernelDriver {
    /// Whether NVIDIA's kernel module is there.
    fileprivate var isLoaded: Bool {
        do throws(LinuxError) {
            _ = try FileStatus.of(directory.appending(component: "version"))
            return true
        } catch {
            return false
        }
    }

    /// What `uname -r` prints; empty where it can't be read.
    var release: ByteString {
        do throws(LinuxError) {
            return try read(procPath.appending(component: "sys/kernel/osrelease")).lines.first ?? ByteString()
        } catch {
            return ByteString()
        }
    }

    /// Whether the kernel is one of WSL's, such as `5.15.153.1-microsoft-standard-WSL2`.
    fileprivate var isMicrosofts: Bool { release.lowercased.range(of: "microsoft") != nil }
}

extension ByteString {
    /// With ASCII's capital letters made small.
    package var lowercased: ByteString {
        ByteString(bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 })
    }
}
