// SPDX-License-Identifier: Apache-2.0

internal import HookInjector
internal import LibContainer
internal import Linux
internal import RuntimeCommand

/// What the command line asks for.
enum HookCommand {
    case createContainer(CreateContainer.Options)
    case cdi(CDIHookArguments)
    /// Hooks of stages where there is nothing to do, which upstream's program accepts too.
    case nothing
    case prestart(Prestart.Options)
    case version
    case help
    /// Not understood, and why.
    case wrong(String)

    static let usage = """
        usage: nvidia-runtime-hook create-container [--enter-mount-namespace] [--debug]
                   [--disable-device-node-modification]
                   [--library CLASS:SONAME:PATH]... [--link TARGET::PATH]...
                   [--cuda-compat-root PATH] [--cuda-compat-driver VERSION] [--cuda-compat-cuda VERSION]
               nvidia-runtime-hook [-config FILE] [-handler NAME] [-debug] prestart
               nvidia-runtime-hook poststart | poststop
               nvidia-runtime-hook --version | --help
               nvidia-cdi-hook [--debug | --quiet] VERB [--container-spec FILE] ...
                   create-symlinks --link TARGET::PATH...
                   update-ldcache --folder FOLDER... [--ldconfig-path PATH]
                   enable-cuda-compat [--host-driver-version VERSION] [--host-cuda-version VERSION]
                                      [--cuda-compat-container-root PATH]
                   disable-device-node-modification
                   update-application-profile
                   chmod --mode MODE --path PATH...

        An OCI hook. Reads the container's state from standard input.

        create-container makes the loader of a container find the driver's libraries, which are mounted already:

          --library CLASS:SONAME:PATH  a library mounted at PATH in the container, native or compat32
          --link TARGET::PATH          a symbolic link to make at PATH in the container
          --cuda-compat-root PATH      where the image may have CUDA compat libraries; they are preferred to the
                                       driver's where they are made for it
          --cuda-compat-driver VERSION
          --cuda-compat-cuda VERSION   versions of the host's driver and of its CUDA, to decide that
          --disable-device-node-modification
                                       the driver's parameters in /proc say that programs make no device nodes
          --debug                      say on standard error what was decided
          --enter-mount-namespace      join the mount namespace of the container's process first: for a prestart or
                                       createRuntime hook, which runs outside of it

        prestart, for a container that another runtime makes, gives it all that it asks for: devices, mounts and the
        rest. It is what docker run --gpus and files in hooks.d call as nvidia-container-runtime-hook.

          -config FILE   the config.toml to read
          -handler NAME  the name of the runtime whose policy counts
          -debug         say on standard error what the container gets

        The verbs of nvidia-cdi-hook are createContainer hooks of CDI specifications, and do one part each. Lists can be
        given several times and between commas. As nvidia-cdi-hook the program passes over a verb that it does not know.

          --folder FOLDER              has libraries that the loader is to find
          --ldconfig-path PATH         not used: the loader's cache is written without ldconfig
          --mode MODE                  octal, up to 777
          --container-spec FILE        has the container's state, in place of standard input
          --quiet                      no warnings

        """

    private static let ownVerbs: [ByteString] = ["create-container", "poststart", "poststop", "prestart"]

    /// Reads the arguments; the first one is the program's name.
    init(commandLine: [ByteString]) {
        var prestart = Prestart.Options()
        var arguments = commandLine.dropFirst()
        do throws(UsageError) {
            while try prestart.take(from: &arguments) {}
        } catch {
            self = .wrong("\(error)")
            return
        }
        if !Self.ownVerbs.contains(arguments.first ?? ""), let hook = CDIHookArguments(commandLine) {
            self = .cdi(hook)
            return
        }
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
        case "prestart": self = .prestart(prestart)
        case "--version", "-version", "-v": self = .version
        case "--help", "-help", "-h", "help": self = .help
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
            if option == HookInvocation.parametersOption {
                options.hidesParameters = true
                continue
            }
            guard LoaderUpdate.options.contains(option) else { return .wrong("unknown argument \"\(option)\"") }
            guard let value = rest.popFirst() else { return .wrong("\(option) needs a value") }
            try options.update.take(option, value)
        }
        return .createContainer(options)
    }
}
