// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// A module of the host's kernel that nothing has loaded yet, as `nvidia-uvm` after boot.
package enum KernelModule {
    private static let loader: ByteString = "/sbin/modprobe"
    private static let milliseconds = 10_000

    /// Loads the module with modprobe(8), as NVIDIA's own tools do before a first use. Returns whether modprobe ended
    /// well; it is killed after ten seconds. Nothing of our environment is passed on.
    package static func load(_ name: ByteString) -> Bool {
        var child: pid_t = 0
        let started = loader.withCString { path in
            name.withCString { name in
                "-q".withCString { quiet in
                    let arguments = [path, quiet, name, nil].map { UnsafeMutablePointer(mutating: $0) }
                    return posix_spawn(&child, path, nil, nil, arguments, [nil])
                }
            }
        }
        guard started == 0 else { return false }
        var status: CInt = 0
        for _ in 0..<(milliseconds / 10) {
            let ended = waitpid(child, &status, WNOHANG)
            if ended == child { return status == 0 }
            if ended == -1 && errno != EINTR { return false }
            usleep(10_000)
        }
        kill(child, SIGKILL)
        waitpid(child, &status, 0)
        return false
    }
}
