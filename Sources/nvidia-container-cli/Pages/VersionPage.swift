// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// What `--version` prints: the labels of libnvidia-container, by which programs find the first value. A build is the
/// same whenever and wherever it is made, so that some have none.
enum VersionPage {
    static let text = """
        cli-version: \(Version.text)
        lib-version: \(Version.text)
        build date: not recorded
        build revision: not recorded
        build compiler: swift
        build platform: \(platform)
        build flags: -static-executable

        """

    #if arch(arm64)
        private static let platform = "aarch64"
    #elseif arch(x86_64)
        private static let platform = "x86_64"
    #endif
}
