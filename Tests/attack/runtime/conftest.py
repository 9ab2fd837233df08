# SPDX-License-Identifier: Apache-2.0
"""The simulated nodes of Tests/blackbox/inject, in front of a recording low-level runtime, with the invariants of the
attack suite around every start."""

import importlib.util
import sys
import time
from pathlib import Path

import pytest
from invariants import EDITED, Config, let_live

REPOSITORY = Path(__file__).resolve().parents[3]
for suite in ("inject", "hook"):
    sys.path.insert(0, str(REPOSITORY / "Tests/blackbox" / suite))
import injection  # noqa: E402


class GuardedNode(injection.Node):
    """A node on which every run of a program is looked at by the scene of the test. Other folders' nodes, which are made of
    this class where they are made late, have none."""

    scene, alive = None, []

    def __init__(self, *options):
        super().__init__(*options)
        let_live(self.process.pid)
        self.alive.append(self)

    def close(self):
        self.alive.remove(self)
        super().close()

    def run(self, *command, **options):
        start = time.monotonic()
        result = super().run(*command, **options)
        if self.scene:
            self.scene.saw(result.returncode, result.stderr, seconds=time.monotonic() - start)
        return result

    def create(self, bundle, **settings):
        """I5 by all that the driver has; what exactly was asked for is for `Outcome.gave`."""
        if not self.scene:
            return super().create(bundle, **settings)
        devices = {("c", major, minor) for major, minor, _ in self.nodes.values()}
        config = Config(bundle.config, frozenset(devices), (*EDITED, "linux"), None)
        outcome = super().create(bundle, **settings)
        for violation in config.violations():
            self.scene.report(violation)
        return outcome


def _fixtures():
    """Tests/blackbox/inject/conftest.py, under a name of its own and with guarded nodes."""
    path = REPOSITORY / "Tests/blackbox/inject/conftest.py"
    specification = importlib.util.spec_from_file_location("inject_fixtures", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.Node = injection.Node = GuardedNode
    return module


_made = _fixtures()
nodes, node, new_node, bundle = _made.nodes, _made.node, _made.new_node, _made.bundle


@pytest.fixture(autouse=True)
def guard(scene):
    """Has the nodes that are there report to this test's scene."""
    GuardedNode.scene = scene
    for node in GuardedNode.alive:
        scene.guard_mounts(node.pid)
    return scene
