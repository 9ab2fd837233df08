# SPDX-License-Identifier: Apache-2.0
"""Simulated nodes for the tests. No test here may be skipped: what can't run fails."""

import pytest
from injection import Bundle, Node, shared_nodes


@pytest.fixture(scope="session")
def nodes():
    with shared_nodes() as get:
        yield get


@pytest.fixture
def node(nodes):
    """A node with two GPUs and all optional parts."""
    return nodes("--with", "fabricmanager")


@pytest.fixture
def new_node():
    """Makes nodes that the test may change."""
    made = []

    def make(*options):
        made.append(Node(*options))
        return made[-1]

    yield make
    for node in made:
        node.close()


@pytest.fixture
def bundle(tmp_path):
    """Makes bundles, each in a new folder; the arguments are those of `Bundle`."""
    count = 0

    def make(*request, **settings):
        nonlocal count
        count += 1
        return Bundle(tmp_path / f"bundle-{count}", *request, **settings)

    return make
