// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// Becomes `path` with execve(2) and returns only if that fails, with errno.
///
/// `arguments` and `environment` are the kernel's own arrays, passed on as they are, but for argv[0], which is replaced in
/// place by `path` as in the original. Working directory, umask, signals and descriptors stay: all of ours are
/// close-on-exec.
package func exec(
    _ path: ByteString, arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>,
    environment: UnsafePointer<UnsafeMutablePointer<CChar>?>
) -> CInt {
    path.withCString { program in
        // Before Linux 5.18 a process can have no argv[0], and then no room for one either.
        if arguments[0] != nil {
            UnsafeMutablePointer(mutating: arguments)[0] = UnsafeMutablePointer(mutating: program)
        }
        execve(program, arguments, environment)
        return errno
    }
}
