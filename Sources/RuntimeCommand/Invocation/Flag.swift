// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// An argument that starts with a dash and is neither `-` nor `--`.
struct Flag {
    /// Without dashes and value.
    let name: ByteString
    /// What stands after the first `=`.
    let value: ByteString?
    /// Whether the name has two dashes; getopt_long abbreviates only those.
    let isLong: Bool
    /// Everything after the first dash.
    let cluster: ByteString

    init?(_ argument: ByteString) {
        guard let cluster = argument.droppingPrefix("-"), !cluster.isEmpty, cluster != "-" else { return nil }
        self.cluster = cluster
        isLong = cluster.bytes.first == UInt8(ascii: "-")
        let text = cluster.bytes.dropFirst(isLong ? 1 : 0)
        let end = text.firstIndex(of: UInt8(ascii: "="))
        name = ByteString(text[..<(end ?? text.endIndex)])
        value = end.map { ByteString(text[($0 + 1)...]) }
    }

    /// Whether a boolean flag is on: it is without a value, and with one that Go's strconv.ParseBool takes for true.
    var isOn: Bool {
        guard let value else { return true }
        return !["0", "f", "F", "false", "FALSE", "False"].contains(value)
    }
}
