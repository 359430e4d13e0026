"""`lungseg evaluate` scores a folder as the plain functions do."""

import json

import keras
import numpy as np
import pytest
from sets import NAMES, write_set

from lungseg_utils import results
from lungseg_utils.app.terminal import main
from lungseg_utils.masks import read_lungs
from lungseg_utils.radiographs import load_records


def test_terminal_scores_a_folder(tmp_path, capsys):
    folder = write_set(tmp_path / "set")
    assert main(["evaluate", str(folder), "--json", str(tmp_path / "scores.json")]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in scores["images"]] == [one.name for one in load_records(folder)]
    for name in ("dice", "iou", "precision", "recall"):
        values = [row[name] for row in scores["images"]]
        assert scores[name]["mean"] == pytest.approx(np.mean(values))
        assert scores[name]["low"] <= scores[name]["mean"] <= scores[name]["high"]
    assert "4 images" in capsys.readouterr().out


def test_one_image_is_counted_as_one(tmp_path, capsys):
    folder = write_set(tmp_path / "set", NAMES[:1])
    assert main(["evaluate", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("1 image\n")


def test_one_s_own_network_is_the_one_that_is_scored(tmp_path, capsys):
    folder = write_set(tmp_path / "set")
    inputs = keras.Input((32, 32, 1))
    keras.Model(inputs, 0 * inputs + 1).save(tmp_path / "all.keras")
    command = ["evaluate", str(folder), "--json", str(tmp_path / "scores.json")]
    assert main([*command, "--network", str(tmp_path / "all.keras")]) == 0
    rows = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["images"]
    covers = [read_lungs(record).mean() for record in load_records(folder)]
    assert [row["precision"] for row in rows] == pytest.approx(covers)
    assert [row["recall"] for row in rows] == [1] * len(rows)
    table = results.evaluate(lambda image: image > -1, load_records(folder))
    count, columns, *said = capsys.readouterr().out.splitlines()
    assert count == "4 images" and columns.split() == ["mean", "low", "high"]
    assert len({len(line) for line in (columns, *said)}) == 1
    means = results.summarise(table)
    assert [line.split() for line in said] == [
        [name, *(f"{value:.4f}" for value in row)]
        for name, row in zip(means.index, means.to_numpy(), strict=True)
    ]
