// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The search path of musl's loader: it has no cache, and looks for a library's name in each directory of
/// `/etc/ld-musl-ARCH.path`, which are separated by newlines or colons (ldso/dynlink.c).
enum MuslSearchPath {
    #if arch(x86_64)
        static let loader: ByteString = "/lib/ld-musl-x86_64.so.1"
        private static let path: ByteString = "/etc/ld-musl-x86_64.path"
    #elseif arch(arm64)
        static let loader: ByteString = "/lib/ld-musl-aarch64.so.1"
        private static let path: ByteString = "/etc/ld-musl-aarch64.path"
    #endif

    /// What musl searches without the file; with it, these must be listed too.
    private static let builtIn: [ByteString] = ["/lib", "/usr/local/lib", "/usr/lib"]
    /// Bytes.
    private static let sizeLimit = 64 << 10

    /// Adds to the end of the path those of `directories` that are not on it. Returns whether there were any.
    static func add(_ directories: [ByteString], in root: borrowing RootDirectory) throws(LinuxError) -> Bool {
        let text = try root.readFile(path, limit: sizeLimit)
        let isSeparator: (UInt8) -> Bool = { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: ":") }
        let present = text?.split(whereSeparator: isSeparator).map { ByteString($0) } ?? builtIn
        let missing = directories.filter { !present.contains($0) }
        guard !missing.isEmpty else { return false }
        var lines = text ?? builtIn.flatMap { $0.bytes + [UInt8(ascii: "\n")] }
        if let last = lines.last, !isSeparator(last) { lines.append(UInt8(ascii: "\n")) }
        for directory in missing { lines += directory.bytes + [UInt8(ascii: "\n")] }
        try root.replaceFile(at: path, contents: lines)
        return true
    }
}
