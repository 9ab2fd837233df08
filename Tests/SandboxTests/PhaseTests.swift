// SPDX-License-Identifier: Apache-2.0

import CLibcap
import Glibc
import Linux
import Testing

@testable import Sandbox

/// The table of capabilities, and taking the others away: in processes of their own, as there is no way back.
@Suite struct PhaseTests {
    @Test func aPhaseGivesNothingBack() {
        let reading = Set(Sandbox.Phase.reading.capabilities)
        let (planning, mounting) = (Set(Sandbox.Phase.planning.capabilities), Set(Sandbox.Phase.mounting.capabilities))
        let changing = Set(Sandbox.Phase.changing.capabilities)
        #expect(changing == [CAP_DAC_OVERRIDE])
        #expect(changing.isSubset(of: reading) && changing.isSubset(of: mounting) && mounting.isSubset(of: planning))
        // modprobe(8) may be needed before anything of a container is touched.
        #expect(planning.subtracting(mounting) == [CAP_SYS_MODULE])
        let never: Set = [
            CAP_DAC_READ_SEARCH, CAP_SYS_RAWIO, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETPCAP, CAP_SYS_BOOT,
        ]
        for phase in Sandbox.Phase.allCases { #expect(never.isDisjoint(with: phase.capabilities)) }
    }

    /// The value of a line of /proc/thread-self/status.
    static func status(_ name: String) -> String? {
        guard let file = try? FileDescriptor(opening: "/proc/thread-self/status", flags: O_RDONLY),
            let bytes = try? file.readToEnd(limit: 1 << 16)
        else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix("\(name):\t") }.map { String($0.dropFirst(name.utf8.count + 2)) }
    }

    static func mask(_ capabilities: [CInt]) -> String {
        let bits = capabilities.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
        let text = String(bits, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    /// Whether `phase` left what it says. `bounding` stays from the first phase on: no other may change that set.
    static func holds(_ phase: Sandbox.Phase, bounding: [CInt] = [CAP_DAC_OVERRIDE]) -> Bool {
        let (kept, none) = (mask(phase.capabilities), mask([]))
        return status("CapPrm") == kept && status("CapEff") == kept && status("CapInh") == none
            && status("CapAmb") == none
            && status("CapBnd") == mask(bounding) && status("NoNewPrivs") == "1"
            && status("Seccomp") == (phase == .mounting ? "2" : "0")
    }

    @Test(.enabled(if: geteuid() == 0, "needs root")) func reading() async {
        await #expect(processExitsWith: .success) {
            try Sandbox.restrict(to: .reading)
            exit(PhaseTests.holds(.reading) ? 0 : 1)
        }
    }

    /// Twice: the second time nothing can be taken from the bounding set any more.
    @Test(.enabled(if: geteuid() == 0, "needs root")) func planningThenMounting() async {
        await #expect(processExitsWith: .success) {
            try Sandbox.restrict(to: .planning)
            let bounding = Sandbox.Phase.planning.bounding
            guard PhaseTests.holds(.planning, bounding: bounding) else { exit(1) }
            try Sandbox.restrict(to: .mounting)
            exit(PhaseTests.holds(.mounting, bounding: bounding) ? 0 : 2)
        }
    }

    /// Without any capability to begin with, none appears and nothing fails.
    @Test(.enabled(if: geteuid() == 0, "needs root")) func nothingPermitted() async {
        await #expect(processExitsWith: .success) {
            guard setuid(65534) == 0 else { exit(1) }
            try Sandbox.restrict(to: .mounting)
            exit(PhaseTests.status("CapPrm") == PhaseTests.mask([]) ? 0 : 2)
        }
    }

    @Test func aParentThatIsGone() async {
        await #expect(processExitsWith: .success) {
            do throws(SandboxError) {
                try Sandbox.end(with: getppid())
            } catch {
                exit(1)
            }
            do throws(SandboxError) {
                try Sandbox.end(with: getpid())
                exit(2)
            } catch {
                exit(error.description == "sandbox: end with the parent: No such process" ? 0 : 3)
            }
        }
    }
}
