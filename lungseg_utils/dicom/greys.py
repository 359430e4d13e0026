"""Which greys a DICOM file means: padding, tables and windows."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lungseg_utils.grey import LEAST_CONTRAST
from lungseg_utils.types import DataError, GreyRange, Mask, Stored

from .header import Header
from .pixels import MOST_JUDGED, decoded_pixels, likely_numbers, smoothest

Shown = tuple[np.ndarray, GreyRange]
LEAST_SHOWN = 0.2  # of the pixels are neither black nor white where a window fits the picture
# Of the deviations from the median, what lies beyond a window: where it is less, a network's Dice
# falls by .005 on average and .03 at most on 36 X-rays. From percentile 10 to 90 it is .09 at most.
MOST_HIDDEN = 0.25
MOST_LOOKS = 9  # tables and windows that are tried


def stored_greys(header: Header, picture: "Dataset", name: Path | str) -> Stored:  # noqa: F821
    """The numbers of a picture as the header means them to be shown.

    Raises: as `decoded_pixels`.
    """
    meant = picture.BitsStored, picture.PixelRepresentation
    pixels, kind = decoded_pixels(picture, name), picture.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        pixels = apply_color_lut(pixels, header.fields)
    if pixels.ndim == 3:
        exact = pixels.dtype in (np.uint8, np.uint16)
        return Stored((pixels if exact else pixels.astype(np.float32))[:, :, 2::-1])
    pixels = likely_numbers(header, pixels, *meant)
    used = _unpadded(header, pixels)
    first, last = int(pixels.min()), int(pixels.max())
    if last - first >= 2**16:
        said = "has greys of over 16 bits, which cannot be read: export it with 16 bits a pixel"
        raise DataError(f"{name} {said}")
    values, table = _rescaled(header, np.arange(first, last + 1))  # instead of millions of pixels
    step = max(1, math.isqrt(pixels.size // MOST_JUDGED))
    some = pixels[::step, ::step]
    some = some.ravel() if used is None else some[used[::step, ::step]]
    shown, full = _shown(header, values, some.astype(np.int32) - first)
    inverted = kind == "MONOCHROME1"
    if header.text("PresentationLUTShape").upper() == ("IDENTITY" if inverted else "INVERSE"):
        header.contradicted("PresentationLUTShape", f"{kind} was", "Photometric Interpretation")
    if shown is not None:
        return Stored(shown[pixels.astype(np.int32) - first], full, inverted, used)
    if table:
        return Stored(values[pixels.astype(np.int32) - first], None, inverted, used)
    return Stored(pixels, None, inverted != bool(values[0] > values[-1]), used)


def _unpadded(header: Header, pixels: np.ndarray) -> Mask | None:
    """Where the picture is, if something is padded."""
    instead = "padding may show"
    value = header.number("PixelPaddingValue", None, instead)
    if value is None:
        return None
    limit = header.number("PixelPaddingRangeLimit", value, instead)
    bits = 8 * pixels.itemsize
    start = -(2 ** (bits - 1)) if pixels.dtype.kind == "i" else 0
    # numbers below 0 are written as if they had no sign, and the other way round
    low, high = sorted((int(end) - start) % 2**bits + start for end in (value, limit))
    used = (pixels < low) | (pixels > high)
    if not used.any():
        header.notes.append("Pixel Padding Value covers the whole picture and was left out")
    return used if used.any() and not used.all() else None


def _rescaled(header: Header, values: np.ndarray) -> tuple[np.ndarray, bool]:
    """The numbers after the modality's table or line; whether it was a table."""
    for item in header.items("ModalityLUTSequence")[:1]:
        try:
            return _looked_up(item, values)[0], True
        except Exception:
            header.notes.append("Modality LUT is damaged and was left out")
            return values, False
    slope = header.number("RescaleSlope", 1)
    if slope == 0:
        header.notes.append("Rescale Slope is 0: 1 was used")
        slope = 1
    return values * slope + header.number("RescaleIntercept", 0), False


def _shown(header: Header, values: np.ndarray, sample: np.ndarray) -> Shown | tuple[None, None]:
    """The numbers as the first table or window shows them that shows the picture, with the numbers
    that mean black and white; None and None if there is no such.
    """
    for title, show, *how in itertools.islice(_looks(header), MOST_LOOKS):
        try:
            shown, full = show(*how, values)
            fault = _badly_shown(shown[sample], full, values[sample], show is _windowed)
        except Exception:
            fault = "is damaged"
        if not fault:
            return shown, full
        header.notes.append(f"{title} {fault} and was left out")
    return None, None


def _looks(header: Header) -> Iterator[tuple]:
    for number, item in enumerate(header.items("VOILUTSequence"), 1):
        yield f"VOI LUT {number}", _looked_up, item
    function = header.text("VOILUTFunction") or "LINEAR"
    windows = itertools.zip_longest(header.numbers("WindowCenter"), header.numbers("WindowWidth"))
    for number, (center, width) in enumerate(windows, 1):
        yield f"Window {number}", _windowed, center, width, function


def _looked_up(item, values: np.ndarray) -> Shown:
    """What a table makes of numbers. pydicom's own overflows where entries have 8 bits."""
    count, first, bits = (int(one) for one in item.LUTDescriptor)
    count, data = count or 2**16, item.LUTData
    words = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.ravel(data).astype("<u2")
    kind = "<u2" if len(words) >= count else "u1"  # two in a word
    # either order of bytes may be there, whatever the file's is
    tables = [one.view(kind)[:count].astype(np.uint16) for one in (words, words.byteswap())]
    table = tables[smoothest(tables)]
    if len(table) < count:
        raise ValueError("the table is too short")
    if values.min() < 0 and first >= 2**15:
        first -= 2**16
    places = np.clip(np.rint(values) - first, 0, count - 1).astype(int)
    return table[places], (0, max(2 ** min(bits, 16) - 1, int(table.max())))


def _windowed(center: float, width: float, function: str, values: np.ndarray) -> Shown:
    from pydicom.dataset import Dataset
    from pydicom.pixels import apply_windowing

    window = Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = center, width, function
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 1, 0  # it shows from 0 to 1
    return apply_windowing(values, window).astype(np.float32), (0, 1)


def _badly_shown(shown: np.ndarray, full: GreyRange, values: np.ndarray, is_window: bool) -> str:
    """What is wrong with how some of the pixels are shown."""
    low, high = shown.min(), shown.max()
    edge = 0.01 * (high - low)
    grey = (shown > low + edge) & (shown < high - edge)
    if grey.mean() < LEAST_SHOWN:
        return "shows almost nothing"
    values = values.clip(*np.percentile(values, (1, 99)))
    lost = np.abs(values - values.clip(values[grey].min(), values[grey].max())).mean()
    if lost > MOST_HIDDEN * np.abs(values - np.median(values)).mean():
        return "hides much of the picture"
    low, high = np.percentile(shown, (1, 99))
    if is_window and high - low < LEAST_CONTRAST * (full[1] - full[0]):
        return "is far wider than the picture"
    return ""
