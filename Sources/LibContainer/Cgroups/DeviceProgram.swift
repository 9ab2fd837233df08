// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// A cgroup's device program, loaded in the kernel. It is a class so that several can be in a list.
final class DeviceProgram: Sendable {
    let descriptor: FileDescriptor
    /// The kernel's number for it.
    let id: UInt32

    /// Instructions; the verifier takes 1,000,000 from us (BPF_COMPLEXITY_LIMIT_INSNS) and may add some.
    private static let sizeLimit: UInt32 = 4_000_000
    /// The verifier gives up with EAGAIN where a signal arrives.
    private static let attempts = 5

    /// Opens the loaded program `id`. Throws ENOENT where it has gone.
    init(id: UInt32) throws(LinuxError) {
        descriptor = FileDescriptor(
            owning: try retryingOnInterrupt("open") { clx_bpf_open_program(id) })
        self.id = id
    }

    /// Loads `filter`.
    ///
    /// Before Linux 5.11 programs count as locked memory of the user, and EPERM means that the limit is reached: then the
    /// limit is raised as far as we may, for the call.
    init(loading filter: DeviceFilter) throws(LinuxError) {
        do throws(LinuxError) {
            descriptor = try Self.load(filter)
        } catch {
            guard error.code == EPERM, let limit = LockedMemoryLimit.raise() else { throw error }
            defer { limit.restore() }
            descriptor = try Self.load(filter)
        }
        var id: UInt32 = 0
        var size: UInt32 = 0
        _ = try Self.read(descriptor, nil, &size, &id)
        self.id = id
    }

    private static func load(_ filter: DeviceFilter) throws(LinuxError) -> FileDescriptor {
        let words = filter.instructions.map(\.rawValue)
        guard let count = UInt32(exactly: words.count) else { throw LinuxError("load", code: E2BIG) }
        var attempt = 1
        while true {
            do throws(LinuxError) {
                return FileDescriptor(
                    owning: try retryingOnInterrupt("load") { clx_bpf_load_device_program(words, count, "Apache") })
            } catch {
                guard error.code == EAGAIN, attempt < attempts else { throw error }
                attempt += 1
            }
        }
    }

    /// What the kernel shows of the program; nil where it shows nothing of it.
    func instructions() throws(LinuxError) -> [BPFInstruction]? {
        var size: UInt32 = 0
        var id: UInt32 = 0
        _ = try Self.read(descriptor, nil, &size, &id)
        let count = size / UInt32(MemoryLayout<UInt64>.size)
        guard count <= Self.sizeLimit else { throw LinuxError("read", code: EFBIG) }
        if count == 0 { return nil }
        var words = [UInt64](repeating: 0, count: Int(count))
        let isShown = try Self.read(descriptor, &words, &size, &id)
        return isShown ? words.map(BPFInstruction.init(rawValue:)) : nil
    }

    /// False where the kernel keeps the instructions back.
    private static func read(
        _ descriptor: borrowing FileDescriptor, _ words: UnsafeMutablePointer<UInt64>?, _ size: inout UInt32,
        _ id: inout UInt32
    ) throws(LinuxError) -> Bool {
        var isHidden = false
        let number = descriptor.number
        _ = try retryingOnInterrupt("read") { clx_bpf_read_program(number, words, &size, &id, &isHidden) }
        return !isHidden
    }
}
