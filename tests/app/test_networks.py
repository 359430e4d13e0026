"""The networks of the command: those that ship, and one of your own."""

import os
import sys
from functools import partial
from hashlib import sha256
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from lungseg_utils.app import networks
from lungseg_utils.app.export import write_onnx
from lungseg_utils.app.networks import OnnxNetwork, load_networks, load_own, name_networks
from lungseg_utils.predict import predict, predict_probability
from lungseg_utils.pretrained import SHIPPED, load_pretrained, pretrained_facts
from lungseg_utils.recipes import COURSE
from lungseg_utils.squares import to_native, to_square
from lungseg_utils.types import DataError


def test_networks_are_named_with_their_version(tmp_path):
    sums = [pretrained_facts(name)["sha256"][:8] for name in SHIPPED]
    assert name_networks() == f"montgomery {sums[0]} + second {sums[1]}"
    digest = sha256(b"mine").hexdigest()[:8]
    for name in ("mine.keras", "simulated"):
        own = tmp_path / name
        own.write_bytes(b"mine")
        assert name_networks(own) == f"{name} {digest} + second {sums[1]}"
    with pytest.raises(FileNotFoundError, match="lungseg train"):
        name_networks(tmp_path / "none.keras")


def test_one_s_own_network_takes_the_place_of_the_first(monkeypatch):
    monkeypatch.setattr(networks, "OnnxNetwork", lambda path, threads: f"shipped {path.name}")
    monkeypatch.setattr(networks, "load_own", lambda path, threads: f"own {path}")
    assert load_networks() == ["shipped montgomery.onnx", "shipped second.onnx"]
    assert load_networks(Path("mine.keras")) == ["own mine.keras", "shipped second.onnx"]


@pytest.mark.parametrize("size", [32, 64])
def test_a_network_kept_for_keras_and_for_onnx_runtime_is_the_same(size, tmp_path):
    one = load_pretrained("simulated", size=size)
    one.set_weights([weights * np.float32(1.01) for weights in one.get_weights()])
    one.compile("adam", "mse")
    one.save(tmp_path / "mine.keras")
    write_onnx(one, tmp_path / "mine.onnx")
    batch = np.random.default_rng(0).random((3, size, size, 1), np.float32)
    for kind in ("keras", "onnx"):
        other = load_own(tmp_path / f"mine.{kind}")
        assert other.input_shape == (None, size, size, 1)
        np.testing.assert_allclose(other.predict_on_batch(batch), one(batch), atol=1e-6)


def test_half_the_digits_of_kernels_halve_the_file(tmp_path):
    one = load_pretrained("simulated", size=64)
    for half in (False, True):
        write_onnx(one, tmp_path / f"{half}.onnx", half)
    assert (tmp_path / "True.onnx").stat().st_size < 0.52 * (tmp_path / "False.onnx").stat().st_size
    batch = np.random.default_rng(0).random((2, 64, 64, 1), np.float32)
    whole, halved = (OnnxNetwork(tmp_path / f"{half}.onnx").predict_on_batch(batch)
                     for half in (False, True))  # fmt: skip
    np.testing.assert_array_equal(whole, halved)  # those that ship were rounded before


def onnx_file(path: Path, shape: tuple, axis: int = 3, ends: int = 1) -> Path:
    """A network of one operation: the largest of the channels."""
    names, made = [f"y{number}" for number in range(ends)], list(shape)
    axis = min(axis, len(shape) - 1)
    made[axis] = 1
    nodes = [onnx.helper.make_node("ReduceMax", ["x"], [name], axes=[axis]) for name in names]
    value = partial(onnx.helper.make_tensor_value_info, elem_type=1)
    outputs = [value(name, shape=made) for name in names]
    graph = onnx.helper.make_graph(nodes, "one", [value("x", shape=shape)], outputs)
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    "shape, taken",
    [(("n", 1, 16, 16), (None, 16, 16, 1)), (("n", 3, "h", "w"), (None, 192, 192, 3)),
     (("n", 16, 16, 3), (None, 16, 16, 3)), (("n", "h", "w", 1), (None, 192, 192, 1))],
)  # fmt: skip
def test_onnx_of_another_make_is_taken_with_channels_before_and_behind(shape, taken, tmp_path):
    axis = 1 if shape[1] in (1, 3) else 3
    network = load_own(onnx_file(tmp_path / "mine.onnx", shape, axis))
    assert network.input_shape == taken
    batch = np.random.default_rng(0).random((2, *taken[1:]), np.float32)
    expected = batch.max(axis=-1, keepdims=True)
    np.testing.assert_array_equal(network.predict_on_batch(batch), expected)


