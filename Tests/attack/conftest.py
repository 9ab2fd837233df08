# SPDX-License-Identifier: Apache-2.0
"""The invariants, around every test. No test here may be skipped: what can't run fails."""

import pytest
from invariants import Scene, take_own_mounts


@pytest.fixture(scope="session", autouse=True)
def own_mounts():
    """Nobody else's mounts, processes and files in /run count as ours."""
    take_own_mounts()


@pytest.fixture(autouse=True)
def scene(own_mounts, tmp_path, request):
    """Where the attack happens, and what must not change by it. Set up first and checked last, whatever comes of the
    test."""
    made = Scene(tmp_path / "scene")
    yield made
    found = made.violations()
    assert not found, f"{request.node.name}: " + "; ".join(found)
