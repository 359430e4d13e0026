"""Notebook 01: the only scaling, from the numbers that a file holds to an image."""

import math
from pathlib import Path

import cv2
import numpy as np

from lungseg_utils.types import DataError, GreyRange, Image, Mask, NotAnXray, Stored, Xray

DEPTHS = (8, 10, 12, 14, 16)  # bits that detectors and scanners deliver
SAMPLE = 2**19  # pixels that a range of grey values is found from
TAIL = 0.001  # of the pixels: what is beyond is a hot pixel or a label
BORDER = 0.01  # of the pixels: more than a label takes; it is made black, as other borders are
LEAST_CONTRAST = 0.7  # of the whole range; of 401 real X-rays none has less than .9
MOST_WHITE = 0.4  # of the pixels; of 385 real X-rays none has more than .02, of simulated ones .3
MOST_LABEL_GREYS = 16  # grey values of labels and borders, at most a sixteenth of the picture's own
# A mask has a share of .95 of its pixels within 6 % of its two values, even as a JPEG.
MASK_SHARE, MASK_EDGE = 0.95, 0.06


def scaled(stored: Stored, name: Path | str) -> Xray:
    """The image of what a file holds, from black 0 to white 1.

    Whole numbers are divided by the largest that the fewest `DEPTHS` bits hold, since a detector of
    12 bits keeps them in 16. Hot pixels, labels and borders do not count. A picture that takes less
    than .7 of the range is stretched, all but 1 % at each end, and a note says so.
    Raises: DataError if all pixels are alike; NotAnXray if they are as in a mask.
    """
    pixels = stored.pixels
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels[:, :, :3]), cv2.COLOR_BGR2GRAY)
    levels, counts = _histogram(pixels, stored.used, name)
    own = _picture_alone(levels, counts)
    _check_not_a_mask(levels[own], counts[own], name)
    kind, full = pixels.dtype.kind, stored.full
    low, high, notes = _grey_range(levels, counts, own, full, kind)
    image = _stretched(pixels, low, high)
    if stored.inverted:
        image = 1 - image
    if stored.used is not None:
        image[~stored.used] = 0
    beyond = [] if full else np.setdiff1d(levels, _near(levels, own))
    if counts[np.isin(levels, beyond)].sum() > BORDER * counts.sum():
        image[np.isin(pixels, beyond)] = 0
    step = _stride(image)
    white = float((image[::step, ::step] >= 1).mean())
    if white > MOST_WHITE:
        notes = *notes, f"{white:.0%} of it is pure white: lung may be lost in it"
    return Xray(image, stored.spacing_mm, (*stored.notes, *notes))


def _histogram(
    pixels: np.ndarray, used: Mask | None, name: Path | str
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that a picture holds, in order, and how many of a sample of pixels hold each."""
    step = _stride(pixels)
    sample, alike = np.zeros(0), True
    for stride in (step, 1):  # all pixels, where those of the sample are alike
        if alike:
            part = pixels[::stride, ::stride]
            sample = part.ravel() if used is None else part[used[::stride, ::stride]]
            sample = sample[np.isfinite(sample)].astype(float)
            alike = sample.size == 0 or sample.min() == sample.max()
    if alike:
        grey = f"are {sample[0]:g}" if sample.size else "are no numbers"
        raise DataError(f"{name} shows nothing, all its pixels {grey}: choose another file")
    first, last = sample.min(), sample.max()
    if pixels.dtype.kind not in "biu" or last - first >= 2**17:
        return np.unique(sample, return_counts=True)
    counts = np.bincount((sample - first).astype(int))
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
    levels: np.ndarray,
    counts: np.ndarray,
    own: np.ndarray,
    full: GreyRange | None,
    kind: str,
) -> tuple[float, float, tuple[str, ...]]:
    """The numbers that become black and white, and a note where they are a guess."""
    near = _near(levels, own)
    if full is None and kind == "f" and near[0] >= 0 and near[-1] <= 1:
        full = 0, 1
    elif full is None and kind != "f" and near[0] >= 0:
        bits = next(bits for bits in (*DEPTHS, 64) if near[-1] < 2**bits)
        full = 0, 2.0**bits - 1
    low, high = _percentiles(levels[own], counts[own], (0.01, 0.99))
    if full is not None and high - low >= LEAST_CONTRAST * (full[1] - full[0]):
        beyond = levels[-1] > full[1] or levels[0] < full[0]
        said = f"grey values beyond {full[1]:g} were taken for labels or a border"
        return *full, (said,) * int(beyond)
    if low == high:
        low, high = levels[0], levels[-1]
    said = f"its grey values from {low:g} to {high:g} were taken for black to white: a guess"
    return low, high, (said,)


def _picture_alone(levels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Which levels are the picture's own, bool: without the few pixels at both ends, and without
    labels and borders, a few numbers beyond a gap that is wider than all the rest.
    """
    share = counts.cumsum() / counts.sum()
    kept = np.flatnonzero((share > TAIL) & (share - counts / counts.sum() < 1 - TAIL))
    while len(kept) > MOST_LABEL_GREYS:
        values = levels[kept]
        place = int(np.diff(values).argmax()) + 1
        apart, body = sorted((kept[:place], kept[place:]), key=len)
        gap = values[place] - values[place - 1]
        if len(apart) > len(body) // MOST_LABEL_GREYS or gap <= np.ptp(levels[body]):
            break
        kept = body
    return np.isin(np.arange(len(levels)), kept)


def _near(levels: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The levels of the picture, and those that are no further from it than half its range."""
    first, last = levels[own][0], levels[own][-1]
    reach = (last - first) / 2
    return levels[(levels >= first - reach) & (levels <= last + reach)]


def _percentiles(
    levels: np.ndarray, counts: np.ndarray, shares: tuple[float, ...]
) -> tuple[float, ...]:
    places = np.searchsorted(counts.cumsum(), np.multiply(shares, counts.sum()))
    return tuple(float(levels[place]) for place in places)


def _stretched(pixels: np.ndarray, low: float, high: float) -> Image:
    """Numbers as float32 in [0, 1]: `low` and what is below 0, `high` and what is above 1."""
    if pixels.dtype == np.uint8:
        return cv2.LUT(pixels, _stretched(np.arange(256, dtype=np.uint16), low, high))
    image = np.nan_to_num(pixels.astype(np.float32), nan=low) if pixels.dtype.kind == "f" else (
        pixels.astype(np.float32))  # fmt: skip
    if low:
        image -= np.float32(low)
    image /= np.float32(high - low)
    return np.clip(image, 0, 1, out=image)
