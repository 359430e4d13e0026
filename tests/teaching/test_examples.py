"""A radiograph whose two lungs can be told apart, from a set or beside it."""

import pytest
from layouts import ONE_LUNG, TOUCHING, write_layout

from lungseg_utils.masks import read_sides
from lungseg_utils.radiographs import load_records
from lungseg_utils.teaching import examples


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "home"))
    return load_records(write_layout("one-mask", tmp_path / "set", count=4, size=128))


def test_the_first_whose_lungs_are_apart_is_taken(records, capsys):
    assert examples.with_two_lungs(records[1:]) == records[3]
    assert capsys.readouterr().out == ""


def test_a_simulated_patient_stands_in_where_all_lungs_touch(records, capsys):
    found = examples.with_two_lungs([records[TOUCHING], records[ONE_LUNG]])
    assert found.name.startswith("SIM_") and all(mask.any() for mask in read_sides(found))
    assert "a simulated patient stands in" in capsys.readouterr().out
