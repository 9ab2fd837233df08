// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

struct WildcardTests {
    @Test(arguments: [
        ("/etc/ld.so.conf.d/*.conf", true), ("/etc/ld.so.conf.d/*", true), ("/etc//ld.so.conf.d/00-*.conf", true),
        ("/etc/*/*", true), ("/etc/ld.so.conf.d/0?-nvidia-runtime.conf", true), ("/etc/l*d/*nv*-*conf*", true),
        ("/etc/ld.so.conf.d/00-nvidia-runtime.conf", true),
        ("/etc/*", false), ("/etc/ld.so.conf.d/*.con", false), ("/etc/ld.so.conf.d/?.conf", false),
        ("/usr/ld.so.conf.d/*.conf", false), ("/etc/ld.so.conf.d/[0-9]*", false), ("", false), ("/*", false),
    ]) func matches(pattern: String, matches: Bool) {
        #expect(Wildcard.path("/etc/ld.so.conf.d/00-nvidia-runtime.conf", matches: ByteString(pattern)) == matches)
    }

    @Test func aPatternOfStarsTakesNoTime() {
        let pattern = ByteString("/etc/ld.so.conf.d/" + String(repeating: "*a", count: 10_000))
        #expect(!Wildcard.path("/etc/ld.so.conf.d/00-nvidia-runtime.conf", matches: pattern))
    }
}
