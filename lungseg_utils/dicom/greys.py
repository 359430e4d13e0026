"""Which greys a DICOM file means: padding, tables and windows."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lungseg_utils.types import Mask, Stored

from .header import Header
from .pixels import decoded_pixels

LEAST_SHOWN = 0.2  # of the pixels are neither black nor white where a window fits the picture
MOST_JUDGED = 2**19  # pixels that a window is judged by


def stored_greys(header: Header, picture: "Dataset", name: Path | str) -> Stored:  # noqa: F821
    """The numbers of a picture as the header means them to be shown.

    Raises: as `decoded_pixels`.
    """
    pixels, kind = decoded_pixels(picture, name), picture.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        pixels = apply_color_lut(pixels, header.fields)
    if pixels.ndim == 3:
        exact = pixels.dtype in (np.uint8, np.uint16)
        return Stored((pixels if exact else pixels.astype(np.float32))[:, :, 2::-1])
    used = _unpadded(header, pixels, picture.BitsAllocated)
    levels = _levels(pixels)
    values, table, turned = _rescaled(header, levels)
    shown, full = _shown(header, values, _counts(pixels, used, levels))
    inverted = kind == "MONOCHROME1"
    if shown is not None:
        return Stored(shown[_places(pixels, levels)], full, inverted, used)
    if table:
        pixels = values[_places(pixels, levels)]
    return Stored(pixels, None, inverted != turned, used)


def _unpadded(header: Header, pixels: np.ndarray, bits: int) -> Mask | None:
    """Where the picture is, if something is padded."""
    instead = "padding may show"
    value = header.number("PixelPaddingValue", None, instead)
    if value is None:
        return None
    limit = header.number("PixelPaddingRangeLimit", value, instead)
    start = -(2 ** (bits - 1)) if pixels.dtype.kind == "i" else 0
    # numbers below 0 are written as if they had no sign, and the other way round
    low, high = sorted((int(end) - start) % 2**bits + start for end in (value, limit))
    used = (pixels < low) | (pixels > high)
    if not used.any():
        header.notes.append("Pixel Padding Value covers the whole picture and was left out")
    return used if used.any() and not used.all() else None


def _levels(pixels: np.ndarray) -> np.ndarray:
    """The numbers that a picture may hold: tables and windows change them instead of millions."""
    first, last = int(pixels.min()), int(pixels.max())
    return np.arange(first, last + 1) if last - first < 2**16 else np.unique(pixels).astype(int)


def _places(pixels: np.ndarray, levels: np.ndarray) -> np.ndarray:
    if levels[-1] - levels[0] == len(levels) - 1:
        return pixels.astype(np.int32) - np.int32(levels[0])
    return np.searchsorted(levels, pixels)


def _counts(pixels: np.ndarray, used: Mask | None, levels: np.ndarray) -> np.ndarray:
    """How many of a sample of the pixels hold each level."""
    step = max(1, math.isqrt(pixels.size // MOST_JUDGED))
    sample = pixels[::step, ::step]
    sample = sample.ravel() if used is None else sample[used[::step, ::step]]
    return np.bincount(_places(sample, levels), minlength=len(levels))


def _rescaled(header: Header, levels: np.ndarray) -> tuple[np.ndarray, bool, bool]:
    """The numbers after the modality's table or line; whether it was a table; whether the line
    falls.
    """
    for item in header.items("ModalityLUTSequence")[:1]:
        try:
            return _looked_up(item, levels)[0], True, False
        except Exception:
            header.notes.append("Modality LUT is damaged and was left out")
            return levels, False, False
    slope = header.number("RescaleSlope", 1)
    if slope == 0:
        header.notes.append("Rescale Slope is 0: 1 was taken")
        slope = 1
    return levels * slope + header.number("RescaleIntercept", 0), False, slope < 0


def _shown(header: Header, values: np.ndarray, counts: np.ndarray):
    """The numbers as the first table or window shows them that shows the picture, with the numbers
    that mean black and white; None and None if there is no such.
    """
    for title, show, *how in _looks(header):
        try:
            shown, full = show(*how, values)
        except Exception:
            header.notes.append(f"{title} is damaged and was left out")
            continue
        if _shows_enough(shown, counts):
            return shown, full
        header.notes.append(f"{title} shows almost nothing and was left out")
    return None, None


def _looks(header: Header) -> Iterator[tuple]:
    for number, item in enumerate(header.items("VOILUTSequence"), 1):
        yield f"VOI LUT {number}", _looked_up, item
    function = header.text("VOILUTFunction") or "LINEAR"
    windows = itertools.zip_longest(header.numbers("WindowCenter"), header.numbers("WindowWidth"))
    for number, (center, width) in enumerate(windows, 1):
        yield f"Window {number}", _windowed, center, width, function


def _looked_up(item, values: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """What a table makes of numbers. pydicom's own overflows where entries have 8 bits."""
    count, first, bits = (int(one) for one in item.LUTDescriptor)
    count, data = count or 2**16, item.LUTData
    if isinstance(data, bytes):
        wide = len(data) >= 2 * count
        little = "<" if item.original_encoding[1] is not False else ">"
        data = np.frombuffer(data, f"{little}u2" if wide else "u1")
    table = np.ravel(data)[:count].astype(np.uint16)
    if len(table) < count:
        raise ValueError("the table is too short")
    if values.min() < 0 and first >= 2**15:
        first -= 2**16
    places = np.clip(np.rint(values) - first, 0, count - 1).astype(int)
    return table[places], (0, max(2 ** min(bits, 16) - 1, int(table.max())))


def _windowed(
    center: float, width: float, function: str, values: np.ndarray
) -> tuple[np.ndarray, tuple[float, float]]:
    from pydicom.dataset import Dataset
    from pydicom.pixels import apply_windowing

    window = Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = center, width, function
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 1, 0  # it shows from 0 to 1
    return apply_windowing(values, window).astype(np.float32), (0, 1)


def _shows_enough(shown: np.ndarray, counts: np.ndarray) -> bool:
    held = shown[counts > 0].astype(float)
    if not len(held):
        return True  # none of a sample is free of padding
    low, high = held.min(), held.max()
    edge = 0.01 * (high - low)
    inside = (held > low + edge) & (held < high - edge)
    return bool(counts[counts > 0][inside].sum() >= LEAST_SHOWN * counts.sum())
