"""A cross-validation on a cluster gives what one process does, to the last bit."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import cloudpickle
import pandas as pd

from lungseg_utils.cluster import open_client
from lungseg_utils.phantom import write_phantom_set
from lungseg_utils.recipes import COURSE_AT

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import crossvalidate
from spread import spread

cloudpickle.register_pickle_by_value(sys.modules[__name__])
ROUNDS = [(0, 0), (0, 1), (1, 0)]


def run(one, folder):
    """A fold of a training that takes seconds, also where this is called in another process."""
    tiny = replace(COURSE_AT["ci"], epochs=2)
    with mock.patch.object(crossvalidate, "RECIPES", {"course": (tiny,)}):
        return crossvalidate.run(one, "course", False, folder, f"{folder}/ManualMask")


def test_folds_on_two_workers_are_those_of_one_process(tmp_path, monkeypatch):
    folder = write_phantom_set(tmp_path / "set", 20, 128)
    work = partial(run, folder=str(folder))
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "one"))
    alone = dict(spread(work, ROUNDS))
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "two"))
    with open_client(2) as client:
        client.wait_for_workers(2, timeout=60)
        shared = dict(spread(work, ROUNDS, client.scheduler.address))
    assert sorted(alone) == sorted(shared) == sorted(ROUNDS)
    for one in ROUNDS:
        tables = [found[one].drop(columns="training_seconds") for found in (alone, shared)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    dice = [tuple(found["dice"]) for found in alone.values()]
    assert len(set(dice)) == len(ROUNDS), "each has a training of its own"
    runs = [sorted(path.name for path in tmp_path.glob(f"{name}/crossvalidate/runs/*"))
            for name in ("one", "two")]  # fmt: skip
    assert runs[0] == runs[1] and len(runs[0]) == len(ROUNDS)
