"""Notebook 04: the trained networks that come with the package.

Each is a pair of files in `weights`: NAME.npz, the weights, and NAME.json, what they were trained
on and with, which images were held out, and the checksum. benchmarks/weights.py makes both.
"""

import hashlib
import json
from pathlib import Path

import keras
import numpy as np

from lungseg_utils.recipes import Augmentation, Recipe
from lungseg_utils.types import DataError
from lungseg_utils.unet import build_unet

FOLDER = Path(__file__).parent / "weights"
MONTGOMERY = "montgomery"  # from the simulated ones, trained on Montgomery; MODEL_CARD.md
SIMULATED = "simulated"  # saw simulated radiographs only
SHIPPED = MONTGOMERY, SIMULATED  # the first gives the mask, the others a second opinion


def load_pretrained(
    name: str = MONTGOMERY, size: int | None = None, precision: str = "float32"
) -> keras.Model:
    """A trained U-Net; `name` is "montgomery" or "simulated".

    Args: `size` in pixels of its input, where it shall not be the one it was trained at;
        `precision` a Keras dtype policy.
    Raises: DataError if the file of weights is damaged.
    """
    facts = pretrained_facts(name)
    path = FOLDER / f"{name}.npz"
    if hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
        raise DataError(f"{path} is not the file that was shipped: install the package again")
    recipe = facts["recipe"]
    shape = recipe.channels, recipe.filters, recipe.depth, recipe.momentum
    model = build_unet(size or recipe.size, *shape, precision)
    with np.load(path) as kept:
        model.set_weights([kept[place].astype(np.float32) for place in kept.files])
    return model


def pretrained_facts(name: str) -> dict:
    """What is known of a network that comes with the package, its `recipe` among it.

    Raises: ValueError if there is none of that name.
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.json")))
        raise ValueError(f'there are no weights named "{name}": take one of {known}')
    facts = json.loads(path.read_text(encoding="utf-8"))
    augmentation = Augmentation(**facts["recipe"]["augmentation"])
    return facts | {"recipe": Recipe(**facts["recipe"] | {"augmentation": augmentation})}
