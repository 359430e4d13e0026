"""Room 07: a whole run in seven small steps, so that a mistake is one step that differs."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import keras
import numpy as np

from lungseg_utils import metrics
from lungseg_utils.losses import bce_dice_loss
from lungseg_utils.masks import to_square
from lungseg_utils.pipeline import Squares, augment, load_squares, make_reproducible
from lungseg_utils.recipes import COURSE_AT, Recipe, learning_rates
from lungseg_utils.splits import split_by_patient
from lungseg_utils.start import Course
from lungseg_utils.unet import THRESHOLD, build_unet, mask_from_square

FINE = 256  # pixels a side at which labels are made and masks are measured
SEEDS = (0, 1, 2)
LAPTOP = replace(COURSE_AT["ci"], name="museum", batch_size=8, epochs=16)
TINY = replace(LAPTOP, size=32, depth=2, batch_size=4, epochs=8, learning_rate=1e-2)
RECIPES = {"ci": TINY, "laptop": LAPTOP, "gpu": LAPTOP}
History = list[dict]


@dataclass(frozen=True)
class Data:
    """The three parts, stretched to `FINE` pixels a side; of the test images, the spacings
    (row, column) then, 1.0 where the set does not tell, and the patients."""

    training: Squares
    validation: Squares
    test: Squares
    spacings_mm: tuple[tuple[float, float], ...]
    patients: tuple[str, ...]


@dataclass(frozen=True)
class Sitting:
    """All there is when a run is measured: the network with the weights that were kept, what it
    predicts for the test images, probabilities (n, size, size) and bool masks (n, FINE, FINE), and
    `labels`, what its own loader takes for the truth (n, FINE, FINE)."""

    data: Data
    model: keras.Model
    history: History
    probability: np.ndarray
    masks: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """One value a test image: honest scores of the masks, and the Dice that the run reports."""

    masks: np.ndarray
    dice: np.ndarray
    hd95_mm: np.ndarray
    assd_mm: np.ndarray
    reported: np.ndarray


def as_read(images: np.ndarray, masks: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each image with its own mask."""
    return images, masks


def unchanged(masks: np.ndarray) -> np.ndarray:
    """Labels as they were drawn, 0 to 1."""
    return masks


def move_both(images: np.ndarray, masks: np.ndarray, key: list[int]) -> tuple:
    """Copies of images and masks (n, size, size, 1), moved alike."""
    return augment(images, masks, key)


def best_epoch(history: History) -> int:
    """The epoch of the highest mean Dice on the validation part."""
    return int(np.argmax([row["val_dice"].mean() for row in history]))


def probabilities(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the network says of images (n, size, size), float32 of the same shape."""
    return model.predict_on_batch(images[..., None])[..., 0]


def dice_with_labels(sitting: Sitting) -> np.ndarray:
    """Dice of each mask with what the run takes for the truth, at `FINE` pixels."""
    return overlap(sitting.masks, sitting.labels)


def overlap(masks: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Dice by the formula that most code uses, which asks nobody whether a label is 0 or 1."""
    shared, mask, label = (one.sum(axis=(1, 2)) for one in (masks * labels, masks, labels))
    return 2 * shared / (mask + label)


@dataclass(frozen=True)
class Steps:
    """A run, one field a step, in the order in which they are taken."""

    pair: Callable = as_read
    label: Callable = unchanged
    move: Callable = move_both
    loss: Callable = bce_dice_loss
    keep: Callable = best_epoch
    predict: Callable = probabilities
    measure: Callable = dice_with_labels


HEALTHY = Steps()


class Museum:
    """The data, the recipe and the folder of all runs; each run is made once and kept there."""

    def __init__(self, course: Course):
        self.recipe, self.folder = RECIPES[course.scale], course.home / "museum"
        self.data = load_data(course)
        self._trained: dict = {}

    def visit(self, name: str, steps: Steps = HEALTHY, seed: int = 0) -> Outcome:
        """The outcome of a run under that name: read back, or trained and measured now."""
        path = self.folder / f"{name.replace(' ', '-')}-{seed}-{self._fingerprint}.npz"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"part-{os.getpid()}-{path.name}")
            np.savez_compressed(part, **vars(score(self.sit(steps, seed), steps)))
            part.replace(path)
        with np.load(path) as kept:
            return Outcome(**kept)

    def sit(self, steps: Steps = HEALTHY, seed: int = 0) -> Sitting:
        """Train, keep an epoch, predict; runs that differ only after the training share it."""
        key = steps.pair, steps.label, steps.move, steps.loss, seed
        if key not in self._trained:
            self._trained[key] = train(steps, self.data, replace(self.recipe, seed=seed))
        model, history, weights = self._trained[key]
        model.set_weights(weights[steps.keep(history)])
        images, labels = load(steps, self.data.test, seed)
        probability = steps.predict(model, squares(images, self.recipe.size))
        return Sitting(self.data, model, history, probability, masks_of(probability), labels)

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(json.dumps(asdict(self.recipe)).encode())
        for part in (self.data.training, self.data.validation, self.data.test):
            digest.update(part.images.tobytes() + part.masks.tobytes())
        for name in ("mistakes.py", "museum.py"):  # what a step does is a setting too
            digest.update((Path(__file__).parent / name).read_bytes())
        return digest.hexdigest()[:16]


