// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The config.toml of this process: found, checked, read and parsed once. Having one never fails; what is wrong with it
/// comes out of `settings()`, where somebody needs it to be right.
package struct SettingsFile: ~Copyable {
    /// Where it is, or would be.
    package let path: ByteString
    /// What every start needs, as far as it could be read.
    package let essentials: EssentialSettings
    /// Nil where there is no file, or none that can be used.
    private let document: TOMLDocument?
    /// Why the file can't be used.
    private let failure: SettingsError?

    /// Whether there is a file, good or bad.
    package var exists: Bool {
        switch document {
        case .some: true
        case .none: failure != nil
        }
    }

    /// Reads the file at `path`.
    package init(path: ByteString) {
        self.path = path
        let bytes: [UInt8]
        do throws(SettingsError) {
            guard let content = try SettingsFile.read(path) else {
                document = nil
                failure = nil
                essentials = EssentialSettings()
                return
            }
            bytes = content
        } catch {
            document = nil
            failure = error
            essentials = EssentialSettings()
            return
        }
        do throws(TOMLSyntaxError) {
            let document = try TOMLDocument(parsing: bytes)
            essentials = EssentialSettings(document)
            self.document = consume document
            failure = nil
        } catch {
            essentials = EssentialSettings(beforeLine: error.line, of: bytes)
            document = nil
            failure = SettingsError(file: path, error)
        }
    }

    /// All settings; the defaults where there is no file.
    package func settings() throws(SettingsError) -> Settings {
        if let failure { throw failure }
        switch document {
        case .some(let document): return try Settings(document, file: path)
        case .none: return Settings()
        }
    }

    /// The keys that are set in the file although nothing in this version acts on them. Looked up when asked for: only a
    /// debug log wants them.
    package var keysWithoutEffect: [String] {
        switch document {
        case .some(let document): Settings.keysWithoutEffect(in: document)
        case .none: []
        }
    }

    /// The location by the rules of the original (api/config/v1/config.go): `NVIDIA_CTK_CONFIG_FILE_PATH` as it is, else
    /// `nvidia-container-runtime/config.toml` in `XDG_CONFIG_HOME`, else in `/etc`. Empty variables don't count.
    /// `environment` looks up a variable of the process.
    package static func path(environment: (ByteString) -> ByteString?) -> ByteString {
        if let path = environment("NVIDIA_CTK_CONFIG_FILE_PATH"), !path.isEmpty { return path }
        let name: ByteString = "nvidia-container-runtime/config.toml"
        if let home = environment("XDG_CONFIG_HOME"), !home.isEmpty { return home.appending(component: name) }
        return defaultPath
    }

    /// Where it is if nobody says otherwise.
    package static let defaultPath: ByteString = "/etc/nvidia-container-runtime/config.toml"
}
