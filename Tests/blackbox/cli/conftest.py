# SPDX-License-Identifier: Apache-2.0
import pytest
from container_cli import CLINode


@pytest.fixture(scope="session")
def nodes():
    """Gives the node with the options it is called with, one for all tests: they must leave it as it was."""
    made = {}

    def get(*options):
        if options not in made:
            made[options] = CLINode(*options)
        made[options].reset()
        return made[options]

    yield get
    for node in made.values():
        node.close()


@pytest.fixture
def node(nodes):
    """Two GPUs, whose minors are not their indices, and all that a driver can have."""
    return nodes("--minor-order", "reversed", "--with", "fabricmanager", "--compat32")


@pytest.fixture
def mig(nodes):
    """The first of two GPUs is partitioned."""
    return nodes("--mig", "0=3g.20gb,1g.5gb", "--with", "imex")


@pytest.fixture
def bare(nodes):
    """A machine without the kernel module: what is understood ends with an error about that, and does nothing."""
    return nodes("--no-driver")


@pytest.fixture
def new_node():
    """Makes nodes that the test may change."""
    made = []

    def make(*options):
        made.append(CLINode(*options))
        return made[-1]

    yield make
    for node in made:
        node.close()
