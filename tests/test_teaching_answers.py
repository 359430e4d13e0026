"""The answers in TEACHING.md: what can be computed is computed, what was measured is read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import zoom

ROOT = Path(__file__).resolve().parents[1]
TEACHING = " ".join((ROOT / "TEACHING.md").read_text(encoding="utf-8").split())


def answer(number: int) -> str:
    """The text of one answer of the questionnaire."""
    answers = TEACHING.split("<summary>Answers</summary>")[1]
    return re.search(rf" {number}\. (.*?)(?= {number + 1}\. |</details>)", answers).group(1)


def test_the_losses_are_those_of_the_stored_run():
    notebook = (ROOT / "notebooks/04_training_on_a_gpu.ipynb").read_text(encoding="utf-8")
    cells = {cell["id"]: cell for cell in json.loads(notebook)["cells"]}
    stored = json.dumps(cells["cell-34"]["outputs"])
    if "validation loss" not in stored:
        pytest.skip("notebook 04 is stored without its training")
    loss, validation = re.search(r"loss (\d\.\d+), validation loss (\d\.\d+)", stored).groups()
    said = re.search(r"they end at (\d\.\d+) and (\d\.\d+)", TEACHING).groups()
    assert said == (validation, loss)
    assert abs(float(loss) - float(validation)) < 0.01, "no longer too close to explain"


def test_uint8_wraps():
    values = np.array([255, 128], np.uint8)
    assert (values + values).tolist() == [254, 0] and answer(5).startswith("254 and 0.")


def test_a_mask_above_zero_grows_when_it_is_resized():
    mask = np.zeros((32, 32), np.float32)
    mask[8:24, 8:24] = 1
    assert (zoom(mask, 2, order=1) > 0).sum() > 4 * mask.sum() and answer(6).startswith("Larger")


def test_the_parameters_of_a_convolution():
    keras = pytest.importorskip("keras")
    layer = keras.layers.Conv2D(32, 3)
    layer.build((None, None, None, 16))
    assert f"= {layer.count_params()}." in answer(8)


def test_the_scores_of_the_grid():
    hits, extra, missed = 5, 3, 1
    scores = (hits / (hits + extra), hits / (hits + missed),
              2 * hits / (2 * hits + extra + missed), hits / (hits + extra + missed))  # fmt: skip
    assert all(f"= {score:.3f}".replace("0.", ".") in answer(13) for score in scores)


def test_the_paradox_of_the_article():
    assert f"{2 * 0.958 * 0.963 / (0.958 + 0.963):.3f}".lstrip("0") in answer(14)


def test_values_of_12_bits_divided_by_16():
    assert pytest.approx(0.06, abs=0.003) == 4095 / 65535 and "up to 0.06" in answer(4)
    assert pytest.approx(16, abs=0.01) == 65535 / 4095 and "sixteen times" in answer(4)