@pytest.mark.parametrize(
    "write, says",
    [(lambda path: path.write_bytes(b"mine"), "is not a network that ONNX Runtime can read"),
     (lambda path: onnx_file(path, ("n", 16)), "makes (None, 1) of (None, 16): no mask"),
     (lambda path: onnx_file(path, (1, 16, 8, 1)),
      "makes (1, 16, 8, 1) of (1, 16, 8, 1): no mask"),
     (lambda path: onnx_file(path, (1, 16, 16, 1)),
      "does not run on squares of 16 pixels: save it with a size of its own"),
     (lambda path: onnx_file(path, ("n", 16, 16, 1), ends=2),
      "makes 2 outputs: save the one that is the mask")],
    ids=["no network", "of numbers", "no square", "one at a time", "two outputs"],
)  # fmt: skip
def test_onnx_that_makes_no_mask_is_refused(write, says, tmp_path):
    path = tmp_path / "mine.onnx"
    write(path)
    with pytest.raises(DataError) as caught:
        load_own(path)
    assert str(caught.value) == f"{path} {says}"


def test_without_keras_its_files_say_what_to_do(tmp_path, monkeypatch):
    path = tmp_path / "mine.keras"
    path.write_bytes(b"mine")
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(DataError, match=r'name the .onnx beside it, or pip install "lungseg'):
        load_own(path)


class Unknown(layers.Layer):
    """A layer that only these tests know."""

    def call(self, x):
        return x


class Swish(layers.Conv2D):
    """Another, which has numbers of its own."""


def halved(x):
    return x / 2


def network(*parts, shape=(16, 16, 1)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *parts])


def constant(*values: float, shape=(16, 16, 1), **more) -> keras.Model:
    """A network that makes these numbers of each pixel of a black picture, and more of others."""
    made = network(layers.Conv2D(len(values), 1, **more), shape=shape)
    made.set_weights([np.full_like(made.get_weights()[0], 0.25), np.array(values)])
    return made


def two_ends(inputs: int, outputs: int) -> keras.Model:
    given = [keras.Input((16, 16, 1)) for _ in range(inputs)]
    whole = layers.Add()(given) if inputs > 1 else given[0]
    return keras.Model(given, [layers.Rescaling(number)(whole) for number in range(1, outputs + 1)])


def listed() -> keras.Model:
    given = keras.Input((16, 16, 1))
    return keras.Model({"x": given}, {"y": layers.Conv2D(1, 1, **SIGMOID)(given)})


SIGMOID = {"activation": "sigmoid"}
IMAGE = np.random.default_rng(1).random((40, 30)).astype(np.float32)
TAKEN = {
    "a probability": (constant(0.2, **SIGMOID), 16),
    "a logit": (constant(1.2), 16),
    "a logit below 0": (constant(-0.9), 16),
    "of three channels": (constant(0.2, shape=(16, 16, 3), **SIGMOID), 16),
    "of any size": (constant(0.2, shape=(None, None, 1), **SIGMOID), COURSE.size),
    "logits of any size and three channels": (constant(2.0, shape=(None, None, 3)), COURSE.size),
    "of one side": (constant(0.2, shape=(None, 16, 1), **SIGMOID), 16),
    "in half the digits": (constant(0.2, dtype="mixed_float16", **SIGMOID), 16),
    "that names its ends": (listed(), 16),
    "of background and lung": (constant(0.5, 0.2, activation="softmax"), 16),
}


def by_hand(name: str, model: keras.Model, size: int) -> np.ndarray:
    if "ends" in name:
        model = keras.Model(model.inputs[0], model.outputs[0])
    square = to_square(IMAGE, size)
    batch = np.repeat(square[None, :, :, None], model.input_shape[-1], axis=-1)
    made = np.asarray(model(batch), np.float32)[0, ..., -1]
    return to_native(1 / (1 + np.exp(-made)) if "logit" in name else made, IMAGE.shape)