def load_data(course: Course) -> Data:
    """The course's split by patient, each part at `FINE` pixels a side."""
    split = split_by_patient(course.records)
    parts = [
        load_squares(part, FINE, course.cache)
        for part in (split.train, split.validation, split.test)
    ]
    spacings = tuple(
        tuple(np.multiply(one.shape, one.spacing_mm) / FINE) if one.spacing_mm else (1.0, 1.0)
        for one in split.test
    )
    return Data(*parts, spacings, tuple(one.patient for one in split.test))


def load(steps: Steps, part: Squares, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a part as the run's loader delivers them, (n, FINE, FINE) each."""
    images, masks = steps.pair(part.images, (part.masks >= 0.5).astype(np.float32), seed)
    return images, steps.label(masks)


def squares(arrays: np.ndarray, size: int) -> np.ndarray:
    """Float arrays (n, FINE, FINE) shrunk to the network's (n, size, size)."""
    return np.stack([to_square(array.astype(np.float32), size) for array in arrays])


def masks_of(probability: np.ndarray) -> np.ndarray:
    """Masks, bool (n, FINE, FINE), of probabilities (n, size, size): above 0.5, two lungs."""
    return np.stack([mask_from_square(one, (FINE, FINE)) for one in probability])


def train(steps: Steps, data: Data, recipe: Recipe) -> tuple[keras.Model, History, list]:
    """The run's network, its history, and the weights after each epoch."""
    images, masks = (squares(one, recipe.size) for one in load(steps, data.training, recipe.seed))
    unseen, truth = (squares(one, recipe.size) for one in load(steps, data.validation, recipe.seed))
    model = fresh_network(recipe, steps.loss, len(images))
    rng, history, weights = np.random.default_rng(recipe.seed), [], []
    for epoch in range(recipe.epochs):
        moved = steps.move(images[..., None], masks[..., None], [recipe.seed, epoch])
        moved = [np.asarray(array) for array in moved]
        order, whole = rng.permutation(len(images)), len(images) // recipe.batch_size
        model.reset_metrics()
        for batch in order[: whole * recipe.batch_size].reshape(whole, -1):
            loss = model.train_on_batch(moved[0][batch], moved[1][batch])
        val_dice = overlap(probabilities(model, unseen) > THRESHOLD, truth)
        history.append({"loss": float(loss), "val_dice": val_dice})
        weights.append(model.get_weights())
    return model, history, weights


def fresh_network(recipe: Recipe, loss: Callable, images: int) -> keras.Model:
    """A network that knows nothing yet, of a recipe whose seed is one of `SEEDS`.

    Compiled once for each loss and shared: take what you need from one before you want the next.
    """
    any_seed = replace(recipe, seed=0)
    first, model = _first_weights(any_seed)[recipe.seed], _compiled(any_seed, loss, images)
    model.set_weights(first)
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    return model


@lru_cache(maxsize=4)
def _compiled(recipe: Recipe, loss: Callable, images: int) -> keras.Model:
    model = _built(recipe)
    rates = learning_rates(recipe, images)
    model.compile(keras.optimizers.AdamW(rates, weight_decay=recipe.weight_decay), loss)
    model.optimizer.build(model.trainable_variables)
    return model


@lru_cache(maxsize=4)
def _first_weights(recipe: Recipe) -> list[list[np.ndarray]]:
    weights = []
    for seed in SEEDS:  # all at once: with a new seed TensorFlow prepares its graphs anew
        make_reproducible(seed)
        weights.append(_built(recipe).get_weights())
    return weights


def _built(recipe: Recipe) -> keras.Model:
    return build_unet(recipe.size, 1, recipe.filters, recipe.depth, recipe.momentum)


def score(sitting: Sitting, steps: Steps) -> Outcome:
    """Honest scores of the masks beside the Dice that the run's own measuring gives."""
    truth = sitting.data.test.masks >= 0.5
    cases = zip(sitting.masks, truth, sitting.data.spacings_mm, strict=True)
    honest = [metrics.score(*case) for case in cases]
    columns = [np.array([row[key] for row in honest]) for key in ("dice", "hd95_mm", "assd_mm")]
    return Outcome(sitting.masks, *columns, np.asarray(steps.measure(sitting), float))
