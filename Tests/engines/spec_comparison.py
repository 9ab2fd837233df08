# SPDX-License-Identifier: Apache-2.0
"""Where two config.json files differ, as a low-level runtime reads them: the last of several variables counts, a mount
may hide an earlier one, an allow rule that is there twice is one."""

import copy
import posixpath
import re

IDENTIFIER = re.compile(r"\b[0-9a-f]{64}\b|(?<=/proc/)\d+(?=/)")
HOOK_STAGES = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def anonymous(text):
    """A config.json without the identifiers of its container, pod and processes."""
    return IDENTIFIER.sub("IDENTIFIER", text)


def facts(document):
    """What is in it, by names: a dictionary from a tuple of strings to a value."""
    document = copy.deepcopy(document)
    found = {}
    process, linux = document["process"], document["linux"]
    for entry in process.pop("env", []):
        name, _, value = entry.partition("=")
        found["env", name] = value
    found["user", "additionalGids"] = sorted(set(process["user"].pop("additionalGids", None) or []))
    for device in linux.pop("devices", None) or []:
        for key in ("type", "major", "minor", "fileMode", "uid", "gid"):
            default = 0 if key in ("major", "minor") else None
            found["device", device["path"], key] = device.get(key, default)
    for rule in linux.get("resources", {}).pop("devices", None) or []:
        found["rule", *(str(rule.get(key)) for key in ("allow", "type", "major", "minor", "access"))] = True
    for mount in visible(document.pop("mounts", [])):
        found["mount", mount["destination"]] = (
            mount.get("source"),
            mount.get("type") or None,
            mount.get("options") or [],
        )
    hooks = document.pop("hooks", None) or {}
    for stage in HOOK_STAGES:
        for number, hook in enumerate(hooks.get(stage) or []):
            found["hook", stage, str(number), "command"] = (hook["path"], hook.get("args") or [])
            found["hook", stage, str(number), "env"] = hook.get("env") or []
            found["hook", stage, str(number), "timeout"] = hook.get("timeout")
    return found | dict(members(document))


def members(value, path=()):
    """Each member that is not an object, by the names on the way to it."""
    if not isinstance(value, dict):
        yield path, value
        return
    for name, member in value.items():
        yield from members(member, (*path, name))


def visible(mounts):
    """The mounts that are not under a later one."""
    destinations = [posixpath.normpath("/" + mount["destination"]) for mount in mounts]

    def is_hidden(number):
        path = destinations[number]
        return any(path == later or path.startswith(later.rstrip("/") + "/") for later in destinations[number + 1 :])

    seen = [number for number in range(len(mounts)) if not is_hidden(number)]
    return [{**mounts[number], "destination": destinations[number]} for number in seen]


def differences(one, other):
    """(name, value there, value here) of whatever two documents differ in."""
    left, right = facts(one), facts(other)
    return [
        (name, left.get(name, "absent"), right.get(name, "absent"))
        for name in sorted({*left, *right})
        if left.get(name, "absent") != right.get(name, "absent")
    ]
