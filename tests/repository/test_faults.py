"""The tests of the tests: a fault put into the package turns some of them red."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import FAULTS

TESTS = Path(__file__).parents[1]


OPTIONS = ["-q", "-x", "-p", "no:cacheprovider", "-p", "faults"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_found(fault, tmp_path):
    _, test = FAULTS[fault]
    places = {"PYTHONPATH": str(TESTS / "helpers"), "LUNGSEG_HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, str(TESTS / test)],
        env={**os.environ, **places, "FAULT": fault.__name__},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout[-2000:]
    last = ran.stdout.strip().splitlines()[-1]
    assert last.startswith("1 failed") and "error" not in last
