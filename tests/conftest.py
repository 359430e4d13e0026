"""What several test files begin with."""

import pytest

from lungseg_utils.phantom import simulate
from lungseg_utils.pretrained import SIMULATED, load_pretrained


@pytest.fixture(scope="session")
def trained():
    return [load_pretrained(SIMULATED)]


@pytest.fixture(scope="session")
def patient():
    return simulate(808, 2, 256)
