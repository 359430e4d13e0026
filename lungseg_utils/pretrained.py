"""Room 04: networks that come with the package, trained before.

Each is a pair of files in `weights`: NAME.npz, the weights, and NAME.json, what they were trained
on and with, which images were held out, and the checksum.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from lungseg_utils.png import DataError
from lungseg_utils.recipes import Augmentation, Recipe
from lungseg_utils.unet import build_unet

FOLDER = Path(__file__).parent / "weights"
MONTGOMERY = "montgomery"  # from the simulated ones, trained on Montgomery; MODEL_CARD.md
SIMULATED = "simulated"  # saw simulated radiographs only
# The smallest that costs at most .001 of Dice on inner validation images: benchmarks/trials.csv.
SHARE = 0.65


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


def load_saved(path: Path) -> keras.Model:
    """A network of your own, as `lungseg train` or `keras.Model.save` keep it.

    Raises: FileNotFoundError; DataError if it is none that makes a probability of an image.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: train one with lungseg train")
    try:
        model = keras.saving.load_model(path, compile=False)
        _, size, width, _ = model.input_shape
        fits = size == width and model.output_shape[1:] == (size, size, 1)
    except Exception as error:  # a file that is something else makes Keras raise errors of any kind
        raise DataError(f"{path} is no network that Keras {keras.__version__} reads") from error
    if not fits:
        raise DataError(f"{path} makes {model.output_shape} of {model.input_shape}: no mask")
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


def mean_weights(
    networks: Sequence[Sequence[np.ndarray]], shares: Sequence[float] | None = None
) -> list[np.ndarray]:
    """The weights of one network from those of several that began alike: their mean, in `shares`
    that add up to 1, equal unless given.

    The mean of two trainings is often better than either; with the weights that they began with, a
    network forgets less of what it knew before it saw one hospital's X-rays.
    Source: Wortsman et al. 2022, arXiv 2203.05482 and doi 10.1109/CVPR52688.2022.00780.
    """
    return [np.average(arrays, axis=0, weights=shares) for arrays in zip(*networks, strict=True)]


def save_pretrained(
    model: keras.Model, name: str, recipe: Recipe, facts: dict, folder: Path = FOLDER
) -> None:
    """Write the pair of files. Kernels are rounded to float16, which halves them; the rest, which
    is small and may be large in value, is kept as float32.
    """
    folder.mkdir(exist_ok=True)
    weights = [array.astype("float16" if array.ndim > 1 else "float32")
               for array in model.get_weights()]  # fmt: skip
    path = folder / f"{name}.npz"
    np.savez_compressed(path, *weights)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    content = facts | {"recipe": asdict(recipe), "sha256": digest}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
