// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import RuntimeConfig

/// The files in testdata/config.
enum ConfigData {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "testdata/config")

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: directory.appending(path: name)))
    }

    /// The names of the files in testdata/config/bad.
    static let bad = (try? FileManager.default.contentsOfDirectory(atPath: directory.appending(path: "bad").path)) ?? []
}

@Suite struct SettingsTests {
    private func load(_ text: String) throws -> Settings { try Settings.load(from: Array(text.utf8)) }

    private func message(_ bytes: [UInt8]) -> String? {
        do throws(SettingsError) {
            _ = try Settings.load(from: bytes)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func shippedFileHasTheDefaults() throws {
        let bytes = try ConfigData.bytes("good/shipped.toml")
        #expect(try Settings.load(from: bytes) == Settings())
        let unread = Settings.keysWithoutEffect(in: try TOMLDocument(parsing: bytes))
        #expect(unread.contains("nvidia-container-cli.environment"))
        #expect(!unread.contains("nvidia-container-runtime.runtimes"))
        #expect(try load("") == Settings())
    }

    @Test func everyKeyIsRead() throws {
        let settings = try Settings.load(from: ConfigData.bytes("good/everything.toml"))
        #expect(settings.disableRequire)
        #expect(settings.swarmResources == ["DOCKER_RESOURCE_GPU", "B"])
        #expect(!settings.acceptsEnvironmentWhenUnprivileged)
        #expect(settings.acceptsVolumeMounts)
        #expect(settings.supportedDriverCapabilities == "compute,utility")
        #expect(settings.containerCLI.root == "/run/nvidia/driver")
        #expect(settings.containerCLI.path == "/opt/nvidia-container-cli")
        #expect(settings.containerCLI.environment == ["A=b", "C=d"])
        #expect(settings.containerCLI.debug == "/var/log/cli.log")
        #expect(settings.containerCLI.ldcache == "/etc/other.cache")
        #expect(!settings.containerCLI.loadsKernelModules)
        #expect(settings.containerCLI.noPivot)
        #expect(settings.containerCLI.noCgroups)
        #expect(settings.containerCLI.user == "root:video")
        #expect(settings.containerCLI.ldconfig == "@/sbin/ldconfig.real")
        #expect(settings.ctk.path == "/opt/nvidia-ctk")
        #expect(settings.runtime.debug == "/var/log/runtime.log")
        #expect(settings.runtime.logLevel == .debug)
        #expect(settings.runtime.runtimes == ["/opt/runc", "crun"])
        #expect(settings.runtime.mode == .jitCDI)
        #expect(settings.runtime.hookStage == .prestart)
        #expect(settings.runtime.modes.csv.mountSpecPath == "/opt/csv")
        #expect(settings.runtime.modes.csv.compatContainerRoot == "/opt/compat")
        #expect(settings.runtime.modes.cdi.specDirectories == ["/opt/cdi"])
        #expect(settings.runtime.modes.cdi.defaultKind == "example.com/gpu")
        #expect(settings.runtime.modes.cdi.annotationPrefixes == ["example.com/"])
        #expect(settings.runtime.modes.jitCDI.featureFlags == ["enable-coherent-annotations"])
        #expect(settings.runtime.modes.jitCDI.disabledHooks == ["chmod"])
        #expect(settings.runtime.modes.legacy.cudaCompatMode == .mount)
        #expect(settings.hook.path == "/opt/hook")
        #expect(settings.hook.skipsModeDetection)
        #expect(settings.features.allowCUDACompatLibrariesFromContainer)
        #expect(settings.features.allowLdconfigFromContainer)
        #expect(settings.features.allowUnknownSpecFields)
        #expect(settings.features.disableCUDACompatLibraryHook)
        #expect(settings.features.disableIMEXChannelCreation)
        #expect(settings.features.ignoreIMEXChannelRequests)
        #expect(settings.features.noAdditionalGIDsForDeviceNodes)
        #expect(
            settings.warnings == [
                "some-future-key: unknown key, ignored",
                "nvidia-container-runtime.discover-mode: unknown key, ignored",
            ])
        let document = try TOMLDocument(parsing: ConfigData.bytes("good/everything.toml"))
        #expect(Settings.keysWithoutEffect(in: document).count == 11)
    }

    /// Dotted keys at the top are the same as sections.
    @Test func dottedKeys() throws {
        let settings = try load(
            "nvidia-container-runtime.mode = 'cdi'\nnvidia-container-runtime.modes.cdi.spec-dirs = []")
        #expect(settings.runtime.mode == .cdi)
        #expect(settings.runtime.modes.cdi.specDirectories.isEmpty)
    }

    @Test func badFilesAreThere() { #expect(ConfigData.bad.count >= 20) }

    /// The first line of each bad file is a comment with the error that it deserves.
    @Test(arguments: ConfigData.bad) func refuses(name: String) throws {
        let bytes = try ConfigData.bytes("bad/\(name)")
        let expected = String(decoding: bytes.prefix { $0 != 0x0A }.dropFirst(2), as: UTF8.self)
        #expect(message(bytes) == expected)
    }

    @Test(
        "T-02: what is no TOML",
        arguments: [
            Array("a = \"\0\"".utf8), [0x61, 0x3D, 0x22, 0xFF, 0xFE, 0x22], Array("a = 1\na = 2".utf8),
            Array("[a]\n[a]".utf8), Array(String(repeating: "a = {", count: 5000).utf8), Array("a = [[[".utf8),
            Array(("a = " + String(repeating: "[", count: 100_000)).utf8),
        ]) func refusesNoTOML(bytes: [UInt8])
    {
        #expect(message(bytes)?.hasPrefix("config.toml:") == true)
        #expect(EssentialSettings(recoveredFrom: bytes) == EssentialSettings())
    }

    /// Half a million tables inside each other did not fit on the stack.
    @Test("T-02: keys of many parts", arguments: [(31, true), (32, false), (500_000, false)])
    func keysOfManyParts(dots: Int, isFine: Bool) {
        for part in ["a", "\"a\"", " a "] {
            let key = Array(repeating: part, count: dots + 1).joined(separator: ".")
            for text in ["\(key) = 1", "[\(key)]", "[[\(key)]]", "x = {\(key) = 1}", "x = [{a.a = 1}, {\(key) = 1}]"] {
                let message = message(Array(text.utf8))
                #expect(isFine ? message == nil : message?.contains("a key of more than 32 parts") == true)
            }
        }
    }

    @Test func otherDots() {
        let dots = String(repeating: ".", count: 100)
        #expect(message(Array("a.a = [\(Array(repeating: "1.5", count: 100).joined(separator: ","))]".utf8)) == nil)
        #expect(message(Array("a.a = '\(dots)' # \(dots)\nb.b = \"\"\"\(dots)\"\"\"".utf8)) == nil)
    }

    @Test("T-02: a byte order mark is taken") func takesAByteOrderMark() throws {
        #expect(try Settings.load(from: [0xEF, 0xBB, 0xBF] + Array("disable-require = true".utf8)).disableRequire)
    }

    @Test("T-03: ldconfig is the host's unless a flag allows the container's")
    func ldconfigFromTheContainerNeedsItsFlag() throws {
        let text = "[nvidia-container-cli]\nldconfig = '/sbin/ldconfig'\n[features]\nallow-ldconfig-from-container = "
        #expect(try load(text + "true").containerCLI.ldconfig == "/sbin/ldconfig")
        #expect(
            message(Array((text + "false").utf8)) == "config.toml:2:12: nvidia-container-cli.ldconfig value"
                + " \"/sbin/ldconfig\" is not host-relative (does not start with a '@')")
    }

    @Test("T-08: a misspelt flag and an unknown level change nothing, and are warned of") func warns() throws {
        let settings = try load(
            "[features]\nignore-imex-chanel-requests = true\n[nvidia-container-runtime]\nlog-level = 'loud'")
        #expect(!settings.features.ignoreIMEXChannelRequests)
        #expect(settings.runtime.logLevel == .info)
        #expect(
            settings.warnings == [
                "nvidia-container-runtime.log-level: invalid log-level 'loud', using info;"
                    + " use one of error, warning, info, debug",
                "features.ignore-imex-chanel-requests: unknown key, ignored",
            ])
        #expect(try load("nvidia-container-runtime.log-level = 'WARN'").runtime.logLevel == .warning)
    }

