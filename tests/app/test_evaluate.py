"""`lungseg evaluate` scores a folder as the plain functions do."""

import json

import numpy as np
import pytest
from sets import write_set

from lungseg_utils.app.terminal import main
from lungseg_utils.radiographs import load_records


def test_terminal_scores_a_folder(tmp_path, capsys):
    folder = write_set(tmp_path / "set")
    assert main(["evaluate", str(folder), "--json", str(tmp_path / "scores.json")]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert [row["name"] for row in scores["images"]] == [one.name for one in load_records(folder)]
    for name in ("dice", "iou", "precision", "recall"):
        values = [row[name] for row in scores["images"]]
        assert scores[name]["mean"] == pytest.approx(np.mean(values))
        assert scores[name]["low"] <= scores[name]["mean"] <= scores[name]["high"]
    assert "4 images" in capsys.readouterr().out
