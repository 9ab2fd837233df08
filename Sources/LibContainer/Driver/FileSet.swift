// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Files for a container that no driver capability asks for, and what there is none of.
package struct FileSet: Sendable {
    package var found: [DriverFile] = []
    package var omissions: [Omission] = []
}
