// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import RuntimeConfig

@Suite final class SettingsFileTests {
    private let directory: ByteString

    init() throws {
        var template = Array("/var/tmp/settings-file-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = template.withUnsafeBufferPointer { ByteString($0.dropLast().map { UInt8(bitPattern: $0) }) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory.description) }

    private var path: ByteString { directory.appending(component: "config.toml") }

    private func write(_ text: String, mode: mode_t = 0o644) throws {
        try #require(FileManager.default.createFile(atPath: path.description, contents: Data(text.utf8)))
        #expect(chmod(path.description, mode) == 0)
    }

    private func error(_ path: ByteString? = nil) -> SettingsError? {
        let file = SettingsFile(path: path ?? self.path)
        do throws(SettingsError) {
            _ = try file.settings()
            return nil
        } catch {
            #expect(file.essentials.runtimes == EssentialSettings().runtimes)
            return error
        }
    }

    private func message(_ path: ByteString? = nil) -> String? { error(path)?.description }

    @Test(
        arguments: [
            (["NVIDIA_CTK_CONFIG_FILE_PATH": "/a/b.toml", "XDG_CONFIG_HOME": "/x"], "/a/b.toml"),
            (["NVIDIA_CTK_CONFIG_FILE_PATH": "", "XDG_CONFIG_HOME": "/x"], "/x/nvidia-container-runtime/config.toml"),
            (["XDG_CONFIG_HOME": ""], "/etc/nvidia-container-runtime/config.toml"),
            ([:], "/etc/nvidia-container-runtime/config.toml"),
        ] as [([ByteString: ByteString], ByteString)]) func location(
            variables: [ByteString: ByteString], path: ByteString
        )
    {
        #expect(SettingsFile.path { variables[$0] } == path)
    }

    @Test func reads() throws {
        try write("[nvidia-container-runtime]\nruntimes = ['/opt/runc']\nmode = 'cdi'")
        let file = SettingsFile(path: path)
        #expect(file.essentials.runtimes == ["/opt/runc"])
        #expect(try file.settings().runtime.mode == .cdi)
        let link = directory.appending(component: "link.toml")
        #expect(symlink("config.toml", link.description) == 0)
        #expect(try SettingsFile(path: link).settings().runtime.mode == .cdi)
    }

    /// The defaults are the original's, also for those who ask by environment without privileges: a node without the file
    /// has to go on working (README, "config.toml").
    @Test("T-06: no file means the defaults") func missingMeansDefaults() throws {
        let file = SettingsFile(path: directory.appending(component: "none/config.toml"))
        #expect(try file.settings() == Settings())
        #expect(file.essentials == EssentialSettings())
        #expect(try file.settings().acceptsEnvironmentWhenUnprivileged)
        #expect(try !file.settings().acceptsVolumeMounts)
        #expect(try file.settings().policy(handler: "x") == Settings.Policy())
    }

    /// The essentials don't come from such a file either: they name a program to run.
    @Test("T-01: a file that others can write, or in such a folder") func refusesWhatOthersCanWrite() throws {
        try write("[nvidia-container-runtime]\nruntimes = ['/opt/runc']", mode: 0o664)
        #expect(message() == "\(path): not trusted: \(path) is writable by group or others (mode 0664)")
        #expect(error()?.hint == "run chmod go-w \(path)")
        #expect(chmod(path.description, 0o644) == 0)
        #expect(message() == nil)
        #expect(chmod(directory.description, 0o777) == 0)
        #expect(message()?.contains("\(directory) is writable by group or others (mode 0777)") == true)
    }

    @Test("T-01, T-02: a file of somebody else, or a link to one", .enabled(if: geteuid() == 0))
    func refusesOwners() throws {
        try write("")
        #expect(chown(path.description, 12345, 0) == 0)
        #expect(message() == "\(path): not trusted: \(path) is owned by uid 12345")
        #expect(error()?.hint == "run chown 0 \(path)")
        let link = directory.appending(component: "link.toml")
        #expect(symlink("config.toml", link.description) == 0)
        #expect(message(link)?.contains("\(path) is owned by uid 12345") == true)
    }

    @Test("T-02: nothing but a regular file of a sane size, and no hang") func refusesWhatIsNoFile() throws {
        #expect(message(directory) == "\(directory): not a regular file")
        #expect(mkfifo(path.description, 0o644) == 0)
        #expect(message() == "\(path): not a regular file")
        #expect(unlink(path.description) == 0)
        try write("")
        #expect(truncate(path.description, 1 << 30) == 0)
        #expect(message() == "\(path): larger than 1048576 bytes")
        #expect(message("config.toml") == "config.toml: not an absolute path")
    }

    /// The words by which a container asks, as far as they can be had.
    @Test(
        arguments: [
            (
                "swarm-resource = ' A, B,'\nnvidia-container-runtime.modes.cdi.annotation-prefixes = ['x/', 'y/']",
                ["A", "B"], ["x/", "y/"]
            ),
            ("swarm-resource = 'A'\n[broken\n", ["A"], ["cdi.k8s.io/"]),
            ("swarm-resource = ['A']\nnvidia-container-runtime.modes.cdi.annotation-prefixes = ['x/']", [], ["x/"]),
            (
                "swarm-resource = 'A'\nnvidia-container-runtime.modes.cdi.annotation-prefixes = ['x/', 1]", ["A"],
                ["cdi.k8s.io/"]
            ),
            ("swarm-resource = 'A'\nnvidia-container-runtime.modes = 1", ["A"], ["cdi.k8s.io/"]),
            ("swarm-resource = ''\nnvidia-container-runtime.modes.cdi.annotation-prefixes = []", [], []),
            ("", [], ["cdi.k8s.io/"]),
        ] as [(String, [ByteString], [ByteString])])
    func words(text: String, variables: [ByteString], prefixes: [ByteString]) throws {
        try write(text)
        let file = SettingsFile(path: path)
        #expect(file.essentials.swarmResources == variables)
        #expect(file.essentials.annotationPrefixes == prefixes)
        if let settings = try? file.settings() {
            #expect(settings.swarmResources == variables)
            #expect(settings.runtime.modes.cdi.annotationPrefixes == prefixes)
        }
    }

    /// P15: a broken file is no reason to forget what to run.
    @Test(
        arguments: [
            ("[nvidia-container-runtime]\nruntimes = ['/opt/runc']\nmode = \n", ["/opt/runc"]),
            ("[nvidia-container-runtime]\nruntimes = ['/opt/runc']\n[broken\n", ["/opt/runc"]),
            ("[nvidia-container-runtime]\nruntimes = ['/opt/runc']\nmode = 7\n", ["/opt/runc"]),
            ("x = 1\r\n[nvidia-container-runtime]\r\nruntimes = ['/opt/runc']\r\n!", ["/opt/runc"]),
            ("[nvidia-container-runtime]\nruntimes = ['/opt/runc'\n", ["runc", "crun"]),
            ("broken\n[nvidia-container-runtime]\nruntimes = ['/opt/runc']\n", ["runc", "crun"]),
            ("x = '''\n[nvidia-container-runtime]\nruntimes = ['/opt/runc']\n", ["runc", "crun"]),
            ("nvidia-container-runtime.runtimes = 'runc'\n", ["runc", "crun"]),
            ("nvidia-container-runtime.runtimes = []\n", ["runc", "crun"]),
            ("nvidia-container-runtime = 3\n", ["runc", "crun"]),
            ("", ["runc", "crun"]),
        ] as [(String, [ByteString])]) func recovers(text: String, runtimes: [ByteString]) throws
    {
        try write(text)
        #expect(SettingsFile(path: path).essentials.runtimes == runtimes)
    }
}
