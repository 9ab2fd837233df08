# SPDX-License-Identifier: Apache-2.0
"""What a CDI specification does to a config.json, by CDI's SPEC.md and pkg/cdi/container-edits.go: written apart from
the program that is tested against it. What is ours beside: hooks have an environment and a timeout."""

import copy
import os
import stat

import yaml

HOOK_ENVIRONMENT, HOOK_TIMEOUT = ["SWIFT_BACKTRACE=enable=no"], 30
TYPES = {stat.S_IFCHR: "c", stat.S_IFBLK: "b", stat.S_IFIFO: "p"}


def load(path):
    return yaml.safe_load(path.read_text())


def edits_for(specification, names):
    """The edits of the file, if it has any, and of its devices `names`."""
    common = specification.get("containerEdits")
    devices = {str(device["name"]): device["containerEdits"] for device in specification["devices"]}
    return [edits for edits in [common, *(devices[name] for name in names)] if edits]


def apply(node, document, edits):
    """`document` with these edits; `node` has the devices."""
    document = copy.deepcopy(document)
    for edit in edits:
        for entry in edit.get("env") or []:
            _set_variable(document["process"]["env"], entry)
        for device in edit.get("deviceNodes") or []:
            _add_device(node, document, device)
        for device in edit.get("netDevices") or []:
            devices = document["linux"].setdefault("netDevices", {})
            devices[device["hostInterfaceName"]] = {"name": device["name"]}
        for mount in edit.get("mounts") or []:
            _replace(document.setdefault("mounts", []), "destination", _without_empty({
                "destination": mount["containerPath"], "type": mount.get("type"), "source": mount["hostPath"],
                "options": mount.get("options")}))
        for hook in edit.get("hooks") or []:
            _add_hook(document.setdefault("hooks", {}).setdefault(hook["hookName"], []), hook)
        if edit.get("intelRdt"):
            document["linux"]["intelRdt"] = edit["intelRdt"]
        for group in edit.get("additionalGids") or []:
            groups = document["process"]["user"].setdefault("additionalGids", [])
            if group and group not in groups:
                groups.append(group)
    return document


def _without_empty(members):
    return {name: value for name, value in members.items() if value}


def _set_variable(environment, entry):
    name = entry.partition("=")[0] + "="
    places = [index for index, other in enumerate(environment) if other.startswith(name)]
    if places:
        environment[places[-1]] = entry
    else:
        environment.append(entry)


def _replace(items, key, item):
    for index, other in enumerate(items):
        if other[key] == item[key]:
            items[index] = item
            return
    items.append(item)


def _add_device(node, document, device):
    status = os.lstat(node.path(device.get("hostPath") or device["path"]))
    user = document["process"]["user"]
    kind = device.get("type") or TYPES[stat.S_IFMT(status.st_mode)]
    numbers = {"major": os.major(status.st_rdev), "minor": os.minor(status.st_rdev)}
    item = {"path": device["path"], "type": kind} | numbers
    item["fileMode"] = device.get("fileMode", status.st_mode & 0o777)
    for name in ("uid", "gid"):
        owner = device.get(name, user[name] or None)
        if owner is not None:
            item[name] = owner
    _replace(document["linux"].setdefault("devices", []), "path", item)
    # The library has a rule without access for `none`, on which runc and crun fail.
    if kind in "bc" and device.get("permissions") != "none":
        rule = {"allow": True, "type": kind} | numbers | {"access": device.get("permissions") or "rwm"}
        rules = document["linux"]["resources"]["devices"]
        if rule not in rules:
            rules.append(rule)


def _add_hook(hooks, hook):
    item = _without_empty({"path": hook["path"], "args": hook.get("args")})
    item["env"] = hook.get("env") or HOOK_ENVIRONMENT
    item["timeout"] = hook.get("timeout") or HOOK_TIMEOUT
    if item not in hooks:
        hooks.append(item)
