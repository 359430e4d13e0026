"""Room 08: from an X-ray to a mask, areas, a confidence, warnings and a picture.

Several networks look at several copies of the picture (moved a little, brighter). The mean of what
they say is the answer, and how far they are from it says how much of the answer is a guess.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import cv2
import keras
import numpy as np

from lungseg_utils.masks import LungArea, lung_areas, to_native, to_square
from lungseg_utils.metrics import Spacing, dice, soft_dice
from lungseg_utils.unet import THRESHOLD, mask_from_square


class Copy(NamedTuple):
    """One more look at a picture: turned by `rotation` degrees, `zoom` times larger, moved by
    shares of its size, brighter where `gamma` is below 1.
    """

    rotation: float = 0.0
    zoom: float = 1.0
    down: float = 0.0
    across: float = 0.0
    gamma: float = 1.0

    def move(self, size: int) -> np.ndarray:
        """The move as OpenCV takes it, (2, 3), from a place in the square to one in the copy."""
        centre = (size - 1) / 2
        move = cv2.getRotationMatrix2D((centre, centre), self.rotation, self.zoom)
        move[:, 2] += size * self.across, size * self.down
        return move

    def of(self, square: np.ndarray) -> np.ndarray:
        """The copy of an image float32 (size, size); black comes in from beyond its border."""
        size = len(square)
        return cv2.warpAffine(square, self.move(size), (size, size)) ** self.gamma

    def undone(self, probability: np.ndarray, plain: np.ndarray) -> np.ndarray:
        """A probability (size, size) of the copy, moved back over the `plain` picture's own, which
        is left where the copy has lost the border.
        """
        size = len(plain)
        return cv2.warpAffine(
            probability,
            self.move(size),
            (size, size),
            dst=plain.copy(),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_TRANSPARENT,
        )


COPIES = Copy(rotation=5, zoom=1.05), Copy(rotation=-5, zoom=0.95), Copy(gamma=0.7, down=0.03)
LOOKS = 1 + len(COPIES)
# Of 523 reference masks (simulated, Montgomery, JSRT) none covers less than .088 of its picture,
# and no lung is smaller than .54 of the other: benchmarks/uncertainty.json.
LEAST_COVER, LEAST_SHARE = 0.05, 0.35
MOST_BORDER = 0.02  # of one side of the picture
EDGES = "top", "bottom", "image left", "image right"
# On 59 real X-rays that the weights had not seen the least is .966: benchmarks/uncertainty.json.
LEAST_CONFIDENCE = 0.9
ORANGE = (230, 159, 0)
TEXT_WIDTH = 640  # pixels of the longest line that is written below a picture


@dataclass(frozen=True)
class Prediction:
    """What is said of one X-ray: `mask`, bool, is of the image's (height, width); `square` float32
    (size, size) is the probability that it was cut from, `doubt` the standard deviation of all
    answers; `confidence` is in [0, 1]; `warnings` are sentences to read before the rest.
    """

    image: np.ndarray
    spacing_mm: Spacing | None
    square: np.ndarray
    doubt: np.ndarray
    mask: np.ndarray
    areas: tuple[LungArea, ...]
    confidence: float
    warnings: tuple[str, ...]

    @property
    def probability(self) -> np.ndarray:
        """`square`, float32, brought back to (height, width)."""
        return to_native(self.square, self.image.shape)


def predict(
    models: Sequence[keras.Model],
    image: np.ndarray,
    spacing_mm: Spacing | None = None,
    joint: bool = True,
    threshold: float = THRESHOLD,
) -> Prediction:
    """Find the lungs in an image float32 (height, width) in [0, 1], and say how sure that is.

    Args: `joint` cuts the mask from the mean of all answers; without it from the first network's
        answer to the image itself, and the others only tell how far to trust it.
    """
    shrink = cache(partial(to_square, image))  # takes as long as a network's look
    found = _answers(models, shrink, COPIES)
    square = found.mean(axis=0) if joint else found[0]
    mask = mask_from_square(square, image.shape, threshold)
    areas, confidence = lung_areas(mask, spacing_mm), agreement(found)
    warnings = *mask_warnings(mask, areas), *_view_warnings(models, shrink)
    if confidence < LEAST_CONFIDENCE:
        warnings += ("the networks and the copies disagree: do not rely on this mask",)
    doubt = found.std(axis=0)
    return Prediction(image, spacing_mm, square, doubt, mask, areas, confidence, warnings)


def answers(
    models: Sequence[keras.Model], image: np.ndarray, copies: Sequence[Copy] = COPIES
) -> np.ndarray:
    """What each network says of the image and of each copy, moved back.

    Args: `image` float32 (height, width) in [0, 1].
    Returns: probabilities float32 (networks x (1 + copies), size, size), the size that of the
        largest network; each network's plain answer comes before those of its copies.
    """
    return _answers(models, partial(to_square, image), copies)


def _answers(
    models: Sequence[keras.Model], shrink: Callable[[int], np.ndarray], copies: Sequence[Copy]
) -> np.ndarray:
    size = max(model.input_shape[1] for model in models)
    found = []
    for model in models:
        square = shrink(model.input_shape[1])
        plain, *others = ask(model, np.stack([square, *(copy.of(square) for copy in copies)]))
        found.append(plain)
        found += [copy.undone(one, plain) for copy, one in zip(copies, others, strict=True)]
    return np.stack([to_native(one, (size, size)) for one in found])


def ask(model: keras.Model, squares: np.ndarray) -> np.ndarray:
    """The network's probabilities (n, size, size) of images float32 (n, size, size)."""
    batch = np.repeat(squares[..., None], model.input_shape[-1], axis=-1)
    # compiled once for each length, this is three times faster than a call: so few lengths
    parts = (batch[begin : begin + LOOKS] for begin in range(0, len(batch), LOOKS))
    return np.concatenate([model.predict_on_batch(part) for part in parts])[..., 0]


