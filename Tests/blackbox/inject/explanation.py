# SPDX-License-Identifier: Apache-2.0
"""What `nvidia-ctk explain` prints, and the prestart hook with `-debug`."""

import re


def plan(lines):
    """What it lists: devices and mounts by path, links, libraries, groups and the hook."""
    found = {"devices": {}, "mounts": {}, "links": set(), "libraries": set(), "groups": set(), "hook": None}
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "device":
            path, major, minor = re.match(r"(\S+) \((\d+):(\d+)\): for .+, found in \S+$", rest).groups()
            found["devices"][path] = (int(major), int(minor))
        elif kind == "mount":
            destination, source = re.match(r"(\S+?)(?: from (\S+))?: for .+, found in \S+$", rest).groups()
            found["mounts"][destination] = source or destination
        elif kind == "link":
            path, target = re.match(r"(\S+) -> (\S+): for .+$", rest).groups()
            found["links"].add((path, target))
        elif kind == "loader":
            found["libraries"].add(tuple(rest.split(" -> ")))
        elif kind == "group":
            found["groups"].add(int(rest.partition(":")[0]))
        elif kind == "hook":
            found["hook"] = rest
        else:
            assert kind in ("request:", "driver:", "GPU", "MIG", "environment", "without"), line
    return found
