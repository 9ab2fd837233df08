// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension ByteString {
    /// The text of the symbolic link `name` in the directory of the descriptor `directory`, or, where `name` is empty, of
    /// the link that the descriptor itself stands for (opened with O_PATH and O_NOFOLLOW). readlinkat(2); EINVAL where it
    /// is no link, ENAMETOOLONG where the text is longer than a path can be.
    package init(textOfLink name: ByteString, relativeTo directory: CInt) throws(LinuxError) {
        guard name.isCString else { throw LinuxError("read link", name, code: EINVAL) }
        self = try name.withCString { (pointer) throws(LinuxError) -> ByteString in
            // Hardly any text is as long as a path can be: room for a short one is on the stack.
            for capacity in [256, Int(PATH_MAX)] {
                if let text = try Self.linkText(pointer, directory, capacity: capacity, name) { return text }
            }
            throw LinuxError("read link", name, code: ENAMETOOLONG)
        }
    }

    /// Nil where the text has `capacity` bytes or more. `name` is for errors.
    private static func linkText(
        _ pointer: UnsafePointer<CChar>, _ directory: CInt, capacity: Int, _ name: ByteString
    ) throws(LinuxError) -> ByteString? {
        try withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) {
            (buffer) throws(LinuxError) -> ByteString? in
            let length = buffer.baseAddress.map { readlinkat(directory, pointer, $0, buffer.count) } ?? -1
            if length < 0 { throw LinuxError.last("read link", name) }
            return length < buffer.count ? ByteString(UnsafeRawBufferPointer(buffer)[..<length]) : nil
        }
    }
}

extension FileDescriptor {
    /// The text of the symbolic link that the descriptor stands for, or of the link `name` in the directory it stands for.
    package func linkTarget(_ name: ByteString = ByteString()) throws(LinuxError) -> ByteString {
        try ByteString(textOfLink: name, relativeTo: number)
    }
}
