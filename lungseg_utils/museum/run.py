"""A whole run in seven small steps, so that a bug is one step that differs."""

import ast
import hashlib
import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from types import ModuleType

import keras
import numpy as np

from lungseg_utils import augmentation, losses, metrics, predict, squares, unet
from lungseg_utils.recipes import COURSE_AT, learning_rates
from lungseg_utils.squares import Squares, load_squares
from lungseg_utils.start import Course, make_reproducible
from lungseg_utils.types import written_whole

FINE = 256  # pixels a side at which labels are made and masks are measured
SEEDS = (0, 1, 2)
LAPTOP = replace(COURSE_AT["ci"], name="museum", batch_size=8, epochs=16)
TINY = replace(LAPTOP, size=32, depth=2, batch_size=4, epochs=8, learning_rate=1e-2)
# modules that decide an outcome
CODE = "augmentation", "losses", "masks", "metrics", "predict", "squares", "unet"
RECIPES = {"ci": TINY, "laptop": LAPTOP, "gpu": LAPTOP}
FEW = 24  # training images: fewer are shown for more epochs, or no run would learn what a lung is


@dataclass(frozen=True)
class Data:
    """The three parts, stretched to `FINE` pixels a side; of the test images, how large a pixel
    (row, column) then is, in mm or, unless `in_mm`, in pixels of the file, and the patients."""

    training: Squares
    validation: Squares
    test: Squares
    spacings_mm: tuple[tuple[float, float], ...]
    patients: tuple[str, ...]
    in_mm: bool = True


@dataclass(frozen=True)
class Predicted:
    """All there is when a run is measured: the network with the weights that were kept, what it
    predicts for the test images, probabilities (n, size, size) and bool masks (n, FINE, FINE), and
    `labels`, what its own loader takes for the truth (n, FINE, FINE)."""

    data: Data
    model: keras.Model
    history: list[dict]
    probability: np.ndarray
    masks: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """One value a test image: honest scores of the masks, and the Dice that the run reports."""

    masks: np.ndarray
    dice: np.ndarray
    hd95_mm: np.ndarray  # NaN where the size of a pixel is not known
    reported: np.ndarray


