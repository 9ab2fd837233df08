# SPDX-License-Identifier: Apache-2.0
"""Simulated nodes and containers on them. No test here may be skipped: what can't run fails."""

import pytest

pytest.register_assert_rewrite("prestarting")

from prestarting import LOW_LEVEL, NAMES, Container, Namespace, hooked, make_bundle  # noqa: E402
from injection import all_of, shared_nodes  # noqa: E402


@pytest.fixture(scope="session")
def nodes():
    with shared_nodes() as get:
        yield get


@pytest.fixture
def node(nodes):
    """A node with two GPUs and all optional parts."""
    return nodes("--with", "fabricmanager")


@pytest.fixture
def bundle(tmp_path):
    """Makes bundles, each in a new folder; the arguments are those of `make_bundle`."""
    count = 0

    def make(*arguments, **settings):
        nonlocal count
        count += 1
        return make_bundle(tmp_path / f"bundle-{count}", *arguments, **settings)

    return make


@pytest.fixture(params=LOW_LEVEL, ids=NAMES)
def low_level(request):
    """A low-level runtime and a cgroup version."""
    return request.param


@pytest.fixture
def container(node, bundle):
    """Makes containers with the prestart hook, for runc on cgroup version 1 if nothing else is said."""

    def make(low_level=LOW_LEVEL[0], on=node, hook=hooked(), change=lambda document: None, **settings):
        made = Container(on, bundle(change=all_of(hook, change), **settings), low_level)
        usual = {"low_level": low_level, "on": on, "hook": hook, "change": change} | settings
        made.twin = lambda **other: make(**usual | other)
        return made

    return make


@pytest.fixture
def namespace(bundle):
    """Makes mount namespaces on a node."""
    made = []

    def make(node, prepare="", unshare=None, **settings):
        words = {"unshare": unshare} if unshare else {}
        made.append(Namespace(node, bundle(**settings), prepare, **words))
        return made[-1]

    yield make
    for one in made:
        one.close()
