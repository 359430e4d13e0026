"""Notebook 01: the only scaling, from the numbers that a file holds to an image."""

import math
from pathlib import Path

import cv2
import numpy as np

from lungseg_utils.types import FLAT, DataError, GreyRange, Image, Mask, NotAnXray, Stored, Xray

DEPTHS = (8, 10, 12, 14, 16)  # bits that detectors and scanners deliver
SAMPLE = 2**19  # pixels that a range of grey values is found from
TAIL = 0.001  # of the pixels: what is beyond is a hot pixel or a label
BORDER = 0.01  # of the pixels: more than a label takes; it is made black, as other borders are
LEAST_CONTRAST = 0.7  # of the whole range; of 401 real X-rays none has less than .9
# Of the middle: what is pure black and white, or lies in rectangles of it, and how many neighbours
# differ by more than JUMP. What these find, and whom they accuse: benchmarks/greys.json.
MOST_BLACK, MOST_WHITE = 0.185, 0.34
LEAST_BOX, BOX_FILLED = 0.02, 0.95
JUMP, MOST_JUMPS = 0.7, 0.004
LEAST_SHADED = 0.1  # of a row or column that is no border
BODY = 0.85  # of the pixels, which takes .47 or more of the grey values of 445 X-rays
COLOUR, MOST_COLOURED = 0.1, 0.05  # of the whole range, between channels; of the pixels
IN_COLOUR = "it is in colour and was converted to grey, which is wrong for false colours: a guess"
MOST_LABEL_GREYS = 16  # fewer grey values are no picture
# A mask has a share of .95 of its pixels within 6 % of its two values, even as a JPEG.
MASK_SHARE, MASK_EDGE = 0.95, 0.06


def scaled(stored: Stored, name: Path | str) -> Xray:
    """The image of what a file holds, from black 0 to white 1.

    Whole numbers are divided by the largest that the fewest `DEPTHS` bits hold, since a detector of
    12 bits keeps them in 16. Hot pixels, labels and borders do not count. A picture that takes less
    than .7 of the range is stretched, all but 1 % at each end, and a note says so.
    Raises: DataError if all pixels are alike; NotAnXray if they are as in a mask.
    """
    pixels, told = stored.pixels, list(stored.notes)
    if pixels.ndim == 3:
        told += [IN_COLOUR] * _is_coloured(pixels[:, :, :3])
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels[:, :, :3]), cv2.COLOR_BGR2GRAY)
    levels, counts = _histogram(pixels, stored.used, name)
    own = _picture_alone(levels, counts)
    _check_not_a_mask(levels[own], counts[own], name)
    kind, full = pixels.dtype.kind, stored.full
    low, high, guesses = _grey_range(levels, counts, own, full, kind)
    image = _stretched(pixels, low, high)
    if stored.inverted:
        image = 1 - image
    if stored.used is not None:
        image[~stored.used] = 0
    beyond = [] if full else levels[~own]
    if counts[np.isin(levels, beyond)].sum() > BORDER * counts.sum():
        image[np.isin(pixels, beyond)] = 0
    step = _stride(image)
    doubts = _doubts(image[::step, ::step].copy())  # without gaps it is looked at more quickly
    return Xray(image, stored.spacing_mm, (*told, *guesses, *doubts))


def _doubts(image: Image) -> list[str]:
    """Signs that a picture was damaged before it was stored."""
    found, cut = [], _broken_off(image)
    if cut > BORDER:
        found.append(f"{cut:.0%} of it is one grey up to an edge: part of it may be missing")
    middle = _middle(image)
    for is_lost, most, said in (
        (middle <= 0, MOST_BLACK, "black"), (middle >= 1, MOST_WHITE, "white"),
    ):  # fmt: skip
        share = is_lost.mean()
        if share > most:
            found.append(f"{share:.0%} of its middle is pure {said}: lung may be lost in it")
        elif share > LEAST_BOX and _holds_rectangle(is_lost):
            found.append(f"a {said} rectangle covers a part of it: lung may be lost in it")
    jumps = sum((abs(np.diff(middle, axis=axis)) > JUMP).sum() for axis in (0, 1))
    if jumps > MOST_JUMPS * 2 * middle.size:
        found.append("black lies beside white in many places: its numbers may have overflowed")
    return found


def _broken_off(image: Image) -> float:
    """The share of the rows, or of the columns, from one edge on that are one grey, neither black
    nor white, as where a file broke off.
    """
    shares = [0.0]
    for turned in (image, image[::-1], image.T, image.T[::-1]):
        grey = turned[0, 0]
        if FLAT < grey < 1 - FLAT and (abs(turned[0] - grey) < FLAT).all():
            other = (abs(turned - grey) >= FLAT).any(axis=1)
            shares.append(float(other.argmax() / len(other)))
    return max(shares)


def _middle(image: Image) -> Image:
    """Where the lungs are in most pictures; borders of black and white do not count."""
    shaded = (image > 0) & (image < 1)
    rows, columns = (np.flatnonzero(shaded.mean(axis) > LEAST_SHADED) for axis in (1, 0))
    if len(rows) and len(columns):
        image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = image.shape
    return image[height // 5 : height - height // 5, width // 10 : width - width // 10]


def _holds_rectangle(mask: Mask) -> bool:
    """Whether a mask has a large rectangle, as where a name was painted over, that is no border."""
    boxes = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)[2][1:]
    areas, sides = boxes[:, cv2.CC_STAT_AREA], boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    filled = (areas > LEAST_BOX * mask.size) & (areas > BOX_FILLED * sides.prod(axis=1))
    return bool((filled & (sides < mask.shape[::-1]).all(axis=1)).any())


