// SPDX-License-Identifier: Apache-2.0

import Foundation
import LibContainer
import Linux
import Testing

@testable import HookInjector

/// A row of a table in testdata/requests.
struct RequestRow: Decodable, CustomTestStringConvertible {
    var value: String
    var supported: String?
    var want: String?
    var error: String?
    var testDescription: String { value.debugDescription }

    static func table(_ name: String) -> [RequestRow] {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../testdata/requests/\(name).json")
        do {
            return try JSONDecoder().decode([RequestRow].self, from: Data(contentsOf: file))
        } catch {
            Issue.record("\(name): \(error)")
            return []
        }
    }
}

@Suite struct RequestTests {
    // D-04, D-12: the exact table; an unknown name is an error and never means all.
    @Test(arguments: RequestRow.table("visible-devices"))
    func visibleDevices(row: RequestRow) {
        do throws(InjectionError) {
            let selection = try DeviceSelection(parsing: ByteString(row.value))
            #expect(row.error == nil)
            #expect(selection?.description == row.want)
        } catch {
            #expect(row.error.map { error.description.contains($0) } == true, "\(error)")
        }
    }

    @Test(arguments: RequestRow.table("driver-capabilities"))
    func driverCapabilities(row: RequestRow) {
        do throws(InjectionError) {
            let supported = try DriverCapabilities(configured: ByteString(row.supported ?? "all"))
            let capabilities = try DriverCapabilities(parsing: ByteString(row.value), supported: supported)
            #expect(row.error == nil)
            #expect(capabilities.description == row.want)
        } catch {
            #expect(row.error.map { error.description.contains($0) } == true, "\(error)")
        }
    }

    // D-04: a long list is read in a time that does not hurt, and a hostile one is refused without being repeated.
    @Test func longListIsRefusedBriefly() {
        let error = #expect(throws: InjectionError.self) {
            try DeviceSelection(parsing: ByteString([UInt8](repeating: 0x41, count: 1 << 20)))
        }
        #expect((error?.description.count ?? .max) < 300)
    }

    // D-05: of two entries with one name the last counts, as for the container's process.
    @Test(
        arguments: [
            (["NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_VISIBLE_DEVICES=all"], "all"),
            (["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_VISIBLE_DEVICES=void"], nil),
            (["NVIDIA_VISIBLE_DEVICES"], nil),
            (["NVIDIA_VISIBLE_DEVICES =all"], nil),
            (["XNVIDIA_VISIBLE_DEVICES=all"], nil),
            ([], nil),
        ] as [([String], String?)])
    func lastEntryCounts(environment: [String], want: String?) throws {
        let request = try DeviceRequest(environment: environment.map { ByteString($0) })
        #expect(request?.selection.description == want)
    }
}
