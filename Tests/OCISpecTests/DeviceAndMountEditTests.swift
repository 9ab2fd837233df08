// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// Edits of `mounts`, `linux.devices` and `linux.resources.devices` (J-20, J-21).
struct DeviceAndMountEditTests {
    private static let cases: [EditCase] = [
        EditCase(
            "a mount is appended", #"{"mounts":[{"destination":"/e"}]}"#,
            #"{"mounts":[{"destination":"/e"},\#(Sample.mountText)]}"#
        ) {
            try $0.addMount(Sample.mount)
        },
        EditCase(
            "J-21: a mount at the destination is replaced",
            #"{"mounts":[ {"destination":"/d","type":"bind"} , {"destination":"/e"} ]}"#,
            #"{"mounts":[ \#(Sample.mountText) , {"destination":"/e"} ]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "J-21: of two at the destination, the upper one is replaced",
            #"{"mounts":[{"destination":"/d"},{"destination":"/d","source":"/x"}]}"#,
            #"{"mounts":[{"destination":"/d"},\#(Sample.mountText)]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "J-20: a mount that is there stays as it is written",
            #"{"mounts":[{"options":[ "ro","rbind" ],"source":"\/s","destination":"/d","type":null}]}"#,
            #"{"mounts":[\#(Sample.mountText)]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "J-20: in any order of members",
            #"{"mounts":[{"options":[ "ro","rbind" ],"source":"\/s","destination":"/d"}]}"#,
            #"{"mounts":[{"options":[ "ro","rbind" ],"source":"\/s","destination":"/d"}]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "a mount that says more is replaced",
            #"{"mounts":[{"destination":"/d","source":"/s","options":["ro","rbind"],"uidMappings":[]}]}"#,
            #"{"mounts":[\#(Sample.mountText)]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "other spellings of a destination are other destinations", #"{"mounts":[{"destination":"/d/"}]}"#,
            #"{"mounts":[{"destination":"/d/"},\#(Sample.mountText)]}"#
        ) {
            try $0.addMount(Sample.mount)
        },
        EditCase(
            "a mount goes before the first one that it would hide",
            #"{"mounts":[ {"destination":"/proc"} , {"destination":"/d/x"}, {"destination":"/e"},{"destination":"/d/y"}]}"#,
            #"{"mounts":[ {"destination":"/proc"} , \#(Sample.mountText),{"destination":"/d/x"}, {"destination":"/e"}"#
                + #",{"destination":"/d/y"}]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "at the start of the list", #"{"mounts":[ {"destination":"/d/x","source":"a"} ]}"#,
            #"{"mounts":[ \#(Sample.mountText),{"destination":"/d/x","source":"a"} ]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "paths are cleaned before they are compared",
            #"{"mounts":[{"destination":"/dd"},{"destination":"d2"},{"destination":"/e/.././/d//.x/"}]}"#,
            #"{"mounts":[{"destination":"/dd"},{"destination":"d2"},\#(Sample.mountText)"#
                + #",{"destination":"/e/.././/d//.x/"}]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "not before what is hidden already, nor behind what hides it",
            #"{"mounts":[{"destination":"/d/x"},{"destination":"/"},{"destination":"/d/y"},{"destination":"/e"}]}"#,
            #"{"mounts":[{"destination":"/d/x"},{"destination":"/"},\#(Sample.mountText),{"destination":"/d/y"}"#
                + #",{"destination":"/e"}]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "on top of the same place in another spelling, below what lies on that",
            #"{"mounts":[{"destination":"/d/"},{"destination":"/d/x"}]}"#,
            #"{"mounts":[{"destination":"/d/"},\#(Sample.mountText),{"destination":"/d/x"}]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "a mount that is replaced keeps its place",
            #"{"mounts":[{"destination":"/d/x"},{"destination":"/e"},{"destination":"/d"}]}"#,
            #"{"mounts":[{"destination":"/d/x"},{"destination":"/e"},\#(Sample.mountText)]}"#
        ) { try $0.addMount(Sample.mount) },
        EditCase(
            "mounts that were added before are hidden as little", #"{"mounts":[{"destination":"/d/x/y"}]}"#,
            #"{"mounts":[\#(Sample.mountText),{"destination":"/d/x","source":"/1"},{"destination":"/d/x/y"}"#
                + #",{"destination":"/d/z","source":"/2"}]}"#
        ) {
            try $0.addMount(SpecMount(destination: "/d/x", source: "/1"))
            try $0.addMount(SpecMount(destination: "/d/z", source: "/2"))
            try $0.addMount(Sample.mount)
        },
        EditCase(
            "before one that is replaced, and with others that go",
            #"{"mounts":[{"destination":"/o"}, {"destination":"/d/x"} ,{"destination":"/o"},{"destination":"/p"},"#
                + #"{"destination":"/o"}]}"#,
            #"{"mounts":[\#(Sample.mountText),{"destination":"/d/x","source":"/1"} ,{"destination":"/p"}"#
                + #",{"destination":"/q","source":"/2"}]}"#
        ) {
            try $0.removeMounts(at: ["/o"])
            try $0.addMount(SpecMount(destination: "/q", source: "/2"))
            try $0.addMount(Sample.mount)
            try $0.addMount(SpecMount(destination: "/d/x", source: "/1"))
        },
        EditCase(
            "the root hides all", #"{"mounts":[{"destination":"/proc"}]}"#,
            #"{"mounts":[{"destination":"/","source":"/r"},{"destination":"/proc"}]}"#
        ) { try $0.addMount(SpecMount(destination: "/", source: "/r")) },
        EditCase("the last mount counts", "{}", #"{"mounts":[\#(Sample.mountText)]}"#) {
            try $0.addMount(SpecMount(destination: "/d", source: "/other"))
            try $0.addMount(Sample.mount)
        },
        EditCase(
            "a device is appended", #"{"linux":{"devices":[{"path":"/dev/y"}]}}"#,
            #"{"linux":{"devices":[{"path":"/dev/y"},\#(Sample.deviceText)]}}"#
        ) {
            try $0.addDevice(Sample.device)
        },
        EditCase(
            "J-21: devices at the path become one",
            #"{"linux":{"devices":[{"path":"/dev/x"},{"path":"/dev/y"},{"path":"/dev/x","major":1},{"path":"/z"}]}}"#,
            #"{"linux":{"devices":[{"path":"/dev/y"},\#(Sample.deviceText),{"path":"/z"}]}}"#
        ) { try $0.addDevice(Sample.device) },
        EditCase(
            "owner and mode are written if given", "{}",
            #"{"linux":{"devices":[{"path":"/dev/x","type":"b","major":1,"minor":2,"fileMode":384,"uid":0,"gid":5}]}}"#
        ) {
            try $0.addDevice(SpecDevice(path: "/dev/x", type: "b", major: 1, minor: 2, fileMode: 0o600, uid: 0, gid: 5))
        },
        EditCase(
            "a block device, an unbuffered character device and a FIFO", #"{"linux":{"devices":[]}}"#,
            #"{"linux":{"devices":[{"path":"/dev/b","type":"b","major":8,"minor":0},"#
                + #"{"path":"/dev/u","type":"u","major":1,"minor":3},"#
                + #"{"path":"/run/p","type":"p","major":0,"minor":0,"fileMode":384}]}}"#
        ) {
            try $0.addDevice(SpecDevice(path: "/dev/b", type: "b", major: 8, minor: 0))
            try $0.addDevice(SpecDevice(path: "/dev/u", type: "u", major: 1, minor: 3))
            try $0.addDevice(SpecDevice(path: "/run/p", type: "p", major: 0, minor: 0, fileMode: 0o600))
        },
        EditCase(
            "a FIFO without numbers is one with zeros, and replaced for the sake of the form",
            #"{"linux":{"devices":[{"path":"/run/p","type":"p"}]}}"#,
            #"{"linux":{"devices":[{"path":"/run/p","type":"p","major":0,"minor":0}]}}"#
        ) { try $0.addDevice(SpecDevice(path: "/run/p", type: "p", major: 0, minor: 0)) },
        EditCase(
            "a device that becomes another kind",
            #"{"linux":{"devices":[{"path":"/dev/x","type":"p"},{"path":"/dev/y"}]}}"#,
            #"{"linux":{"devices":[\#(Sample.deviceText),{"path":"/dev/y"}]}}"#
        ) { try $0.addDevice(Sample.device) },
        EditCase(
            "rules for block devices, with any access",
            #"{"linux":{"resources":{"devices":[{"allow":false},{"allow":true,"type":"c","major":8,"minor":0,"access":"r"}]}}}"#,
            #"{"linux":{"resources":{"devices":[{"allow":false},{"allow":true,"type":"c","major":8,"minor":0,"access":"r"},"#
                + #"{"allow":true,"type":"b","major":8,"minor":0,"access":"r"},"#
                + #"{"allow":true,"type":"b","major":8,"minor":0,"access":"rw"}]}}}"#
        ) {
            for access in ["r", "rw", "r"] as [ByteString] {
                try $0.allowDevice(SpecDeviceRule(allow: true, type: "b", major: 8, minor: 0, access: access))
            }
        },
        EditCase(
            "a rule goes behind the denials", #"{"linux":{"resources":{"devices":[{"allow":false,"access":"rwm"}]}}}"#,
            #"{"linux":{"resources":{"devices":[{"allow":false,"access":"rwm"},\#(Sample.ruleText)]}}}"#
        ) { try $0.allowDevice(Sample.rule) },
        EditCase(
            "J-20: a rule that is in force is not repeated",
            #"{"linux":{"resources":{"devices":[{"allow":false},\#(Sample.ruleText),{"allow":false,"type":"b"}]}}}"#,
            #"{"linux":{"resources":{"devices":[{"allow":false},\#(Sample.ruleText),{"allow":false,"type":"b"}]}}}"#
        ) { try $0.allowDevice(Sample.rule) },
        EditCase(
            "a rule that was denied later is repeated",
            #"{"linux":{"resources":{"devices":[\#(Sample.ruleText),{"allow":false,"type":"a","major":-1}]}}}"#,
            #"{"linux":{"resources":{"devices":[\#(Sample.ruleText),{"allow":false,"type":"a","major":-1}"#
                + #",\#(Sample.ruleText)]}}}"#
        ) { try $0.allowDevice(Sample.rule) },
        EditCase(
            "a rule for every minor", "{}",
            #"{"linux":{"resources":{"devices":[{"allow":true,"type":"c","major":195,"access":"rw"}]}}}"#
        ) {
            try $0.allowDevice(SpecDeviceRule(allow: true, type: "c", major: 195, minor: nil, access: "rw"))
        },
    ]

    @Test(arguments: cases)
    func edit(_ test: EditCase) throws { try test.check() }
}
