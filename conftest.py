"""What the tests and the notebooks under test start from, however pytest was called."""

import os
from pathlib import Path

import pytest

from lungseg_utils.start import TENSORFLOW

ROOT = Path(__file__).resolve().parent
os.environ.setdefault("LUNGSEG_SCALE", "ci")
os.environ.setdefault("LUNGSEG_HOME", str(ROOT / "outputs" / "ci"))
for name, value in TENSORFLOW.items():  # as `start.begin` has it
    os.environ.setdefault(name, value)
REAL_DATA = Path(os.environ.get("LUNGSEG_REAL_DATA") or ROOT.parent / "shared" / "data")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real") and not REAL_DATA.is_dir():
        pytest.skip(f"no real X-rays in {REAL_DATA}; LUNGSEG_REAL_DATA can name another folder")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real X-rays, for tests marked `real`."""
    return REAL_DATA
