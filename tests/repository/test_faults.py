"""The tests of the tests: a fault put into the package turns some of them red."""

import multiprocessing

import faults
import pytest

# where a process can be forked, from one that has imported what takes seconds, but not the package
METHODS = multiprocessing.get_all_start_methods()
CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
CONTEXT.set_forkserver_preload(["tensorflow", "keras", "scipy.stats", "sklearn.metrics", "pandas",
                                "matplotlib.pyplot", "pydicom", "hypothesis",
                                "nbval.plugin"])  # fmt: skip


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_found(fault, tmp_path):
    process = CONTEXT.Process(target=faults.run_test_with, args=(fault.__name__, tmp_path))
    process.start()
    process.join(300)
    process.kill()
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert process.exitcode == pytest.ExitCode.TESTS_FAILED, said[-2000:]
    last = said.strip().splitlines()[-1]
    assert last.startswith("1 failed") and "error" not in last, said[-2000:]
