"""What the benchmarks make of their measurements, on tables worked out by hand."""

import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sets import bare_record

from lungseg_utils import pretrained
from lungseg_utils.pretrained import load_pretrained, pretrained_facts
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import FOR_SIMULATED
from lungseg_utils.unet import build_unet

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import article
import crossvalidate
import time_to_dice
import weights

from lungseg_utils.splits import Split, article_split


def test_leaking_patients_leave_training_and_validation():
    train, validation, test = (
        tuple(bare_record(name, patient=name[0]) for name in names)
        for names in (("A1", "A2", "B1", "C1"), ("A3", "D1"), ("D2", "B2"))
    )
    found = article.without_leaks(Split(train, validation, test))
    assert [record.name for record in found.train] == ["C1"]
    assert [record.name for record in found.validation] == ["A3"]
    assert found.test == test


@pytest.mark.real
def test_the_article_leaks_what_its_readings_say(real_data):

    split = article_split(load_records(real_data / "montgomery_512"))
    left = {record.name for record in split.train} - {
        record.name for record in article.without_leaks(split).train
    }
    assert left == {"MCUCXR_0113_1", "MCUCXR_0166_1"}


def test_the_article_is_compared_image_by_image():
    ours = pd.DataFrame({
        "name": ["A", "B", "C", "D"], "patient": ["A", "B", "C", "D"],
        "dice": [0.98, 0.97, 0.95, 0.5], "iou": 0.9, "hd95_mm": 4.0, "assd_mm": 1.0,
    })  # fmt: skip
    theirs = pd.DataFrame({
        "name": ["C", "A", "B"], "article_dice": [0.96, 0.97, 0.96],
        "article_iou": 0.9, "article_hd95_mm": 6.0, "article_assd_mm": 2.0,
    })  # fmt: skip
    found = article.compare(ours, theirs)
    assert (found["images"], found["better_on"]) == (3, 2)
    assert found["ours"]["dice"] == pytest.approx(2.9 / 3)
    assert found["article"] == pytest.approx(
        {"dice": 2.89 / 3, "iou": 0.9, "hd95_mm": 6, "assd_mm": 2}
    )
    assert found["gain"]["mean"] == pytest.approx(0.01 / 3)
    assert found["all_test_images"] == {"images": 4, "dice": pytest.approx(3.4 / 4)}


def test_seeds_are_averaged_before_images_and_failures_are_listed():
    rows = [
        {"name": name, "patient": name, "label": label, "sex": "F", "age": 30.0 + 20 * label,
         "fold": 0, "seed": seed, "dice": dice,
         "training_seconds": 10.0 + seed}
        for seed, scores in enumerate([(0.9, 0.8), (1.0, 0.98)])
        for name, label, dice in zip("AB", (0, 1), scores, strict=True)
    ]  # fmt: skip
    found = crossvalidate.summary(pd.DataFrame(rows))
    assert (found["images"], found["patients"]) == (2, 2)
    assert found["scores"]["dice"]["mean"] == pytest.approx(0.92)
    assert found["scores"]["dice"]["low"] == pytest.approx(0.89)
    assert found["dice_by"]["label"][1]["mean"] == pytest.approx(0.89)
    assert found["dice_by"]["sex"]["F"]["n"] == 2
    assert found["dice_by"]["age_40_or_more"][False]["mean"] == pytest.approx(0.95)
    assert found["dice_by_seed"] == pytest.approx({0: 0.85, 1: 0.99})
    assert found["failures"] == [{"name": "B", "seed": 0, "dice": 0.8}]
    assert found["training_seconds"] == 10.5


def test_the_first_time_counts():
    found = time_to_dice.reached([1, 2, 3, 4], [0.94, 0.961, 0.955, 0.969])
    assert found == {"0.950": 2, "0.960": 2, "0.970": None}


def test_the_article_s_time_is_its_steps_times_ours(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(
        "epoch,val_precision,val_recall\n1,0.9,0.96\n2,0.96,0.95\n3,0.97,0.96\n", encoding="utf-8"
    )
    found = time_to_dice.article_seconds(str(log), step=10)
    assert found == {"0.950": 2 * 56 * 10, "0.960": 3 * 56 * 10, "0.970": None}


def test_rounds_kernels_only(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    keras.utils.set_random_seed(3)
    model = build_unet(32, filters=2, depth=2)
    model.set_weights([1e5 + array if array.ndim == 1 else array for array in model.get_weights()])
    recipe = replace(FOR_SIMULATED, size=32, filters=2, depth=2)
    weights.save_pretrained(model, "small", recipe, {"held_out": ["A"]})
    assert pretrained_facts("small")["held_out"] == ["A"]
    for before, after in zip(
        model.get_weights(), load_pretrained("small").get_weights(), strict=True
    ):
        np.testing.assert_allclose(after, before, rtol=5e-4 if before.ndim > 1 else 0, atol=1e-7)


def test_mean_weights_by_hand():
    trained, start = [np.array([1.0, 4.0]), np.array(2.0)], [np.array([0.0, -6.0]), np.array(12.0)]
    one, other = crossvalidate.mean_weights([trained, start], [0.7, 0.3])
    np.testing.assert_allclose(one, [0.7, 1.0])
    np.testing.assert_allclose(other, 5.0)
    np.testing.assert_allclose(
        crossvalidate.mean_weights([trained, start, start])[0], [1 / 3, -8 / 3]
    )
