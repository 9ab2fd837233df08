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
    products: [
        .executable(name: "nvidia-runtime", targets: ["nvidia-runtime"]),
        .executable(name: "nvidia-runtime-hook", targets: ["nvidia-runtime-hook"]),
        .executable(name: "nvidia-ctk", targets: ["nvidia-ctk"]),
        .executable(name: "nvidia-container-cli", targets: ["nvidia-container-cli"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // C at the edge.
        .target(name: "CLinux"),
        .target(
            name: "CStart",
            // omitted.c has what stands in for it.
            linkerSettings: [.unsafeFlags(["-Xlinker", "--wrap=_swift_stdlib_getScalarName"])]),
        .target(name: "CHookStart"),
        .target(name: "CHookCommand"),
        .target(
            name: "CSeal", dependencies: ["CLinux"],
            // Runs before the C library: see seal.c.
            cSettings: [.unsafeFlags(["-ffreestanding", "-fno-stack-protector"])],
            linkerSettings: [.unsafeFlags(["-Xlinker", "--entry=cseal_start"])]),
        .target(name: "CSandbox"),
        .target(name: "CTOML", cxxSettings: [.unsafeFlags(["-fno-exceptions"])]),
        .systemLibrary(name: "CJSONC", providers: [.apt(["libjson-c-dev"]), .yum(["json-c-devel"])]),
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"]), .yum(["libyaml-devel"])]),
        .systemLibrary(name: "CLibcap", providers: [.apt(["libcap-dev"]), .yum(["libcap-devel"])]),
        .systemLibrary(name: "CLibseccomp", providers: [.apt(["libseccomp-dev"]), .yum(["libseccomp-devel"])]),

        // Libraries; the arrows point one way.
        .target(name: "Diagnostics", swiftSettings: strict),
        .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: strict),
        .target(name: "OCISpec", dependencies: ["Linux", "CJSONC"], swiftSettings: strict),
        .target(name: "CDI", dependencies: ["Linux", "OCISpec", "CYAML"], swiftSettings: strict),
        .target(name: "LibContainer", dependencies: ["Linux", "CLinux"], swiftSettings: strict),
        // Apart from LibContainer, since libcap and libseccomp have a cost at start that only the hook should pay.
        .target(
            name: "Sandbox", dependencies: ["LibContainer", "Linux", "CLinux", "CLibcap", "CLibseccomp", "CSandbox"],
            swiftSettings: strict),
        .target(name: "RuntimeConfig", dependencies: ["Linux", "CTOML"], swiftSettings: strict),
        .target(
            name: "RuntimeCommand", dependencies: ["Linux", "CLinux", "RuntimeConfig"], swiftSettings: strict),
        .target(
            name: "HookInjector",
            dependencies: ["CDI", "Diagnostics", "Linux", "OCISpec", "LibContainer", "RuntimeConfig"],
            swiftSettings: strict),

        // What is done in a container that exists; apart from HookInjector, which the shim links, for the cost of Sandbox.
        .target(
            name: "ContainerSetup",
            dependencies: ["CLinux", "Diagnostics", "HookInjector", "LibContainer", "Linux", "OCISpec", "Sandbox"],
            swiftSettings: strict),

        // Programs.
        .executableTarget(
            name: "nvidia-runtime",
            dependencies: [
                "CStart", "CLinux", "Diagnostics", "Linux", "OCISpec", "LibContainer", "HookInjector", "RuntimeCommand",
                "RuntimeConfig",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "nvidia-runtime-hook",
            dependencies: [
                "CStart", "CHookStart", "CLinux", "CSeal", "ContainerSetup", "Diagnostics", "HookInjector",
                "LibContainer",
                "Linux", "OCISpec", "RuntimeCommand", "RuntimeConfig", "Sandbox",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "nvidia-ctk",
            dependencies: [
                "CHookCommand", "Diagnostics", "Linux", "OCISpec", "LibContainer", "HookInjector", "RuntimeConfig",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "nvidia-container-cli",
            dependencies: [
                "CStart", "CLinux", "ContainerSetup", "Diagnostics", "HookInjector", "LibContainer", "Linux", "OCISpec",
                "RuntimeCommand", "RuntimeConfig",
            ],
            swiftSettings: strict),

        // Tests by module; black-box suites that need no Swift live in Tests/blackbox and Tests/engines.
        .testTarget(name: "DiagnosticsTests", dependencies: ["Diagnostics"], swiftSettings: strict),
        .testTarget(name: "LinuxTests", dependencies: ["Linux"], swiftSettings: strict),
        .testTarget(name: "OCISpecTests", dependencies: ["OCISpec", "Linux", "CJSONC"], swiftSettings: strict),
        .testTarget(name: "CDITests", dependencies: ["CDI", "OCISpec", "Linux"], swiftSettings: strict),
        .testTarget(
            name: "LibContainerTests", dependencies: ["LibContainer", "Linux", "CLinux"], swiftSettings: strict),
        .testTarget(
            name: "SandboxTests", dependencies: ["Sandbox", "CLibcap", "CLibseccomp", "Linux"], swiftSettings: strict),
        .testTarget(name: "RuntimeConfigTests", dependencies: ["RuntimeConfig", "Linux"], swiftSettings: strict),
        .testTarget(
            name: "RuntimeCommandTests", dependencies: ["RuntimeCommand", "RuntimeConfig", "Linux"],
            swiftSettings: strict),
        .testTarget(
            name: "HookInjectorTests",
            dependencies: ["HookInjector", "CDI", "Diagnostics", "OCISpec", "LibContainer", "RuntimeConfig", "Linux"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17,
    cxxLanguageStandard: .cxx17
)
