// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Linux

/// The administrator's command.
@main
struct NvidiaCTK: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nvidia-ctk",
        abstract: "Looks into and sets up the NVIDIA container runtime.",
        // CHookCommand takes that one, before any Swift.
        discussion: """
            nvidia-ctk hook VERB ... is nvidia-cdi-hook VERB ..., for CDI specifications; see nvidia-ctk hook --help.
            """,
        version: "nvidia-ctk \(Version.text)",
        subcommands: [Explain.self])
}
