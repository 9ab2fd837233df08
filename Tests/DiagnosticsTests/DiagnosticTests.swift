// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Diagnostics

@Suite struct DiagnosticTests {
    @Test func oneLineWithTheNumberFirst() {
        let error = Diagnostic(.gpuNotFound, "there is no GPU \"7\" on this node", hint: "it has 0")
        #expect(error.description == "NVR1204: there is no GPU \"7\" on this node; it has 0")
        #expect(Diagnostic(.hookUsage, "no command given").description == "NVR1801: no command given")
    }

    @Test func causeThatFitsIsWhole() {
        let cause = String(repeating: "a", count: Diagnostic.causeLimit)
        #expect(Diagnostic(.noGPU, cause).cause == cause)
        #expect(Diagnostic(.noGPU, "").cause == "")
    }

    @Test func longCauseLosesItsMiddle() {
        let path = String(repeating: "/very-long-name", count: 100)
        let cut = Diagnostic(.specUnreadable, "start \(path) end").cause
        #expect(cut.utf8.count <= Diagnostic.causeLimit && cut.utf8.count > Diagnostic.causeLimit - 8)
        #expect(cut.hasPrefix("start /very-long-name") && cut.contains("...") && cut.hasSuffix("/very-long-name end"))
    }

    /// Engines cut the whole message, so that the cause must not be long; the hint is what may get lost.
    @Test func hintIsNotCut() {
        let hint = String(repeating: "h", count: 500)
        #expect(Diagnostic(.noGPU, "cause", hint: hint).description == "NVR1205: cause; \(hint)")
    }

    /// A character of several bytes at either cut is left out and not torn, whatever its place.
    @Test(arguments: ["é", "語", "😀"]) func charactersStayWhole(character: String) {
        for shift in 0..<8 {
            let text = String(repeating: "x", count: shift) + String(repeating: character, count: 200)
            let cut = Diagnostic(.noGPU, text).cause
            #expect(cut.utf8.count <= Diagnostic.causeLimit)
            #expect(!cut.unicodeScalars.contains("\u{FFFD}"))
            let halves = cut.split(separator: "...")
            #expect(halves.count == 2 && text.hasPrefix(halves[0]) && text.hasSuffix(halves[1]))
        }
    }

    @Test func numbersOfOneKind() {
        for id in ErrorID.allCases {
            #expect((1001...1899).contains(id.rawValue) && id.description == "NVR\(id.rawValue)")
        }
    }

    /// Only what another node could give makes a soft request start without a GPU.
    @Test func softRequestsPassOverTheNodeOnly() {
        let passed = Set(ErrorID.allCases.filter(\.isAboutNode))
        #expect(passed.isSuperset(of: [.moduleNotLoaded, .noGPU, .gpuNotFound, .requirementNotMet, .wslUnusable]))
        let never: [ErrorID] = [
            .deviceNameMalformed, .capabilityUnknown, .settingsInvalid, .requirementMalformed, .channelNotAllowed,
            .tooManyGPUs, .cdiEditRefused, .migAccessNotPrivileged, .imexChannelMalformed, .hookNotFound,
        ]
        #expect(passed.isDisjoint(with: never))
    }
}