def as_read(images: np.ndarray, masks: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each image with its own mask."""
    return images, masks


def unchanged(masks: np.ndarray) -> np.ndarray:
    """Labels as they were drawn, 0 to 1."""
    return masks


def move_both(images: np.ndarray, masks: np.ndarray, key: list[int]) -> tuple:
    """Copies of images and masks (n, size, size, 1), moved alike."""
    return augmentation.augment(images, masks, key)


def best_epoch(history: Sequence[dict]) -> int:
    """The epoch of the highest mean Dice on the validation part."""
    return int(np.argmax([row["val_dice"].mean() for row in history]))


def probabilities(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The network's probabilities for images (n, size, size), float32 of the same shape."""
    return model.predict_on_batch(images[..., None])[..., 0]


def dice_with_labels(predicted: Predicted) -> np.ndarray:
    """Dice of each mask with what the run takes for the truth, at `FINE` pixels."""
    return overlap(predicted.masks, predicted.labels)


def overlap(masks: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Dice by the formula that most code uses, which never checks that a label is 0 or 1."""
    shared, mask, label = (one.sum(axis=(1, 2)) for one in (masks * labels, masks, labels))
    return 2 * shared / (mask + label)


@dataclass(frozen=True)
class Steps:
    """A run, one field a step, in the order in which they are taken."""

    pair: Callable = as_read
    label: Callable = unchanged
    move: Callable = move_both
    loss: Callable = losses.bce_dice_loss
    keep: Callable = best_epoch
    predict: Callable = probabilities
    measure: Callable = dice_with_labels


HEALTHY = Steps()


class Museum:
    """The data, the recipe and the folder of all runs; each run is made once and kept there."""

    def __init__(self, course: Course):
        self.folder = course.home / "museum"
        split = course.split
        parts = (split.train, split.validation, split.test)
        in_mm = all(one.spacing_mm for one in split.test)
        spacings = tuple(
            tuple(np.multiply(one.shape, one.spacing_mm if in_mm else 1.0) / FINE)
            for one in split.test
        )
        squared = (load_squares(part, FINE, course.cache) for part in parts)
        self.data = Data(*squared, spacings, tuple(one.patient for one in split.test), in_mm)
        count, recipe = len(self.data.training.images), RECIPES[course.scale]
        epochs = round(recipe.epochs * FEW / min(FEW, count))
        self.recipe = replace(recipe, epochs=epochs, batch_size=min(recipe.batch_size, count))
        self._trained: dict = {}
        self._compiled: dict[Callable, keras.Model] = {}

    def outcome(self, name: str, steps: Steps = HEALTHY, seed: int = 0) -> Outcome:
        """The outcome of a run under that name: read back, or trained and measured now."""
        path = self.folder / f"{name.replace(' ', '-')}-{seed}-{self._digest(steps)}.npz"
        if not path.exists():
            found = measure(self.predicted(steps, seed), steps)
            with written_whole(path) as part:
                np.savez_compressed(part, **vars(found))
        with np.load(path) as kept:
            return Outcome(**kept)

    def predicted(self, steps: Steps = HEALTHY, seed: int = 0) -> Predicted:
        """Train, keep an epoch, predict; runs that train alike on the same squares share it."""
        parts = [
            [to_squares(arrays, self.recipe.size) for arrays in load(steps, part, seed)]
            for part in (self.data.training, self.data.validation)
        ]
        seen = b"".join(arrays.tobytes() for part in parts for arrays in part)
        key = hashlib.sha256(seen).digest(), steps.move, steps.loss, seed
        if key not in self._trained:
            self._trained[key] = self._train(steps, seed, parts)
        model, history, weights = self._trained[key]
        model.set_weights(weights[steps.keep(history)])
        images, labels = load(steps, self.data.test, seed)
        probability = steps.predict(model, to_squares(images, self.recipe.size))
        return Predicted(self.data, model, history, probability, masks_of(probability), labels)

    def fresh_network(self, loss: Callable, seed: int = 0) -> keras.Model:
        """An untrained network; `seed` is one of `SEEDS`.

        Compiled once for each loss and shared: take what you need from one before the next.
        """
        if loss not in self._compiled:
            self._compiled[loss] = model = self._built()
            rates = learning_rates(self.recipe, len(self.data.training.images))
            decay = self.recipe.weight_decay
            model.compile(keras.optimizers.AdamW(rates, weight_decay=decay), loss)
            model.optimizer.build(model.trainable_variables)
        model = self._compiled[loss]
        model.set_weights(self._first_weights[seed])
        for variable in model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        return model

    @cached_property
    def _first_weights(self) -> list[list[np.ndarray]]:
        weights = []
        for seed in SEEDS:  # all at once: with a new seed TensorFlow prepares its graphs anew
            make_reproducible(seed)
            weights.append(self._built().get_weights())
        return weights

    def _built(self) -> keras.Model:
        recipe = self.recipe
        return unet.build_unet(recipe.size, 1, recipe.filters, recipe.depth, recipe.momentum)

    def _train(self, steps: Steps, seed: int, parts: list) -> tuple[keras.Model, list[dict], list]:
        """The run's network, its history, and the weights after each epoch."""
        (images, labels), (unseen, truth) = parts
        model, size = self.fresh_network(steps.loss, seed), self.recipe.batch_size
        rng, history, weights = np.random.default_rng(seed), [], []
        for epoch in range(self.recipe.epochs):
            moved = steps.move(images[..., None], labels[..., None], [seed, epoch])
            moved = [np.asarray(array) for array in moved]
            order, whole = rng.permutation(len(images)), len(images) // size
            model.reset_metrics()
            for batch in order[: whole * size].reshape(whole, size):
                loss = model.train_on_batch(moved[0][batch], moved[1][batch])
            val_dice = overlap(probabilities(model, unseen) > predict.THRESHOLD, truth)
            history.append({"loss": float(loss), "val_dice": val_dice})
            weights.append(model.get_weights())
        return model, history, weights

    def _digest(self, steps: Steps) -> str:
        """What an outcome depends on: the recipe, the data, and what the code does."""
        # a step of the package may call others beside it
        own = [sys.modules[step.__module__] if step.__module__.startswith(__package__) else step
               for step in vars(steps).values()]  # fmt: skip
        digest = self._data_digest.copy()
        shared = (sys.modules[f"lungseg_utils.{name}"] for name in CODE)
        for code in dict.fromkeys([*shared, learning_rates, sys.modules[__name__], *own]):
            digest.update(what_it_does(code).encode())
        return digest.hexdigest()[:16]

    @cached_property
    def _data_digest(self):
        digest = hashlib.sha256(json.dumps(asdict(self.recipe)).encode())
        for part in (self.data.training, self.data.validation, self.data.test):
            digest.update(part.images.tobytes() + part.masks.tobytes())
        digest.update(repr(self.data.spacings_mm if self.data.in_mm else None).encode())
        return digest


def what_it_does(code: ModuleType | Callable) -> str:
    """The source of a module or a function without its comments and docstrings."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    for node in ast.walk(tree):
        kinds = ast.Module, ast.ClassDef, ast.FunctionDef
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def load(steps: Steps, part: Squares, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a part as the run's loader delivers them, (n, FINE, FINE) each."""
    images, labels = steps.pair(part.images, (part.masks >= 0.5).astype(np.float32), seed)
    return images, steps.label(labels)


def to_squares(arrays: np.ndarray, size: int) -> np.ndarray:
    """Float arrays (n, FINE, FINE) shrunk to the network's (n, size, size)."""
    return np.stack([squares.to_square(array.astype(np.float32), size) for array in arrays])


def masks_of(probability: np.ndarray) -> np.ndarray:
    """Masks, bool (n, FINE, FINE), of probabilities (n, size, size): above 0.5, two lungs."""
    return np.stack([predict.mask_from_square(one, (FINE, FINE)) for one in probability])


def measure(predicted: Predicted, steps: Steps) -> Outcome:
    """Honest scores of the masks beside the Dice that the run's own measuring gives."""
    truth = predicted.data.test.masks >= 0.5
    spacings = predicted.data.spacings_mm if predicted.data.in_mm else [None] * len(truth)
    honest = list(map(metrics.score, predicted.masks, truth, spacings))
    scores = (np.array([row.get(key, np.nan) for row in honest]) for key in ("dice", "hd95_mm"))
    return Outcome(predicted.masks, *scores, np.asarray(steps.measure(predicted), float))
