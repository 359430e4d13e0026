"""Notebook 04: every setting of a training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from lungseg_utils.augmentation import MILD, STRONG, Augmentation

WARMUP_SHARE = 0.1  # of all steps


@dataclass(frozen=True)
class Recipe:
    """All that decides a training, besides the data.

    `size` in pixels; `learning_rate` is the highest one, after a linear warm-up and before a
    cosine decay to zero, or the constant one where `decays` is False; `keep_best` keeps the epoch
    of the lowest validation loss instead of the last one.
    """

    name: str
    size: int
    channels: int
    filters: int
    depth: int
    momentum: float
    loss: str
    batch_size: int
    epochs: int
    learning_rate: float
    decays: bool
    weight_decay: float
    augmentation: Augmentation | None
    keep_best: bool
    seed: int = 0


# The article's, for comparison. It also cut the learning rate to a tenth after five epochs without
# progress, which never happened in its run.
ARTICLE = Recipe(
    name="article", size=512, channels=3, filters=64, depth=4, momentum=0.99, loss="article_dice",
    batch_size=2, epochs=30, learning_rate=1e-5, decays=False, weight_decay=0.0, augmentation=None,
    keep_best=True,
)  # fmt: skip

COURSE = Recipe(
    name="course", size=192, channels=1, filters=16, depth=4, momentum=0.9, loss="bce_dice",
    batch_size=8, epochs=24, learning_rate=2e-3, decays=True, weight_decay=1e-2, augmentation=MILD,
    keep_best=False,
)  # fmt: skip

# For simulated radiographs only: harder copies, and smaller pictures, in which they lack less.
FOR_SIMULATED = replace(COURSE, name="simulated", size=128, epochs=16, augmentation=STRONG)

# Longer, on harder copies: a little worse on the set it learned from, better on others.
HARDER = replace(COURSE, name="harder", epochs=60, augmentation=STRONG)

# For the weights that ship: the mean of two networks that began with the weights of FOR_SIMULATED.
BEST = (COURSE, HARDER)

COURSE_AT = {
    "ci": replace(COURSE, size=64, filters=8, depth=3, epochs=30, batch_size=4),
    "laptop": COURSE,
    "gpu": HARDER,
}


def steps_per_epoch(recipe: Recipe, images: int) -> int:
    """Steps of one epoch over `images` images; a last, smaller batch is left out."""
    return images // min(recipe.batch_size, images)


def learning_rates(recipe: Recipe, images: int) -> float | LearningRateSchedule:
    """The recipe's learning rate: a number, or a Keras schedule over all steps."""
    if not recipe.decays:
        return recipe.learning_rate
    last = recipe.epochs * steps_per_epoch(recipe, images)
    first = max(1, round(WARMUP_SHARE * last))
    steps = np.arange(last + 1)
    cosine = (1 + np.cos(np.pi * (steps - first) / max(1, last - first))) / 2
    return _Table(recipe.learning_rate * np.where(steps < first, steps / first, cosine))


class _Table(LearningRateSchedule):
    """Looked up: Keras asks once for each variable, and TensorFlow traces every answer."""

    def __init__(self, rates: Sequence[float]) -> None:
        self._rates = tf.constant(rates, tf.float32)

    def __call__(self, step: int) -> tf.Tensor:
        return tf.gather(self._rates, step)

    def get_config(self) -> dict:
        return {"rates": self._rates.numpy().tolist()}