    @Test(
        "T-02, T-08: a restriction that is misspelt is warned of, in whatever table",
        arguments: [
            "accept-nvidia-visible-devices-envvar-when-unprivilege", "acept-nvidia-visible-devices-as-volume-mounts",
            "nvidia-container-cli.roots", "nvidia-container-runtime.runtime", "nvidia-container-runtime.modes.cdj",
            "nvidia-container-runtime.modes.cdi.annotation-prefix", "nvidia-container-runtime.modes.csv.x",
            "nvidia-container-runtime.modes.jit-cdi.x", "nvidia-container-runtime.modes.legacy.x",
            "nvidia-container-runtime-hook.x", "nvidia-ctk.x", "features.x",
        ])
    func warnsOfUnknownKeys(key: String) throws {
        let settings = try load("\(key) = false")
        #expect(settings.warnings == ["\(key): unknown key, ignored"])
    }

    @Test func listsKeysWithoutEffect() throws {
        let text = "nvidia-container-cli.user = 'root:video'\nnvidia-container-cli.root = '/r'"
        let document = try TOMLDocument(parsing: Array(text.utf8))
        #expect(Settings.keysWithoutEffect(in: document) == ["nvidia-container-cli.user"])
    }

    @Test func modesByProgramName() {
        #expect(RuntimeMode(programName: "/usr/bin/nvidia-container-runtime.cdi") == .cdi)
        #expect(RuntimeMode(programName: "nvidia-container-runtime.legacy") == .legacy)
        #expect(RuntimeMode(programName: "nvidia-container-runtime") == nil)
        #expect(RuntimeMode(programName: "x.cdi") == nil)
    }

    /// Mutated files: no trap, an error has a position, and the essentials are always there.
    @Test func survivesMutations() throws {
        let original = try ConfigData.bytes("good/everything.toml")
        var generator = FixedGenerator(state: 5)
        for _ in 0..<1_500 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(UInt8(ascii: "\""), at: index)
                default: bytes.removeSubrange(index..<min(bytes.count, index + 40))
                }
            }
            if let message = message(bytes) { #expect(message.hasPrefix("config.toml:")) }
            #expect(!EssentialSettings(recoveredFrom: bytes).runtimes.isEmpty)
        }
    }
}

/// SplitMix64: the same numbers at every run.
struct FixedGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