def agreement(found: np.ndarray) -> float:
    """How far the answers (n, size, size) agree: the mean Dice of each one's mask with the mask of
    their mean. Akin to the Dice agreement of Roy et al., Bayesian QuickNAT, NeuroImage 195, 2019.
    """
    joint = found.mean(axis=0) > THRESHOLD
    return float(np.mean([dice(one > THRESHOLD, joint) for one in found]))


def surest_view(models: Sequence[keras.Model], image: np.ndarray) -> tuple[int, bool]:
    """How to turn the image, in quarters counterclockwise, and whether to invert its grey values,
    for the networks to be surest of what they see: (0, False) for an upright chest X-ray.
    """
    return _surest_view(models, partial(to_square, image))


def _surest_view(
    models: Sequence[keras.Model], shrink: Callable[[int], np.ndarray]
) -> tuple[int, bool]:
    views = [(quarters, inverted) for inverted in (False, True) for quarters in range(4)]
    total = np.zeros(len(views))
    for model in models:
        square = shrink(model.input_shape[1])
        turned = [np.rot90(1 - square if inverted else square, k) for k, inverted in views]
        total += [soft_dice(one, one > THRESHOLD) for one in ask(model, np.stack(turned))]
    return views[int(total.argmax())]


def mask_warnings(mask: np.ndarray, areas: Sequence[LungArea]) -> list[str]:
    """What is odd about a mask, bool (height, width), and its lungs."""
    found, sizes = [], [area.pixels for area in areas]
    if sum(sizes) < LEAST_COVER * mask.size:
        found.append("hardly any lung was found: is this a chest X-ray?")
    elif min(sizes) < LEAST_SHARE * max(sizes) or len(sizes) < 2:
        found.append("one lung is missing, very small, or joined to the other")
    edges = zip(EDGES, (mask[0], mask[-1], mask[:, 0], mask[:, -1]), strict=True)
    cut = [name for name, edge in edges if edge.mean() > MOST_BORDER]
    if cut:
        found.append(f"the mask touches the border ({', '.join(cut)}): lung may be cut off")
    return found


def _view_warnings(models: Sequence[keras.Model], shrink: Callable[[int], np.ndarray]) -> list[str]:
    quarters, inverted = _surest_view(models[-1:], shrink)
    if quarters or inverted:  # eight looks take long: the others are asked where one doubts
        quarters, inverted = _surest_view(models, shrink)
    found = [f"it looks turned: try it turned by {90 * quarters} degrees counterclockwise"]
    return found * bool(quarters) + ["it looks inverted: air should be dark"] * inverted


def outlined(
    image: np.ndarray, mask: np.ndarray, spacing_mm: Spacing | None = None, side: int = 800
) -> np.ndarray:
    """An image float32 and its mask bool, (height, width), as a picture with a dashed outline: RGB,
    uint8, in its true proportions, `side` pixels on its longer side.
    """
    tall, wide = (pixels * mm for pixels, mm in zip(image.shape, spacing_mm or (1, 1), strict=True))
    size = tuple(max(1, round(side * length / max(tall, wide))) for length in (wide, tall))
    grey, mask = (cv2.resize(array, size, interpolation=cv2.INTER_AREA)
                  for array in (image, mask.view(np.uint8) * np.uint8(255)))  # fmt: skip
    picture = np.repeat(np.round(255 * grey).astype(np.uint8)[..., None], 3, axis=2)
    outlines, _ = cv2.findContours(mask >> 7, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for outline in outlines:
        for begin in range(0, len(outline), 14):  # a dashed line
            cv2.polylines(picture, [outline[begin : begin + 9]], False, ORANGE, 2, cv2.LINE_AA)
    return picture


def draw(prediction: Prediction, side: int = 800) -> np.ndarray:
    """The X-ray with the outline on it, and what is said of it below: RGB, uint8, `side` pixels on
    its longer side without the text.
    """
    picture = outlined(prediction.image, prediction.mask, prediction.spacing_mm, side)
    confidence = f"confidence {prediction.confidence:.3f}"
    lines = [*map(str, prediction.areas), confidence, *prediction.warnings]
    height, width, _ = picture.shape
    below, beside = 26 * len(lines) + 12, max(0, TEXT_WIDTH - width)
    whole = np.pad(picture, ((0, below), (0, beside), (0, 0)), constant_values=255)
    for number, line in enumerate(lines, start=1):
        cv2.putText(whole, line, (8, height + 26 * number), cv2.FONT_HERSHEY_SIMPLEX, 0.55,
                    (0, 0, 0), 1, cv2.LINE_AA)  # fmt: skip
    return whole