@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.parametrize("name", TAKEN)
def test_a_network_of_another_make_gives_the_probability_of_lung(name, kind, tmp_path):
    model, size = TAKEN[name]
    model.save(tmp_path / f"mine.{kind}")
    loaded = load_own(tmp_path / f"mine.{kind}")
    channels = model.inputs[0].shape[-1]
    assert loaded.input_shape == (None, size, size, channels)
    found = predict_probability(loaded, IMAGE)
    assert found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(found, by_hand(name, model, size), atol=2e-3)
    assert predict([loaded], IMAGE).square.shape == (size, size)


def fifths() -> keras.Model:
    given = keras.Input((None, None, 1))
    small = layers.UpSampling2D(5)(layers.MaxPooling2D(5)(given))
    return keras.Model(given, layers.Average()([given, small]))


def nowhere() -> keras.Model:
    made = constant(0.2)
    made.set_weights([weights * np.nan for weights in made.get_weights()])
    return made


REFUSED = {
    "two outputs": (two_ends(1, 2), "makes 2 outputs: save the one that is the mask"),
    "two inputs": (two_ends(2, 1), "takes 2 inputs: save one that takes the X-ray"),
    "both lungs": (constant(0.2, 0.3, **SIGMOID),
                   "makes 2 channels: save the one that is the mask"),
    "two logits": (constant(2.0, -1.0), "makes 2 channels: save the one that is the mask"),
    "three classes": (constant(0.1, 0.2, 0.3, activation="softmax"),
                      "makes 3 channels: save the one that is the mask"),
    "half the size": (network(layers.MaxPooling2D()),
                      "makes (None, 8, 8, 1) of (None, 16, 16, 1): no mask"),
    "five channels": (constant(0.2, shape=(16, 16, 5)),
                      "makes (None, 16, 16, 1) of (None, 16, 16, 5): no mask"),
    "of sizes that fifths have": (fifths(), "does not run on squares of 192 pixels: save it with a "
                                  "size of its own"),
    "a layer of one's own": (network(Unknown()), 'needs "Unknown", which Keras does not load: '
                             "register it, or export the network with plain layers"),
    "a layer derived from one": (network(Swish(1, 1)), 'needs "Swish", which Keras does not load: '
                                 "register it, or export the network with plain layers"),
    "a function of one's own": (network(layers.Activation(halved)), 'needs "halved", which Keras '
                                "does not load: register it, or export the network with plain "
                                "layers"),
    "code": (network(layers.Lambda(lambda x: x / 2)), 'needs "Lambda", which Keras does not load: '
             "register it, or export the network with plain layers"),
    "no numbers": (nowhere(), "gives no valid numbers for a picture: train it again"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_makes_no_mask_is_refused_with_the_cure(name, tmp_path):
    model, says = REFUSED[name]
    kinds = ["keras", "h5"] if "own" in name or name == "code" else ["keras"]
    for path in (tmp_path / f"mine.{kind}" for kind in kinds):
        model.save(path)
        with pytest.raises(DataError) as caught:
            load_own(path)
        assert str(caught.value) == f"{path} {says}"


def test_a_network_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    path = tmp_path / "mine.keras"
    path.touch()
    monkeypatch.setattr("os.access", lambda one, mode: (one, mode) != (path, os.R_OK))
    for load in (load_own, name_networks):
        with pytest.raises(DataError) as caught:
            load(path)
        assert str(caught.value) == f"{path} cannot be opened: check its permissions"


def test_a_folder_and_weights_alone_are_no_networks(tmp_path):
    model, weights = constant(0.2), tmp_path / "mine.weights.h5"
    model.export(tmp_path / "saved", verbose=False)
    model.save_weights(weights)
    for load in (load_own, name_networks):
        with pytest.raises(DataError) as caught:
            load(tmp_path / "saved")
        said = f"{tmp_path / 'saved'} is a folder: save the network as one file, NAME.keras"
        assert str(caught.value) == said
    with pytest.raises(DataError, match="is not a network that Keras"):
        load_own(weights)
