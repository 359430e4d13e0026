"""Notebook 08: from an X-ray to a mask, areas, the quality of the mask and warnings.

The first network gives the mask. Others look at the image and at copies of it, which is called
test-time augmentation: how far their second opinion is from the mask says how good the mask is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np

from lungseg_utils.masks import LungArea, keep_two_lungs, lung_areas, mask_warnings
from lungseg_utils.metrics import dice, soft_dice
from lungseg_utils.squares import Transform, between_borders, to_native, to_square
from lungseg_utils.types import Image, Mask, Spacing

THRESHOLD = 0.5  # fixed beforehand, never tuned on the images that are scored
LEAST_QUALITY = 0.95
# What `Prediction.signs` weigh in log(1 - Dice), fitted: benchmarks/quality.json.
WEIGHTS = np.array([0.356, 0.432, 0.603, 0.893])
LEAST_ERROR = 0.003  # of a Dice, added before its logarithm
LEAST_THIRD = 0.1  # of the largest piece: benchmarks/framing.json
LEAST_PICTURE = 0.3  # between borders of one grey; of 385 real X-rays none has less than .41


class Network(Protocol):
    """A Keras model, or one in ONNX Runtime: (n, size, size, channels) to (n, size, size, 1)."""

    input_shape: tuple[int | None, ...]

    def __call__(self, x: np.ndarray, training: bool = False) -> np.ndarray: ...

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray: ...


def predict_probability(model: Network, image: Image) -> np.ndarray:
    """One network's probability of lung, float32, at the image's own (height, width)."""
    return to_native(_on_square(model, image), image.shape)


def predict_mask(model: Network, image: Image, shape: tuple[int, int] | None = None) -> Mask:
    """One network's mask, above 0.5 and in two pieces at most, of `shape` or the image's own."""
    return mask_from_square(_on_square(model, image), shape or image.shape)


def mask_from_square(
    probability: np.ndarray, shape: tuple[int, int], threshold: float = THRESHOLD
) -> Mask:
    """The mask, bool of `shape`, of a probability float32 (size, size): above the threshold, the
    two largest pieces, their holes filled.
    """
    above = probability > threshold
    lungs = keep_two_lungs(above)
    probability = np.where(above == lungs, probability, lungs.astype(np.float32))
    return to_native(probability, shape) > threshold


def _on_square(model: Network, image: Image) -> np.ndarray:
    _, size, _, channels = model.input_shape
    square = to_square(image, size)[None, :, :, None]
    batch = np.repeat(square, channels, axis=-1)  # (1, size, size, channels)
    return np.asarray(model(batch, training=False))[0, :, :, 0]


@dataclass(frozen=True)
class Prediction:
    """What is said of an X-ray of `shape` (height, width).

    `square` float32 (size, size) is the probability that the mask is cut from, `second` that of the
    second opinion, `seen` the image they saw; `notes` are warnings that hold at every threshold;
    `shown`, the rows and columns that are not a border of one grey.
    """

    shape: tuple[int, int]
    spacing_mm: Spacing | None
    square: np.ndarray
    second: np.ndarray
    seen: np.ndarray
    notes: tuple[str, ...]
    threshold: float
    shown: tuple[slice, slice] = (slice(None), slice(None))

    @cached_property
    def mask(self) -> Mask:
        """Where the lungs are, bool of `shape`."""
        return mask_from_square(self.square, self.shape, self.threshold)

    @cached_property
    def areas(self) -> tuple[LungArea, ...]:
        """The lungs of the mask, at most two, from the left of the image."""
        return lung_areas(self.mask, self.spacing_mm)

    @cached_property
    def signs(self) -> np.ndarray | None:
        """What tells a bad mask, (4,), or None without lungs: 1; logarithms of how far the second
        opinion is from it and how much the first network hesitates; how the lungs differ in grey.
        """
        lungs = keep_two_lungs(self.square > self.threshold)
        pieces, labels = cv2.connectedComponents(lungs.astype(np.uint8), connectivity=4)
        greys = [np.median(self.seen[labels == piece]) for piece in range(1, pieces)]
        if not greys:
            return None
        apart = 1 - dice(self.second > THRESHOLD, lungs)
        hesitates = 1 - soft_dice(self.square, lungs)
        return np.array([1, *np.log(np.add([apart, hesitates], LEAST_ERROR)), np.ptp(greys)])

    @property
    def quality(self) -> float | None:
        """The Dice that is expected of the mask, 0 to 1; None where no lung was found."""
        if self.signs is None:
            return None
        return float(np.clip(1 + LEAST_ERROR - np.exp(self.signs @ WEIGHTS), 0, 1))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences to read before the rest."""
        found = mask_warnings(self.mask, self.areas, self.shown)
        if self.quality is not None and self.quality < LEAST_QUALITY:
            found.append(f"the outline is likely to be wrong: expect a Dice of {self.quality:.2f}")
        return (*found, *self.notes)


