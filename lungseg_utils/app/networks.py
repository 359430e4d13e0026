"""The networks that the command and the page use: those that ship, and one of your own."""

import hashlib
import os
import re
from pathlib import Path

import keras
import numpy as np

from lungseg_utils.pretrained import SHIPPED, load_pretrained, pretrained_facts
from lungseg_utils.types import DataError

# how Keras names a layer or a function that it does not have, or that holds code
UNLOADED = re.compile(r"(?:Could not locate \w+ '|Unknown \w+: '|deserialization of a `)(\w+)")
ROUNDING = 1e-3  # of 16 bits


def load_networks(own: Path | None = None) -> list[keras.Model]:
    """The networks that look at an X-ray: `SHIPPED`, or one of your own in place of the first.

    Raises: as `load_pretrained` and `load_saved`.
    """
    first, *others = SHIPPED
    return [load_saved(own) if own else load_pretrained(first), *map(load_pretrained, others)]


def name_networks(own: Path | None = None) -> str:
    """What `load_networks` loads, each with the first digits of its file's checksum."""
    sums = [(name, pretrained_facts(name)["sha256"]) for name in SHIPPED]
    if own:
        sums[0] = own.name, hashlib.sha256(_network_file(own).read_bytes()).hexdigest()
    return " + ".join(f"{name} {digest[:8]}" for name, digest in sums)


def _network_file(path: Path) -> Path:
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder: save the network as one file, NAME.keras")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}: train one with lungseg train")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} cannot be opened: check its permissions")
    return path


def load_saved(path: Path) -> keras.Model:
    """A network of your own, as `lungseg train` or `keras.Model.save` keep it, in .keras or .h5.

    It takes squares of 1 or 3 channels, those of any size at the course's, and makes of each pixel
    a probability, a logit, or both of background and lung, in this order, adding up to 1.
    Returns: the network, or one around it that makes the probability of lung.
    Raises: FileNotFoundError; DataError if it is no such network.
    """
    _network_file(path)
    try:
        model = keras.saving.load_model(path, compile=False)
        _, _, _, _ = model.inputs[0].shape
    except Exception as error:  # a file that is something else makes Keras raise errors of any kind
        raise DataError(f"{path} {_why_unread(str(error))}") from error
    if len(model.inputs) > 1:
        raise DataError(f"{path} takes {len(model.inputs)} inputs: save one that takes the X-ray")
    if len(model.outputs) > 1:
        raise DataError(f"{path} makes {len(model.outputs)} outputs: save the one that is the mask")
    model = keras.Model(model.inputs[0], model.outputs[0])  # neither may be within a list
    return _with_probability(model, _answer(model, path), path)


def _why_unread(said: str) -> str:
    if unknown := UNLOADED.search(said):
        cure = "register it, or export the network with plain layers"
        return f'needs "{unknown[1]}", which Keras does not load: {cure}'
    return f"is no network that Keras {keras.__version__} reads"


def _answer(model: keras.Model, path: Path) -> np.ndarray:
    """What it makes of a black square and one of noise, float32 (2, size, size, channels)."""
    _, height, width, channels = model.inputs[0].shape
    usual = pretrained_facts(SHIPPED[0])["recipe"].size
    size, channels = height or width or usual, channels or 1
    shown = np.random.default_rng(0).random((2, size, size, channels), np.float32)
    shown[0] = 0
    fits, answer = {height, width} <= {size, None} and channels in (1, 3), shown
    try:
        if fits:
            answer = keras.ops.convert_to_numpy(model(shown, training=False)).astype(np.float32)
    except Exception as error:  # of any kind, as it was built for another size
        said = f"{path} does not run on squares of {size} pixels: save it with a size of its own"
        raise DataError(said) from error
    if not fits or answer.shape[:-1] != shown.shape[:-1]:
        raise DataError(f"{path} makes {model.output_shape} of {model.input_shape}: no mask")
    if not np.isfinite(answer).all():
        raise DataError(f"{path} makes no numbers of a picture: train it again")
    return answer


def _with_probability(model: keras.Model, answer: np.ndarray, path: Path) -> keras.Model:
    *_, size, count = answer.shape
    inside = answer.min() >= -ROUNDING and answer.max() <= 1 + ROUNDING
    softmax = count == 2 and inside and np.allclose(answer.sum(axis=-1), 1, atol=10 * ROUNDING)
    if count != 1 and not softmax:
        raise DataError(f"{path} makes {count} channels: save the one that is the mask")
    takes, makes = model.inputs[0], model.outputs[0]
    if takes.shape[1:3] == (size, size) and inside and count == 1 and makes.dtype == "float32":
        return model
    inputs = keras.Input((size, size, takes.shape[-1] or 1))
    probability = keras.layers.Activation("linear" if inside else "sigmoid", dtype="float32")
    return keras.Model(inputs, probability(model(inputs)[..., -1:]))
