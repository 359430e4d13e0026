"""Notebook 04: the trained networks that come with the package.

Each is a pair of files in `weights`: NAME.onnx, the network, which ONNX Runtime runs and Keras can
take its weights from, and NAME.json, what it was trained on and with, which images were held out,
and the checksum. benchmarks/weights.py makes both.
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lungseg_utils.types import DataError

if TYPE_CHECKING:  # to predict takes neither Keras nor what needs it
    import keras

FOLDER = Path(__file__).parent / "weights"
MONTGOMERY = "montgomery"  # from the simulated ones, trained on Montgomery; MODEL_CARD.md
SIMULATED = "simulated"  # saw simulated radiographs only; what a training may start from
SECOND = "second"  # smaller, on other simulated radiographs and from other weights
SHIPPED = MONTGOMERY, SECOND  # the first gives the mask, the other a second opinion


def load_pretrained(
    name: str = MONTGOMERY, size: int | None = None, precision: str = "float32"
) -> "keras.Model":
    """A trained U-Net in Keras; `name` is "montgomery", "simulated" or "second".

    Args: `size` in pixels of its input, where it shall not be the one it was trained at;
        `precision` a Keras dtype policy.
    Raises: as `pretrained_file`.
    """
    import onnx

    from lungseg_utils.unet import build_unet

    kept = onnx.load(pretrained_file(name)).graph.initializer  # Keras's order, ONNX's axes
    recipe = pretrained_facts(name)["recipe"]
    size, shape = size or recipe["size"], ("channels", "filters", "depth", "momentum")
    model = build_unet(size, *(recipe[key] for key in shape), precision)
    weights = [onnx.numpy_helper.to_array(one).astype(np.float32) for one in kept]
    model.set_weights([one.transpose(2, 3, 1, 0) if one.ndim == 4 else one for one in weights])
    return model


def pretrained_file(name: str) -> Path:
    """The ONNX file of a network.

    Raises: as `pretrained_facts`; DataError if it is not the one that was shipped.
    """
    path, facts = FOLDER / f"{name}.onnx", pretrained_facts(name)
    if hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
        raise DataError(f"{path} is not the file that was shipped: install the package again")
    return path


def pretrained_facts(name: str) -> dict:
    """What is known of a network that comes with the package.

    Raises: ValueError if there is none of that name.
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.json")))
        raise ValueError(f'there are no weights named "{name}": choose one of {known}')
    return json.loads(path.read_text(encoding="utf-8"))