def predict(
    models: Sequence[Network],
    image: Image,
    spacing_mm: Spacing | None = None,
    threshold: float = THRESHOLD,
    notes: Sequence[str] = (),
) -> Prediction:
    """Find the lungs in an image, and say how good the mask is likely to be.

    Args: `models`, the network that gives the mask and those that give the second opinion, or one
        for both. `notes` of the file are kept among the warnings.
    """
    squares = squares_for(models, image)
    square = predict_squares(models[0], squares[0][None])[0]
    second = all_probabilities(models[1:] or models, squares[1:] or squares).mean(axis=0)
    shown = between_borders(squares[0], image.shape)
    share = image[shown].size / image.size
    if share < LEAST_PICTURE:  # too small to tell which way up it is
        warnings = [f"the X-ray takes up only {share:.0%} of its picture: crop it to the X-ray"]
    else:
        warnings = _orientation_warnings(models, squares)
    if _has_third_lung(square > THRESHOLD):
        warnings.append("more than two lungs were found: crop it to one X-ray, if it shows several")
    second, notes = to_native(second, square.shape), (*warnings, *notes)
    return Prediction(image.shape, spacing_mm, square, second, squares[0], notes, threshold, shown)


TRANSFORMS = (
    Transform(rotation=5, zoom=1.05),
    Transform(rotation=-5, zoom=0.95),
    Transform(gamma=0.7, down=0.03),
)
BATCH = 1 + len(TRANSFORMS)


def squares_for(models: Sequence[Network], image: Image) -> list[np.ndarray]:
    """The image at the size of each network, float32 (size, size) each."""
    sizes = [model.input_shape[1] for model in models]
    if (shared := math.lcm(*sizes)) <= min(image.shape):  # read a large image once
        image = to_square(image, shared)
    shrunk = {size: to_square(image, size) for size in set(sizes)}
    return [shrunk[size] for size in sizes]


def all_probabilities(
    models: Sequence[Network],
    squares: Sequence[np.ndarray],
    transforms: Sequence[Transform] = TRANSFORMS,
) -> np.ndarray:
    """What each network says of its square and of each transformed copy, moved back.

    Args: `squares`, those of `squares_for`.
    Returns: probabilities float32 (networks x (1 + transforms), size, size), the size that of the
        largest network; each network's plain answer comes before those of its copies.
    """
    size, found = max(map(len, squares)), []
    for model, square in zip(models, squares, strict=True):
        copies = [transform.apply(square) for transform in transforms]
        plain, *others = predict_squares(model, np.stack([square, *copies]))
        undone = (one.undo(other, plain) for one, other in zip(transforms, others, strict=True))
        found += [plain, *undone]
    return np.stack([to_native(one, (size, size)) for one in found])


def predict_squares(model: Network, squares: np.ndarray) -> np.ndarray:
    """One network's probabilities (n, size, size) of images float32 (n, size, size)."""
    batch = np.repeat(squares[..., None], model.input_shape[-1], axis=-1)
    # compiled once for each length, this is three times faster than a call: so few lengths
    parts = (batch[begin : begin + BATCH] for begin in range(0, len(batch), BATCH))
    return np.concatenate([model.predict_on_batch(part) for part in parts])[..., 0]


def _has_third_lung(mask: Mask) -> bool:
    found = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    sizes = np.sort(found[2][1:, cv2.CC_STAT_AREA])
    return len(sizes) > 2 and bool(sizes[-3] > LEAST_THIRD * sizes[-1])


def best_orientation(models: Sequence[Network], squares: Sequence[np.ndarray]) -> tuple[int, bool]:
    """How to turn the image of `squares_for`, in quarters counterclockwise, and whether to invert
    it, for the networks to be surest: (0, False) for an upright chest X-ray.
    """
    views = [(quarters, inverted) for inverted in (False, True) for quarters in range(4)]
    total = np.zeros(len(views))
    for model, square in zip(models, squares, strict=True):
        turned = [np.rot90(1 - square if inverted else square, k) for k, inverted in views]
        answers = predict_squares(model, np.stack(turned))
        total += [soft_dice(one, one > THRESHOLD) for one in answers]
    return views[int(total.argmax())]


def _orientation_warnings(models: Sequence[Network], squares: Sequence[np.ndarray]) -> list[str]:
    quarters, inverted = best_orientation(models[-1:], squares[-1:])
    if quarters or inverted:  # ask them all
        quarters, inverted = best_orientation(models, squares)
    way = "180 degrees" if quarters == 2 else f"{90 * quarters} degrees counterclockwise"
    found = [f"it looks rotated: try rotating it by {way}"]
    return found * bool(quarters) + ["it looks inverted: air should be dark"] * inverted
