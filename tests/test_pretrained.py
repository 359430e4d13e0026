"""The weights that ship: whole, as they were trained, and refused when they are not."""

import shutil
from dataclasses import asdict
from functools import partial

import numpy as np
import onnx
import pytest

from lungseg_utils import pretrained
from lungseg_utils.app.networks import OnnxNetwork
from lungseg_utils.metrics import dice
from lungseg_utils.phantom import simulate
from lungseg_utils.predict import predict_mask
from lungseg_utils.pretrained import (
    FOLDER,
    load_pretrained,
    pretrained_facts,
    pretrained_file,
)
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import BEST, COURSE, FOR_SIMULATED
from lungseg_utils.results import evaluate
from lungseg_utils.splits import split_by_patient
from lungseg_utils.types import DataError

LARGEST_MB = 4
NAMES = sorted(path.stem for path in FOLDER.glob("*.onnx"))


def test_all_are_there_and_small():
    assert NAMES == ["montgomery", "second", "simulated"]
    assert max(path.stat().st_size for path in FOLDER.iterdir()) < LARGEST_MB * 10**6


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
    assert pretrained_facts("simulated")["recipe"] == asdict(FOR_SIMULATED)
    assert pretrained_facts("montgomery")["recipe"] == asdict(COURSE) == asdict(BEST[0])


def test_another_size_has_the_same_weights():
    one, other = load_pretrained("simulated"), load_pretrained("simulated", size=64)
    assert other.input_shape == (None, 64, 64, 1)
    assert all(map(np.array_equal, one.get_weights(), other.get_weights()))


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "simulated.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_pretrained("simulated")
    said = "is not the file that was shipped: install the package again"
    assert str(caught.value) == f"{path} {said}"


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


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_network_computes_in_the_precision_that_was_asked_for(precision):
    model = load_pretrained("simulated", size=64, precision=precision)
    assert {layer.dtype_policy.name for layer in model.layers[1:-1]} == {precision}


@pytest.mark.parametrize("name", NAMES)
def test_a_network_has_the_shape_of_its_recipe_and_the_weights_of_its_file(name):
    recipe, model = pretrained_facts(name)["recipe"], load_pretrained(name)
    assert model.input_shape == (None, recipe["size"], recipe["size"], recipe["channels"])
    norms = [layer for layer in model.layers if hasattr(layer, "momentum")]
    assert {layer.momentum for layer in norms} == {recipe["momentum"]}
    stored = onnx.load(FOLDER / f"{name}.onnx").graph.initializer
    for one, other in zip(
        model.get_weights(), map(onnx.numpy_helper.to_array, stored), strict=True
    ):
        axes = (3, 2, 0, 1) if one.ndim == 4 else (0,)  # rows, columns, in, out; out, in, rows...
        assert one.dtype == np.float32 and np.array_equal(one.transpose(axes), other)
    assert load_pretrained().input_shape == load_pretrained("montgomery").input_shape


@pytest.mark.parametrize("name", NAMES)
def test_onnx_runtime_and_keras_say_the_same(name):
    """Of what is like an X-ray, of noise, and of nothing."""
    model, network = load_pretrained(name), OnnxNetwork(pretrained_file(name))
    assert network.input_shape == model.input_shape
    size = model.input_shape[1]
    batch = np.random.default_rng(0).random((4, size, size, 1), np.float32)
    batch[0], batch[1] = 0, 1
    batch[2, ..., 0] = simulate(1, 0, size).image / np.float32(255)
    found, expected = network.predict_on_batch(batch), model.predict_on_batch(batch)
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected[2].max() > 0.99 and expected[2].min() < 0.01
