// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

@Suite struct CUDAVersionTests {
    // What nvidia-smi of these releases shows.
    @Test(
        arguments: [
            ("410.104", 10, 0), ("418.226.00", 10, 1), ("440.33.01", 10, 2), ("450.51.06", 11, 0), ("455.45.01", 11, 1),
            ("460.91.03", 11, 2), ("465.19.01", 11, 3), ("470.256.02", 11, 4), ("495.46", 11, 5), ("510.47.03", 11, 6),
            ("515.65.01", 11, 7), ("520.61.05", 11, 8), ("525.125.06", 12, 0), ("530.41.03", 12, 1),
            ("535.183.01", 12, 2),
            ("545.29.06", 12, 3), ("550.163.01", 12, 4), ("555.42.06", 12, 5), ("560.35.03", 12, 6),
            ("565.57.01", 12, 7),
            ("570.211.01", 12, 8), ("575.57.08", 12, 9), ("580.95.05", 13, 0), ("590.48.01", 13, 1),
            ("595.71.05", 13, 2),
            ("610.43.02", 13, 3),
        ] as [(String, UInt32, UInt32)])
    func exact(driver: String, major: UInt32, minor: UInt32) {
        #expect(CUDAVersion.support(ofDriver: ByteString(driver)) == .exact(CUDAVersion(major, minor)))
    }

    // Between the branches, before a branch's first known release, before what was checked, and beyond the newest. The
    // drivers say 9.0, 9.2, 10.0, 10.2, 10.1, 12.6 (Jetson) and 11.8 for those that have an answer here.
    @Test(
        arguments: [
            ("346.46", 7, 0), ("375.26", 8, 0), ("384.80", 8, 0), ("384.111", 9, 0), ("396.44", 9, 2),
            ("415.27", 10, 0),
            ("430.26", 10, 1), ("435.21", 10, 1), ("440.31", 10, 1), ("540.4.0", 12, 2), ("520.56.06", 11, 7),
            ("570.25", 12, 7), ("580.00", 12, 9), ("616.56", 13, 3), ("4294967295.4294967295", 13, 3),
        ] as [(String, UInt32, UInt32)])
    func lowerBound(driver: String, major: UInt32, minor: UInt32) {
        #expect(CUDAVersion.support(ofDriver: ByteString(driver)) == .atLeast(CUDAVersion(major, minor)))
    }

    @Test(arguments: [
        "", "550", "346.45", "1.2", "550.", ".550", "v550.54", "550.x", "4294967296.1", "-1.2", "550\0.54",
    ])
    func nothing(driver: String) {
        #expect(CUDAVersion.support(ofDriver: ByteString(driver)) == nil)
    }

    @Test("the bound never falls with a newer driver")
    func monotone() {
        var last = CUDAVersion(0, 0)
        for branch in 340...640 {
            for release in stride(from: 0, through: 200, by: 1) {
                let bound: CUDAVersion
                switch CUDAVersion.support(ofDriver: ByteString("\(branch).\(release)")) {
                case .exact(let version), .atLeast(let version): bound = version
                case nil: continue
                }
                #expect(bound >= last)
                last = bound
            }
        }
        #expect(last == CUDAVersion(13, 3))
    }

    @Test func oldestDriver() {
        #expect(CUDAVersion.oldestDriver { $0 >= CUDAVersion(12, 8) } == "570.26")
        #expect(CUDAVersion.oldestDriver { $0 > CUDAVersion(12, 8) } == "575.51")
        #expect(CUDAVersion.oldestDriver { $0 >= CUDAVersion(99, 0) } == nil)
    }

    @Test func order() {
        #expect(CUDAVersion(12, 9) < CUDAVersion(12, 10))
        #expect(CUDAVersion(12, 10) < CUDAVersion(13, 0))
        #expect("\(CUDAVersion(12, 10))" == "12.10")
    }
}
