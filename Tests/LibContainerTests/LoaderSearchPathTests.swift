// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

@Suite struct LoaderSearchPathTests {
    private let root: ScratchRoot

    init() throws {
        root = try ScratchRoot()
        for folder in ["a", "b", "c", "usr/lib", "usr/lib64", "etc/ld.so.conf.d"] { try root.makeDirectory(folder) }
        try root.link("lib", to: "usr/lib")
        try root.link("lib64", to: "/usr/lib64")
    }

    private func paths() throws -> [ByteString] {
        try LoaderSearchPath(of: try root.open()).directories.map(\.path)
    }

    /// ld.so.conf, and what of it is a directory.
    @Test(
        arguments: [
            ("", []), ("/a\n/b\n", ["/a", "/b"]), ("/b/ # why\n\t/a \n/b\n//a//\n", ["/b", "/a"]),
            ("# /a\n/nowhere\nb\nhwcap 0 x\n/c", ["/c"]), ("include more.conf\n/c", ["/a", "/c"]),
            ("/c\ninclude\t/etc/more.conf  nothing.conf /etc/m*.conf # x\n", ["/c", "/a"]),
            ("include/etc/more.conf\n", []),
            ("include ld.so.conf\n/a\n", ["/a"]), ("include [\ninclude \n/a", ["/a"]), ("/usr/lib\n", ["/usr/lib"]),
        ] as [(String, [ByteString])]) func configuration(text: String, listed: [ByteString]) throws
    {
        try root.write("etc/ld.so.conf", text)
        try root.write("etc/more.conf", "/a\n")
        // One directory under two names counts as the first.
        let builtIn: [ByteString] = listed.contains("/usr/lib") ? ["/lib64"] : ["/lib", "/lib64"]
        #expect(try paths() == listed + builtIn)
    }

    @Test func fileNamesInOrder() throws {
        try root.write("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
        try root.write("etc/ld.so.conf.d/b.conf", "/b\n")
        try root.write("etc/ld.so.conf.d/00-compat-x.conf", "/c\n")
        try root.write("etc/ld.so.conf.d/a.conf.off", "/a\n")
        let search = try LoaderSearchPath(of: try root.open())
        #expect(search.directories.map(\.path) == ["/c", "/b", "/lib", "/lib64"])
        #expect(search.directories.map(\.hasForwardCompatibility) == [true, false, false, false])
        let status = try #require(try root.open().status(of: "/b"))
        #expect(search.place(of: FileIdentity(status)) == 1)
    }

    @Test func debian() throws {
        try root.write("etc/debian_version", "12")
        #expect(try paths() == ["/lib"])
        #expect(try LoaderDirectories(of: try root.open()).directories.count == 4)
    }

    /// Files that name each other, and more of everything than anybody has.
    @Test func bounded() throws {
        try root.write("etc/ld.so.conf", "include /etc/ld.so.conf.d/*\n/a\n")
        for number in 0..<600 {
            try root.write("etc/ld.so.conf.d/\(number)", "include /etc/ld.so.conf.d/*\n/d\(number)/x\n")
        }
        #expect(try paths() == ["/a", "/lib", "/lib64"])
        try root.write("etc/ld.so.conf", (0..<5000).map { "/d\($0)\n" }.joined() + "/a\n")
        #expect(try paths() == ["/lib", "/lib64"])
    }
}
