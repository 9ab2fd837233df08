// SPDX-License-Identifier: Apache-2.0

extension HelpPage {
    /// What `--help` prints, laid out as argp(3) of glibc does; testdata/container-cli/argp.c prints the same.
    var help: String {
        switch self {
        case .main:
            """
            Usage: nvidia-container-cli [OPTION...] COMMAND [ARG...]
            Gives NVIDIA GPUs to containers, and tells what there is to give.

             Commands:
              configure                  Give GPUs to a container
              info                       Tell of the driver and its GPUs
              list                       List what a container with GPUs gets

             Options:
              -?, --help                 Give this help list
              -d, --debug=FILE           Write a log
              -k, --load-kmods           Load kernel modules and make their device nodes
              -l, --ldcache=FILE         The loader's cache in the driver root
                  --no-create-imex-channels   Ignored: IMEX channels are never made
              -n, --no-pivot             Ignored: no root is switched
              -r, --root=PATH            The driver root
                  --usage                Give a short usage message
              -u, --user[=UID[:GID]]     Ignored: there is no privileged helper
              -V, --version              Print program version

            Mandatory or optional arguments to long options are also mandatory or optional
            for any corresponding short options.

            """
        case .info:
            """
            Usage: nvidia-container-cli info [OPTION...]
            Tells of the driver and its GPUs.

             Options:
              -?, --help                 Give this help list
                  --csv                  Print CSV
                  --json                 Print JSON
                  --usage                Give a short usage message
              -V, --version              Print program version

            """
        case .list:
            """
            Usage: nvidia-container-cli list [OPTION...]
            Lists what a container with GPUs gets of the host, one path a line; all of it
            without options.

             Options:
              -?, --help                 Give this help list
              -b, --binaries             List the driver's programs
                  --compat32             List 32-bit libraries too
              -d, --device=ID            GPUs and MIG devices to list
              -f, --firmwares            List firmware
                  --imex-channel=CHANNEL IMEX channels to list
              -i, --ipcs                 List sockets of the driver's daemons
                  --json                 Print JSON
              -l, --libraries            List the driver's libraries
                  --mig-config=ID        List what it takes to partition GPUs (all)
                  --mig-monitor=ID       List what it takes to monitor partitions (all)
                  --no-fabricmanager     Leave out the socket of the fabric manager
                  --no-gsp-firmware      Leave out firmware
                  --no-persistenced      Leave out the socket of nvidia-persistenced
                  --usage                Give a short usage message
              -V, --version              Print program version

            Mandatory or optional arguments to long options are also mandatory or optional
            for any corresponding short options.

            """
        case .configure:
            """
            Usage: nvidia-container-cli configure [OPTION...] ROOTFS
            Gives GPUs to a container that exists and has not been started: makes device
            nodes, mounts and the loader's cache below ROOTFS, in our own namespaces or in
            those of PID.

             Options:
              -?, --help                 Give this help list
                  --compat32             Give 32-bit libraries too
                  --cuda-compat-mode=MODE   ldconfig, mount or disabled, which is
                                         --no-cntlibs
              -c, --compute              Give CUDA and OpenCL
              -d, --device=ID            GPUs and MIG devices to give to the container
              -D, --display              Give displays
              -g, --graphics             Give OpenGL and Vulkan
                  --imex-channel=CHANNEL IMEX channels to give to the container
              -l, --ldconfig=PATH        Ignored: no ldconfig is run
                  --mig-config=ID        Let the container partition its GPUs (all)
                  --mig-monitor=ID       Let the container monitor all partitions (all)
                  --no-cgroups           Leave the container's cgroup as it is
                  --no-cntlibs           Never prefer CUDA libraries of the image
                  --no-devbind           Make no device nodes
                  --no-fabricmanager     Leave out the socket of the fabric manager
                  --no-gsp-firmware      Leave out firmware
                  --no-persistenced      Leave out the socket of nvidia-persistenced
              -n, --ngx                  Give NGX
              -p, --pid=PID              A process of the container, whose namespaces are
                                         entered
              -r, --require=EXPR         What the host must be
                  --usage                Give a short usage message
              -u, --utility              Give nvidia-smi and NVML
              -v, --video                Give the video codecs
              -V, --version              Print program version

            Mandatory or optional arguments to long options are also mandatory or optional
            for any corresponding short options.

            """
        }
    }

    /// What `--usage` prints.
    var usage: String {
        switch self {
        case .main:
            """
            Usage: nvidia-container-cli [-?knV] [-d FILE] [-l FILE] [-r PATH]
                        [-u[UID[:GID]]] [--help] [--debug=FILE] [--load-kmods]
                        [--ldcache=FILE] [--no-create-imex-channels] [--no-pivot]
                        [--root=PATH] [--usage] [--user[=UID[:GID]]] [--version]
                        COMMAND [ARG...]

            """
        case .info:
            """
            Usage: nvidia-container-cli info [-?V] [--help] [--csv] [--json] [--usage]
                        [--version]

            """
        case .list:
            """
            Usage: nvidia-container-cli list [-?bfilV] [-d ID] [--help] [--binaries]
                        [--compat32] [--device=ID] [--firmwares] [--imex-channel=CHANNEL]
                        [--ipcs] [--json] [--libraries] [--mig-config=ID]
                        [--mig-monitor=ID] [--no-fabricmanager] [--no-gsp-firmware]
                        [--no-persistenced] [--usage] [--version]

            """
        case .configure:
            """
            Usage: nvidia-container-cli configure [-?cDgnuvV] [-d ID] [-l PATH] [-p PID]
                        [-r EXPR] [--help] [--compat32] [--cuda-compat-mode=MODE]
                        [--compute] [--device=ID] [--display] [--graphics]
                        [--imex-channel=CHANNEL] [--ldconfig=PATH] [--mig-config=ID]
                        [--mig-monitor=ID] [--no-cgroups] [--no-cntlibs] [--no-devbind]
                        [--no-fabricmanager] [--no-gsp-firmware] [--no-persistenced]
                        [--ngx] [--pid=PID] [--require=EXPR] [--usage] [--utility]
                        [--video] [--version] ROOTFS

            """
        }
    }
}
