// SPDX-License-Identifier: Apache-2.0

/// The project's version, for every program's `--version` and the log.
package enum Version {
    package static let text = "0.1.0"
}
