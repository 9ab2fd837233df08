# SPDX-License-Identifier: Apache-2.0
"""A small client of the Kubernetes container runtime interface (runtime.v1): what the tests need of it.

The messages are declared here by field number. Enumerations are declared as integers and maps as repeated pairs, which
are the same on the wire."""

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc  # noqa: E402
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: E402

NODE_NETWORK = 2  # NamespaceMode.NODE
# message: {field: (number, type)}; "[]" after a type repeats it.
MESSAGES = {
    "Pair": {"key": (1, "string"), "value": (2, "string")},
    "VersionRequest": {"version": (1, "string")},
    "VersionResponse": {"version": (1, "string"), "runtime_name": (2, "string"), "runtime_version": (3, "string")},
    "NamespaceOption": {"network": (1, "int32")},
    "SandboxSecurityContext": {"namespace_options": (1, "NamespaceOption")},
    "LinuxSandboxConfig": {"security_context": (2, "SandboxSecurityContext")},
    "SandboxMetadata": {"name": (1, "string"), "uid": (2, "string"), "namespace": (3, "string")},
    "SandboxConfig": {
        "metadata": (1, "SandboxMetadata"),
        "log_directory": (3, "string"),
        "annotations": (7, "Pair[]"),
        "linux": (8, "LinuxSandboxConfig"),
    },
    "RunPodSandboxRequest": {"config": (1, "SandboxConfig"), "runtime_handler": (2, "string")},
    "RunPodSandboxResponse": {"pod_sandbox_id": (1, "string")},
    "SandboxRequest": {"pod_sandbox_id": (1, "string")},
    "ContainerMetadata": {"name": (1, "string")},
    "ImageSpec": {"image": (1, "string")},
    "Mount": {"container_path": (1, "string"), "host_path": (2, "string"), "readonly": (3, "bool")},
    "Device": {"container_path": (1, "string"), "host_path": (2, "string"), "permissions": (3, "string")},
    "CDIDevice": {"name": (1, "string")},
    "Capability": {"add_capabilities": (1, "string[]")},
    "ContainerSecurityContext": {"capabilities": (1, "Capability")},
    "LinuxContainerConfig": {"security_context": (2, "ContainerSecurityContext")},
    "ContainerConfig": {
        "metadata": (1, "ContainerMetadata"),
        "image": (2, "ImageSpec"),
        "command": (3, "string[]"),
        "args": (4, "string[]"),
        "envs": (6, "Pair[]"),
        "mounts": (7, "Mount[]"),
        "devices": (8, "Device[]"),
        "annotations": (10, "Pair[]"),
        "log_path": (11, "string"),
        "linux": (15, "LinuxContainerConfig"),
        "CDI_devices": (17, "CDIDevice[]"),
    },
    "CreateContainerRequest": {
        "pod_sandbox_id": (1, "string"),
        "config": (2, "ContainerConfig"),
        "sandbox_config": (3, "SandboxConfig"),
    },
    "CreateContainerResponse": {"container_id": (1, "string")},
    "ContainerRequest": {"container_id": (1, "string")},
    "ExecSyncRequest": {"container_id": (1, "string"), "cmd": (2, "string[]"), "timeout": (3, "int64")},
    "ExecSyncResponse": {"stdout": (1, "bytes"), "stderr": (2, "bytes"), "exit_code": (3, "int32")},
    "Empty": {},
}


def _declare():
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="cri.proto", package="cri", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            base = kind.removesuffix("[]")
            entry = message.field.add(name=field, number=number)
            entry.label = kinds.LABEL_REPEATED if base != kind else kinds.LABEL_OPTIONAL
            if base in MESSAGES:
                entry.type, entry.type_name = kinds.TYPE_MESSAGE, f".cri.{base}"
            else:
                entry.type = getattr(kinds, f"TYPE_{base.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(f"cri.{name}")) for name in MESSAGES}


TYPES = _declare()


def pairs(dictionary):
    """A map as it is on the wire."""
    return [{"key": key, "value": value} for key, value in dictionary.items()]


class Client:
    """One connection to a runtime's socket."""

    def __init__(self, socket):
        self.channel = grpc.insecure_channel(f"unix:{socket}")

    def close(self):
        self.channel.close()

    def _call(self, method, request_type, response_type, **fields):
        call = self.channel.unary_unary(
            f"/runtime.v1.RuntimeService/{method}",
            request_serializer=TYPES[request_type].SerializeToString,
            response_deserializer=TYPES[response_type].FromString,
        )
        return call(TYPES[request_type](**fields), timeout=60)

    def version(self):
        return self._call("Version", "VersionRequest", "VersionResponse")

    def run_sandbox(self, name, folder, handler):
        """Starts a pod on the host's network, which needs no CNI plugin. Gives its id and configuration."""
        configuration = {
            "metadata": {"name": name, "uid": name, "namespace": "default"},
            "log_directory": str(folder),
            "linux": {"security_context": {"namespace_options": {"network": NODE_NETWORK}}},
        }
        response = self._call(
            "RunPodSandbox",
            "RunPodSandboxRequest",
            "RunPodSandboxResponse",
            config=configuration,
            runtime_handler=handler,
        )
        return response.pod_sandbox_id, configuration

    def remove_sandbox(self, sandbox):
        self._call("StopPodSandbox", "SandboxRequest", "Empty", pod_sandbox_id=sandbox)
        self._call("RemovePodSandbox", "SandboxRequest", "Empty", pod_sandbox_id=sandbox)

    def start_container(self, sandbox, sandbox_configuration, name, image, command, environment, **further):
        """Creates and starts a container and gives its id. `further` are fields of ContainerConfig, `annotations` as a
        dictionary. grpc.RpcError has the runtime's message."""
        configuration = {
            "metadata": {"name": name},
            "image": {"image": image},
            "command": command,
            "log_path": f"{name}.log",
            "envs": pairs(environment),
            **further,
            "annotations": pairs(further.get("annotations", {})),
        }
        response = self._call(
            "CreateContainer",
            "CreateContainerRequest",
            "CreateContainerResponse",
            pod_sandbox_id=sandbox,
            config=configuration,
            sandbox_config=sandbox_configuration,
        )
        self._call("StartContainer", "ContainerRequest", "Empty", container_id=response.container_id)
        return response.container_id

    def execute(self, container, command):
        """(exit code, output, errors) of a command run in a container."""
        response = self._call(
            "ExecSync", "ExecSyncRequest", "ExecSyncResponse", container_id=container, cmd=command, timeout=30
        )
        return response.exit_code, response.stdout.decode(), response.stderr.decode()

    def output_of(self, container, *command):
        """The output of a command run in a container that must succeed."""
        code, output, errors = self.execute(container, list(command))
        assert code == 0, output + errors
        return output
