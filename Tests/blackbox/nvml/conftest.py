# SPDX-License-Identifier: Apache-2.0
import pytest
from nvml_node import NVMLNode


@pytest.fixture
def node():
    """Makes nodes."""
    made = []

    def make(*options):
        made.append(NVMLNode(*options))
        return made[-1]

    yield make
    for one in made:
        one.close()
