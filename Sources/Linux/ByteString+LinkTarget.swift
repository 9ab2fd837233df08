// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension ByteString {
    /// The text of the symbolic link `name` in the directory of the descriptor `directory`, or, where `name` is empty, of
    /// the link that the descriptor itself stands for (opened with O_PATH and O_NOFOLLOW). readlinkat(2); EINVAL where it
    /// is no link, ENAMETOOLONG where the text is longer than a path can be.
    package init(textOfLink name: ByteString, relativeTo directory: CInt) throws(LinuxError) {
        guard name.isCString else { throw LinuxError("read link", name, code: EINVAL) }
        self = try name.withCString { (pointer) throws(LinuxError) -> ByteString in
            // A link's text is short and kept: the buffer for the longest one must not become its storage.
            let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: Int(PATH_MAX))
            defer { buffer.deallocate() }
            guard let base = buffer.baseAddress else { throw LinuxError("read link", name, code: ENOMEM) }
            let length = readlinkat(directory, pointer, base, buffer.count)
            if length < 0 { throw LinuxError.last("read link", name) }
            if length == buffer.count { throw LinuxError("read link", name, code: ENAMETOOLONG) }
            return ByteString(Array(UnsafeRawBufferPointer(start: base, count: length)))
        }
    }
}

extension FileDescriptor {
    /// The text of the symbolic link that the descriptor stands for, or of the link `name` in the directory it stands for.
    package func linkTarget(_ name: ByteString = ByteString()) throws(LinuxError) -> ByteString {
        try ByteString(textOfLink: name, relativeTo: number)
    }
}
