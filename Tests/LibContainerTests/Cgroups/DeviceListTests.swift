// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

/// `devices.list` of cgroups version 1.
@Suite struct DeviceListTests {
    typealias Access = DeviceCgroup.Access

    /// What the list says of `c 195:0`: whether reading and writing is allowed, and what the line for just it has.
    static let lists: [(text: ByteString, allows: Bool, single: Access)] = [
        ("a *:* rwm\n", true, []), ("c *:* rwm\n", true, []), ("c 195:* rw\n", true, []), ("c *:0 rw\n", true, []),
        ("c 195:0 rw\n", true, [.read, .write]), ("c 195:0 rwm\n", true, [.read, .write, .makeNode]),
        // Lines are not put together.
        ("c 195:0 r\nc 195:* w\n", false, .read), ("c 195:0 r\nc 195:0 w\n", false, [.read, .write]),
        ("c *:* m\n", false, []), ("b *:* rwm\nb 195:0 rwm\n", false, []), ("c 195:1 rw\nc 1:0 rw\n", false, []),
        // Not understood.
        ("c 195:0 rwx\n", false, []), ("c 195:0\n", false, []), ("c 195 rw\n", false, []), ("c -1:0 rw\n", false, []),
        ("c 195:0:0 rw\n", false, []), ("d *:* rwm\n", false, []), ("c 99999999999:* rw\n", false, []),
        ("c : rw\n", false, []), ("c 195:0  rw\n", false, []), ("", false, []), ("a\n", false, []),
    ]

    @Test(arguments: lists) func whatIsAllowed(text: ByteString, allows: Bool, single: Access) throws {
        let list = DeviceList(parsing: text)
        let rule = try DeviceCgroup.Rule(major: 195, minor: 0)
        #expect(list.allows(rule) == allows)
        #expect(list.accessOfSingleDevice(rule) == single)
    }

    @Test func rulesAreWrittenAsTheKernelReadsThem() throws {
        #expect(try DeviceCgroup.Rule(major: 195, minor: 255).description == "c 195:255 rw")
        #expect(try DeviceCgroup.Rule(major: 4095, minor: 1_048_575, access: .all).description == "c 4095:1048575 rwm")
        #expect(try DeviceCgroup.Rule(major: 0, minor: 0, access: .read).description == "c 0:0 r")
    }

    /// The kernel's wildcard, for one.
    @Test(arguments: [(4096, 0), (0, 1 << 20), (.max, 0), (0, .max), (.max, .max)] as [(UInt32, UInt32)])
    func numbersOfNoDevice(major: UInt32, minor: UInt32) {
        #expect(throws: CgroupError.noSuchDevice(major: major, minor: minor)) {
            try DeviceCgroup.Rule(major: major, minor: minor)
        }
    }
}
