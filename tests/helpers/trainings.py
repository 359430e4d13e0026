"""A training of seconds, and what it is compared by."""

from dataclasses import replace

import numpy as np

from lungseg_utils.recipes import COURSE
from lungseg_utils.squares import Squares
from lungseg_utils.training import train

TINY = replace(COURSE, name="tiny", size=32, filters=4, depth=1, batch_size=4, epochs=4)


def discs(count: int, seed: int) -> Squares:
    """Dark discs on a noisy bright ground, easy to learn."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32]
    centres = random.uniform(10, 22, (count, 2, 1, 1))
    masks = np.hypot(rows - centres[:, 0], columns - centres[:, 1]) < 7
    noise = random.normal(0, 0.05, masks.shape)
    arrays = np.clip(0.8 - 0.6 * masks + noise, 0, 1), masks
    return Squares(*(array.astype(np.float32) for array in arrays))


def train_tiny(folder, recipe=TINY, report=lambda recipe, history: None):
    return train(recipe, discs(18, 1), discs(5, 2), folder, report=report)


def assert_same_weights(one, other):
    pairs = zip(one.model.get_weights(), other.model.get_weights(), strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)
