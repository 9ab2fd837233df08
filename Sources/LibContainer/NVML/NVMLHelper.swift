// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// Asks NVML through `nvidia-runtime-nvml`, a process of its own: we are static and can't load a library, and what NVML
/// does (it hangs where a GPU is broken) must not become our trouble. The answer is kept in `/run`, since NVML takes from
/// tens of milliseconds to seconds.
///
/// The library may be one of a driver container: libnvidia-ml needs nothing but glibc (libc, libpthread, libm, libdl), and
/// NVIDIA builds it for an old one, so it loads from below a driver root into a program of the host by its path.
package struct NVMLHelper: Sendable {
    package static let defaultMilliseconds = 5000

    private let places: [ByteString]
    private let cacheDirectory: ByteString
    private let kernel: KernelDriver

    /// Nothing is looked at before the first question.
    package init() {
        self.init(places: Self.usualPlaces(), cacheDirectory: "/run/nvidia-runtime", kernel: KernelDriver())
    }

    init(places: [ByteString], cacheDirectory: ByteString, kernel: KernelDriver) {
        self.places = places
        self.cacheDirectory = cacheDirectory
        self.kernel = kernel
    }

    /// What the library at `library`, a path on the host, says; from the cache, if that has an answer of the same boot,
    /// kernel module (`driverVersion`), library file and `layout`.
    ///
    /// `layout` is any text that changes when the GPUs or their MIG devices do. A MIG device that is deleted and made
    /// again in the same place may get another UUID without that: a caller that misses one asks again with
    /// `ignoringCache`.
    ///
    /// Throws `timedOut` after `milliseconds` in all. When several processes ask at the same time, one starts the helper
    /// and the others wait for its answer. An answer with failures is not kept.
    package func report(
        library: ByteString, driverVersion: ByteString, layout: ByteString, ignoringCache: Bool = false,
        milliseconds: Int = defaultMilliseconds
    ) throws(NVMLError) -> NVMLReport {
        let deadline = Deadline(milliseconds: milliseconds)
        let file: TrustedPath
        do throws(TrustError) { file = try TrustedPath(library) } catch { throw .libraryNotTrusted(error) }
        let question = { () throws(NVMLError) -> (report: NVMLReport, text: [UInt8]) in
            try ask(file.resolved, deadline, milliseconds)
        }
        guard let key = key(library: file.status, driverVersion: driverVersion, layout: layout),
            let cache = NVMLCache(directory: cacheDirectory)
        else { return try question().report }
        if !ignoringCache, let report = cache.report(for: key) { return report }
        while !cache.lock() {
            if deadline.hasPassed { throw .timedOut(library: file.resolved, milliseconds: milliseconds) }
            usleep(2000)
        }
        // Whoever had the lock has left the answer there.
        if !ignoringCache, let report = cache.report(for: key) { return report }
        let answer = try question()
        if answer.report.failures.isEmpty { cache.store(answer.text, for: key) }
        return answer.report
    }

    private func ask(
        _ library: ByteString, _ deadline: Deadline, _ milliseconds: Int
    ) throws(NVMLError) -> (report: NVMLReport, text: [UInt8]) {
        let program = try Self.find(in: places)
        let outcome: HelperProcess.Outcome
        do throws(LinuxError) {
            outcome = try HelperProcess.run(
                program, library, outputLimit: NVMLReport.sizeLimit, deadline: deadline)
        } catch {
            throw .helperNotStarted(error)
        }
        switch outcome.ending {
        case .timedOut: throw .timedOut(library: library, milliseconds: milliseconds)
        case .tooMuchOutput: throw .malformed("longer than \(NVMLReport.sizeLimit) bytes")
        case .signal(let number): throw .failed(reason: "the library crashed (signal \(number)): \(library)")
        case .exit(let code) where code != 0:
            let line = outcome.lastErrorLine
            throw .failed(
                reason: line.isEmpty
                    ? "exit code \(code)" : (line.droppingPrefix("nvidia-runtime-nvml: ") ?? line).description)
        case .exit, .unknown: return (try NVMLReport(parsing: outcome.output), outcome.output)
        }
    }

    /// What a cached answer has to agree with; nil where the kernel does not tell which boot this is.
    private func key(library: FileStatus, driverVersion: ByteString, layout: ByteString) -> ByteString? {
        guard let boot = try? kernel.read(kernel.procPath.appending(component: "sys/kernel/random/boot_id")) else {
            return nil
        }
        // Escaped as in `description`, so that no part can pass for another one.
        return ByteString(
            """
            nvidia-runtime nvml cache 1
            boot \(boot)
            module \(driverVersion)
            library \(library.device) \(library.inode) \(library.size) \(library.modified) \(library.changed)
            layout \(layout)

            """)
    }
}
