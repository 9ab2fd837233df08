// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// What is asked of the host to check and complete edits. Tests put their own answers here.
struct CDIHost: Sendable {
    /// lstat(2) of a device node.
    var node: @Sendable (ByteString) throws(LinuxError) -> FileStatus
    /// The program of a hook: that nobody untrusted can change it, and what it is.
    var program: @Sendable (ByteString) throws(TrustError) -> FileStatus
    /// stat(2) of what is to be mounted.
    var source: @Sendable (ByteString) throws(LinuxError) -> FileStatus

    static let live = CDIHost(
        node: { (path) throws(LinuxError) in try FileStatus.of(path, followLinks: false) },
        program: { (path) throws(TrustError) in try TrustedPath(path).status },
        source: { (path) throws(LinuxError) in try FileStatus.of(path) })
}
