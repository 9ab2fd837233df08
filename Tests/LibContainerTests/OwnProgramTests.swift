// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite struct OwnProgramTests {
    @Test func besideTheRunningOne() throws {
        let process = try FileDescriptor(opening: "/proc/self", flags: O_RDONLY | O_DIRECTORY)
        let folder = try process.linkTarget("exe").parentPath
        #expect(OwnProgram.places(of: "x", in: ["/a", "/b"]) == [folder.appending(component: "x"), "/a/x", "/b/x"])
    }

    /// A sealed program does not run from where it lies. In a process of its own: the path is the process's.
    @Test func besideASealedOne() async {
        await #expect(processExitsWith: .success) {
            clx_set_program_path(strdup("/opt/nvidia/bin/nvidia-runtime-hook"))
            let places = OwnProgram.places(of: "x", in: ["/opt/nvidia/bin", "/usr/bin"])
            exit(places == ["/opt/nvidia/bin/x", "/usr/bin/x"] ? 0 : 1)
        }
    }
}
