"""The weights that ship: whole, as they were trained, and refused when they are not."""

import json
import shutil
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
from sets import write_set

from lungseg_utils import pretrained
from lungseg_utils.__main__ import main
from lungseg_utils.metrics import dice
from lungseg_utils.phantom import simulate
from lungseg_utils.png import DataError
from lungseg_utils.pretrained import (
    FOLDER,
    load_pretrained,
    mean_weights,
    pretrained_facts,
    save_pretrained,
)
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import BEST, COURSE, SIMULATED
from lungseg_utils.results import evaluate
from lungseg_utils.splits import split_by_patient
from lungseg_utils.unet import build_unet, predict_mask

LARGEST_MB = 8
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz"))


def test_both_are_there_and_small():
    assert NAMES == ["montgomery", "simulated"]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < LARGEST_MB * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_finds_the_lungs_of_simulated_people(name):
    model = load_pretrained(name)
    for index in range(3):
        made = simulate(5, index, 256)
        assert (
            dice(
                predict_mask(model, made.image / np.float32(255)), made.mask_left | made.mask_right
            )
            > 0.93
        )


def test_the_recipe_is_the_one_that_is_named():
    assert pretrained_facts("simulated")["recipe"] == SIMULATED
    assert pretrained_facts("montgomery")["recipe"] == BEST[0] == COURSE


def test_rounds_kernels_only(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    keras.utils.set_random_seed(3)
    model = build_unet(32, filters=2, depth=2)
    model.set_weights([1e5 + array if array.ndim == 1 else array for array in model.get_weights()])
    recipe = replace(SIMULATED, size=32, filters=2, depth=2)
    save_pretrained(model, "small", recipe, {"held_out": ["A"]}, tmp_path)
    assert pretrained_facts("small")["held_out"] == ["A"]
    for before, after in zip(
        model.get_weights(), load_pretrained("small").get_weights(), strict=True
    ):
        np.testing.assert_allclose(after, before, rtol=5e-4 if before.ndim > 1 else 0, atol=1e-7)


def test_another_size_has_the_same_weights():
    one, other = load_pretrained("simulated"), load_pretrained("simulated", size=64)
    assert other.input_shape == (None, 64, 64, 1)
    assert all(map(np.array_equal, one.get_weights(), other.get_weights()))


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "simulated.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="not the file that was shipped"):
        load_pretrained("simulated")


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="take one of montgomery, simulated"):
        load_pretrained("shenzhen")


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


@pytest.mark.real
def test_the_held_out_images_are_the_test_part(real_data):
    split = split_by_patient(load_records(real_data / "montgomery_512"))
    assert pretrained_facts("montgomery")["held_out"] == [record.name for record in split.test]


@pytest.mark.real
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_the_digits_give_the_same_scores(precision, real_data):
    records = split_by_patient(load_records(real_data / "montgomery_512")).test
    exact, rounded = (
        evaluate(partial(predict_mask, load_pretrained(precision=name)), records)["dice"]
        for name in ("float32", precision)
    )
    assert abs(exact - rounded).max() < 0.01
    assert abs(exact.mean() - rounded.mean()) < 0.002


def test_mean_weights_by_hand():
    trained, start = [np.array([1.0, 4.0]), np.array(2.0)], [np.array([0.0, -6.0]), np.array(12.0)]
    one, other = mean_weights([trained, start], [0.7, 0.3])
    np.testing.assert_allclose(one, [0.7, 1.0])
    np.testing.assert_allclose(other, 5.0)
    np.testing.assert_allclose(mean_weights([trained, start, start])[0], [1 / 3, -8 / 3])
