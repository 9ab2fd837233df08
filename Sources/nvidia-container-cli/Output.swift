// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux
internal import OCISpec

/// Standard output and error, without the buffers of C or Swift.
enum Output {
    /// Writes all of `text`, or fails as a full disk does.
    static func write(_ text: [UInt8], to number: CInt = STDOUT_FILENO) throws(Failure) {
        let descriptor = FileDescriptor(owning: number)
        var failure: LinuxError?
        do throws(LinuxError) { try descriptor.write(text) } catch { failure = error }
        _ = descriptor.release()
        if let failure { throw Failure(.output, failure.description) }
    }

    /// Writes a message. That it can't be written is nobody's to tell.
    static func complain(_ text: String) {
        do throws(Failure) { try write(Array(text.utf8), to: STDERR_FILENO) } catch {}
    }
}

extension JSONWriter {
    /// What was written, as a line.
    consuming func line() throws(Failure) -> [UInt8] {
        do throws(SpecError) {
            return try finished() + [UInt8(ascii: "\n")]
        } catch {
            throw Failure(.output, error.description)
        }
    }
}
