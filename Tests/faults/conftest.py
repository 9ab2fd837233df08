# SPDX-License-Identifier: Apache-2.0
"""Simulated nodes for the tests, one for each set of options. No test here may be skipped: what can't run fails."""

import pytest
from faults import PrivateNode


@pytest.fixture(scope="session")
def nodes():
    made = {}

    def get(*options):
        if options not in made:
            made[options] = PrivateNode(*options)
        made[options].reset()
        return made[options]

    yield get
    for node in made.values():
        node.close()
