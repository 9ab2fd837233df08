// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension ByteString {
    /// The description for an error's one line, with the middle of a long path cut: at most 79 characters.
    package var abbreviated: String {
        let text = description
        // The description is ASCII, so characters are bytes here.
        guard text.utf8.count > 79 else { return text }
        return String(text.prefix(38)) + "..." + String(text.suffix(38))
    }
}
