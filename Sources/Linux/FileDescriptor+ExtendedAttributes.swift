// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

extension FileDescriptor {
    /// The value of the extended attribute `name`, such as `security.selinux`, or nil where the file has none or the file
    /// system no attributes. fgetxattr(2).
    package func extendedAttribute(_ name: ByteString) throws(LinuxError) -> [UInt8]? {
        guard name.isCString else { throw LinuxError("read attribute", name, code: EINVAL) }
        // The kernel's limit for a value, XATTR_SIZE_MAX, is 64 KiB; labels and access lists are far smaller.
        var value = [UInt8](repeating: 0, count: 4096)
        let count = name.withCString { pointer in
            value.withUnsafeMutableBytes { clx_fgetxattr(number, pointer, $0.baseAddress, UInt64($0.count)) }
        }
        guard count >= 0 else {
            let error = LinuxError.last("read attribute", name)
            if error.code == ENODATA || error.code == ENOTSUP { return nil }
            throw error
        }
        value.removeLast(value.count - Int(count))
        return value
    }

    /// fsetxattr(2); creates the attribute or changes it.
    package func setExtendedAttribute(_ name: ByteString, to value: [UInt8]) throws(LinuxError) {
        guard name.isCString else { throw LinuxError("set attribute", name, code: EINVAL) }
        _ = try name.withCString { (pointer) throws(LinuxError) -> CInt in
            try retryingOnInterrupt("set attribute", name) {
                value.withUnsafeBytes { clx_fsetxattr(number, pointer, $0.baseAddress, UInt64($0.count), 0) }
            }
        }
    }
}
