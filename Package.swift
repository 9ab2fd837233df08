// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "nvidia-runtime",
    targets: [
        // C at the edge.
        .target(name: "CLinux"),
        .target(name: "CTOML"),
        .systemLibrary(name: "CJSONC", providers: [.apt(["libjson-c-dev"]), .yum(["json-c-devel"])]),

        // Libraries; the arrows point one way.
        .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: strict),
        .target(name: "OCISpec", dependencies: ["Linux", "CJSONC"], swiftSettings: strict),
        .target(name: "LibContainer", dependencies: ["Linux", "CLinux"], swiftSettings: strict),
        // Apart from LibContainer, since libcap and libseccomp have a cost at start that only the hook should pay.
        .target(name: "RuntimeConfig", dependencies: ["Linux", "CTOML"], swiftSettings: strict),
        .target(
            name: "RuntimeCommand", dependencies: ["Linux", "CLinux", "RuntimeConfig"], swiftSettings: strict),
        .target(
            name: "HookInjector", dependencies: ["Linux", "OCISpec", "LibContainer", "RuntimeConfig"],
            swiftSettings: strict),

        // Tests by module; black-box suites that need no Swift live in Tests/blackbox and Tests/engines.
        .testTarget(name: "LinuxTests", dependencies: ["Linux"], swiftSettings: strict),
        .testTarget(name: "OCISpecTests", dependencies: ["OCISpec", "Linux", "CJSONC"], swiftSettings: strict),
        .testTarget(name: "LibContainerTests", dependencies: ["LibContainer", "Linux"], swiftSettings: strict),
        .testTarget(name: "RuntimeConfigTests", dependencies: ["RuntimeConfig", "Linux"], swiftSettings: strict),
        .testTarget(
            name: "RuntimeCommandTests", dependencies: ["RuntimeCommand", "RuntimeConfig", "Linux"],
            swiftSettings: strict),
        .testTarget(
            name: "HookInjectorTests",
            dependencies: ["HookInjector", "OCISpec", "LibContainer", "RuntimeConfig", "Linux"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17,
    cxxLanguageStandard: .cxx17
)
