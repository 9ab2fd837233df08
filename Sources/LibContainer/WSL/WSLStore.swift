// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// NVIDIA's package in Windows' driver store, a folder of `/usr/lib/wsl/drivers`.
///
/// libdxcore would say which package drives the GPU; a static program can't load it. The whole of Windows' store is
/// mounted there, hundreds of packages over 9p, with old versions of a driver beside the one in use.
struct WSLStore {
    /// Absolute, in the driver root.
    let path: ByteString
    /// Other packages of NVIDIA's with CUDA, which are not used.
    let others: [ByteString]

    /// Finds the package with CUDA. NVIDIA's all have a name that starts with `nv`; the rest is looked through only if
    /// none of those has it, as a vendor of PCs can name his as he likes.
    ///
    /// Of several, the one in use has the very library that Windows has put into `/usr/lib/wsl/lib`: its loader for
    /// CUDA, with the same size and time. Where none has, it is the one with the newest library; of equals, the last by
    /// name.
    init(in root: borrowing DriverRoot) throws(WSLError) {
        let names = try Self.names(in: root)
        let (own, foreign) = (names.filter(\.isNVIDIAs), names.filter { !$0.isNVIDIAs })
        var candidates = try Self.candidates(own, in: root)
        if candidates.isEmpty { candidates = try Self.candidates(foreign, in: root) }
        candidates.sort { ($0.isInUse ? 1 : 0, $0.modified, $0.path) < ($1.isInUse ? 1 : 0, $1.modified, $1.path) }
        guard let best = candidates.popLast() else {
            let displays = own.filter(\.isDisplayDriver)
            guard displays.isEmpty else { throw .driverTooOld(stores: displays) }
            throw .noNVIDIAStore(count: names.count, displays: foreign.filter { Self.vendor(of: $0) != nil })
        }
        path = best.path
        others = candidates.map(\.path)
    }

    private struct Candidate {
        let path: ByteString
        let isInUse: Bool
        /// Nanoseconds since the epoch.
        let modified: Int64
    }

    private static func candidates(
        _ names: [ByteString], in root: borrowing DriverRoot
    ) throws(WSLError) -> [Candidate] {
        let used = status(of: WSLDriver.loaderInUsePath, in: root)
        var candidates: [Candidate] = []
        var refusal: WSLError?
        for name in names {
            let path = WSLDriver.storesPath.appending(component: name)
            do throws(DriverRoot.Refusal) {
                let library = try root.file(at: path.appending(component: WSLDriver.libraryName)).location
                let loader = status(of: path.appending(component: WSLDriver.loaderName), in: root)
                var isInUse = false
                if let used, let loader { isInUse = used.size == loader.size && used.modified == loader.modified }
                candidates.append(Candidate(path: path, isInUse: isInUse, modified: library.status.modified))
            } catch {
                if case .refused(let reason) = error { refusal = .unusableStore(store: path, reason: reason) }
            }
        }
        if candidates.isEmpty, let refusal { throw refusal }
        return candidates
    }

    private static func status(of path: ByteString, in root: borrowing DriverRoot) -> FileStatus? {
        do throws(LinuxError) { return try root.root.status(of: path) } catch { return nil }
    }

    private static func names(in root: borrowing DriverRoot) throws(WSLError) -> [ByteString] {
        var names: [ByteString] = []
        do throws(LinuxError) {
            try root.root.open(WSLDriver.storesPath, flags: O_RDONLY | O_DIRECTORY).forEachEntry(limit: 1 << 14) {
                let name = ByteString(Array($0))
                if name.isFileName { names.append(name) }
            }
        } catch {
            throw .noStores(reason: error.isAbsence ? "it does not exist" : error.description)
        }
        guard !names.isEmpty else { throw .noStores(reason: "it is empty") }
        return names.sorted()
    }

    /// Whose display driver the package `name` is; nil where the name does not say it. What the makers of PCs put in
    /// front, as in `6_lenovo_iigd_dch.inf_amd64_2951c510c4c5f33f`, does not count.
    static func vendor(of name: ByteString) -> String? {
        let name = name.lowercased
        if name.isNVIDIAs { return "NVIDIA" }
        if name.range(of: "iigd_") != nil || name.hasPrefix("kipudrv") { return "Intel" }
        // u0420529.inf_amd64_..., c0356218.inf_amd64_...
        if name.hasPrefix("u0") || name.hasPrefix("c0") { return "AMD" }
        return name.hasPrefix("qcdx") ? "Qualcomm" : nil
    }
}

extension ByteString {
    fileprivate var isNVIDIAs: Bool { lowercased.hasPrefix("nv") }

    /// Whether a package of NVIDIA's is a display driver: the others have these names (nvhda is the sound of HDMI;
    /// nvraid, nvdimm and nvmedisk are Microsoft's own and on every PC).
    fileprivate var isDisplayDriver: Bool {
        let others: [ByteString] = ["nvhda", "nvraid", "nvstor", "nvmod", "nvme", "nvvad", "nvvhci", "nvppc", "nvdimm"]
        let name = lowercased
        return !others.contains { name.hasPrefix($0) }
    }
}
