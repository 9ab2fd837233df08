// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// What the command line asks for.
enum HookCommand {
    case createContainer(CreateContainer.Options)
    /// Hooks of stages where there is nothing to do, which upstream's program accepts too.
    case nothing
    case notSupported(ByteString)
    case version
    case help
    /// Not understood, and why.
    case wrong(String)

    static let usage = """
        usage: nvidia-runtime-hook create-container [--enter-mount-namespace] [--debug]
                   [--library CLASS:SONAME:PATH]... [--link TARGET::PATH]...
                   [--cuda-compat-root PATH] [--cuda-compat-driver VERSION] [--cuda-compat-cuda VERSION]
               nvidia-runtime-hook poststart | poststop
               nvidia-runtime-hook --version | --help

        An OCI hook: makes the loader of a container find the driver's libraries. Reads the container's state from
        standard input.

          --library CLASS:SONAME:PATH  a library mounted at PATH in the container, native or compat32
          --link TARGET::PATH          a symbolic link to make at PATH in the container
          --cuda-compat-root PATH      where the image may have CUDA compat libraries; they are preferred to the
                                       driver's where they are made for it
          --cuda-compat-driver VERSION
          --cuda-compat-cuda VERSION   versions of the host's driver and of its CUDA, to decide that
          --debug                      say on standard error what was decided
          --enter-mount-namespace      join the mount namespace of the container's process first: for a prestart or
                                       createRuntime hook, which runs outside of it

        """

    /// Reads the arguments after the program's name.
    init(arguments: [ByteString]) {
        guard let verb = arguments.first else {
            self = .wrong("no command given")
            return
        }
        switch verb {
        case "create-container":
            do throws(LoaderUpdate.InvalidArgument) {
                self = try Self.createContainer(arguments.dropFirst())
            } catch {
                self = .wrong("\(error)")
            }
        case "poststart", "poststop": self = .nothing
        case "prestart": self = .notSupported(verb)
        case "--version", "-v": self = .version
        case "--help", "-h", "help": self = .help
        default: self = .wrong("unknown command \"\(verb)\"")
        }
    }

    private static func createContainer(
        _ arguments: ArraySlice<ByteString>
    ) throws(LoaderUpdate.InvalidArgument) -> HookCommand {
        var options = CreateContainer.Options()
        var rest = arguments
        while let option = rest.popFirst() {
            if option == "--enter-mount-namespace" {
                options.entersMountNamespace = true
                continue
            }
            if option == "--debug" {
                options.isExplained = true
                continue
            }
            guard LoaderUpdate.options.contains(option) else { return .wrong("unknown argument \"\(option)\"") }
            guard let value = rest.popFirst() else { return .wrong("\(option) needs a value") }
            try options.update.take(option, value)
        }
        return .createContainer(options)
    }
}
