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
