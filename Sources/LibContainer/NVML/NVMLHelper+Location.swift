// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension NVMLHelper {
    private static let programName: ByteString = "nvidia-runtime-nvml"

    /// Beside this program, and where a distribution installs it.
    static func usualPlaces() -> [ByteString] {
        OwnProgram.places(of: programName, in: ["/usr/bin", "/usr/libexec"])
    }

    /// The first of `places` where there is a file. Nobody but root may be able to change it: it runs as root.
    static func find(in places: [ByteString]) throws(NVMLError) -> ByteString {
        for place in places {
            let program: TrustedPath
            do throws(TrustError) {
                program = try TrustedPath(place)
            } catch {
                if error.isMissing { continue }
                throw .helperNotTrusted(error)
            }
            guard program.status.kind == .regular, program.status.permissions & 0o111 != 0 else {
                throw .helperNotExecutable(path: place)
            }
            return program.resolved
        }
        throw .helperNotInstalled(searched: places)
    }
}