def _is_coloured(pixels: np.ndarray) -> bool:
    """Whether the channels (height, width, 3) differ, in more of the picture than a label takes."""
    step = _stride(pixels)
    sample = pixels[::step, ::step].astype(float)
    return bool((np.ptp(sample, axis=2) > COLOUR * sample.max()).mean() > MOST_COLOURED)


def _histogram(
    pixels: np.ndarray, used: Mask | None, name: Path | str
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that a picture holds, in order, and how many of a sample of pixels hold each."""
    for stride in (_stride(pixels), 1):  # all pixels, where those of the sample are alike
        part = pixels[::stride, ::stride]
        sample = part.ravel() if used is None else part[used[::stride, ::stride]]
        levels, counts = _counted(sample[np.isfinite(sample)])
        if len(levels) > 1:
            return levels.astype(float), counts
    grey = f"are {levels[0]:g}" if len(levels) else "are no numbers"
    raise DataError(f"{name} shows nothing, all its pixels {grey}: choose another file")


def _counted(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if numbers.dtype.kind not in "iu" or numbers.itemsize > 2 or not numbers.size:
        return np.unique(numbers, return_counts=True)
    first = int(numbers.min())  # four times quicker so
    counts = np.bincount(numbers.astype(np.int32) - first)
    held = np.flatnonzero(counts)
    return first + held, counts[held]


def _stride(pixels: np.ndarray) -> int:
    """The step between the rows, and the columns, of a sample."""
    return max(1, math.isqrt(pixels.size // SAMPLE))


def _check_not_a_mask(levels: np.ndarray, counts: np.ndarray, name: Path | str) -> None:
    """Two numbers, or nearly so, as a mask is whose edge was smoothed or that was a JPEG."""
    edge = MASK_EDGE * (levels[-1] - levels[0])
    dark = counts[levels <= levels[0] + edge].sum() / counts.sum()
    light = counts[levels >= levels[-1] - edge].sum() / counts.sum()
    if len(levels) == 2 or (dark + light > MASK_SHARE and min(dark, light) > 1 - MASK_SHARE):
        raise NotAnXray(f"{name} is a mask, its pixels have two values: choose the X-ray itself")


def _grey_range(
    levels: np.ndarray, counts: np.ndarray, own: np.ndarray, full: GreyRange | None, kind: str
) -> tuple[float, float, tuple[str, ...]]:
    """The numbers that become black and white, and a note where they are a guess."""
    near = levels[own]
    if full is None and kind == "f" and near[0] >= 0 and near[-1] <= 1:
        full = 0, 1
    elif full is None and kind != "f" and near[0] >= 0:
        bits = next(bits for bits in (*DEPTHS, 64) if near[-1] < 2**bits)
        full = 0, 2.0**bits - 1
    share = counts[own].cumsum() / counts[own].sum()
    low, high = (float(near[np.searchsorted(share, percentile)]) for percentile in (0.01, 0.99))
    if full is not None and high - low >= LEAST_CONTRAST * (full[1] - full[0]):
        beyond = levels[-1] > full[1] or levels[0] < full[0]
        said = f"grey values beyond {full[1]:g} were treated as labels or a border"
        return *full, (said,) * int(beyond)
    if low == high:
        low, high = levels[0], levels[-1]
    said = f"its grey values from {low:g} to {high:g} were treated as black to white: a guess"
    return low, high, (said,)


def _picture_alone(levels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Which levels are the picture's own, bool: those no further from the shortest range that holds
    most of its pixels than that range is wide. What is beyond are hot pixels, labels and borders.
    """
    share = counts.cumsum() / counts.sum()
    kept = np.flatnonzero((share > TAIL) & (share - counts / counts.sum() < 1 - TAIL))
    body = kept[1:-1]  # the first and last number may be those of borders as wide as you like
    if len(body) > MOST_LABEL_GREYS:
        ends = counts[body].cumsum()
        last = np.searchsorted(ends, ends - counts[body] + BODY * ends[-1])
        starts = np.flatnonzero(last < len(body))
        first = starts[(levels[body[last[starts]]] - levels[body[starts]]).argmin()]
        low, high = levels[body[first]], levels[body[last[first]]]
        own = (levels >= 2 * low - high) & (levels <= 2 * high - low)
        if own.sum() > MOST_LABEL_GREYS:
            return own
    return np.isin(np.arange(len(levels)), kept)


def _stretched(pixels: np.ndarray, low: float, high: float) -> Image:
    """Numbers as float32 in [0, 1]: `low` and what is below 0, `high` and what is above 1."""
    if pixels.dtype == np.uint8:
        return cv2.LUT(pixels, _stretched(np.arange(256, dtype=np.uint16), low, high))
    image = pixels.astype(np.float32)
    if pixels.dtype.kind == "f":
        np.nan_to_num(image, copy=False, nan=low)
    if low:
        image -= np.float32(low)
    image /= np.float32(high - low)
    return np.clip(image, 0, 1, out=image)
