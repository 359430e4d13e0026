"""Room 08: an X-ray of your own, from one file of whatever kind."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from lungseg_utils.metrics import Spacing
from lungseg_utils.png import MOST_PIXELS, SIGNATURE, DataError, decode

DEPTHS = (8, 10, 12, 14, 16)  # bits that detectors and scanners deliver


class Xray(NamedTuple):
    """A picture from a file: `image` float32 (height, width) in [0, 1], and the (row, column) size
    of its pixels in mm, None where the file does not tell.
    """

    image: np.ndarray
    spacing_mm: Spacing | None


def read_xray(path: Path | str) -> Xray:
    """Read a PNG, JPEG or TIFF, grey or colour, of 8 to 16 bits; what it is stands in the file.

    The resolution that such a file may name (72 dots per inch) is meant for a printer and is not
    taken for the size of a pixel on the detector.
    Raises: FileNotFoundError; DataError if the file is of another kind, damaged, or shows nothing.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    with path.open("rb") as file:
        head = file.read(132)
    if head[128:] == b"DICM":
        raise DataError(f"{path} is a DICOM file: export it as PNG or TIFF")
    reader = next((READERS[start] for start in READERS if head.startswith(start)), None)
    if reader is None:
        raise DataError(f"{path} is no PNG, JPEG or TIFF file: export it as one of these")
    return Xray(_grey(path, reader(path)), None)


def _decode_picture(path: Path) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.size > 4 * MOST_PIXELS:
        raise DataError(f"{path} cannot be decoded: export it again")
    return pixels


READERS: dict[bytes, Callable[[Path], np.ndarray]] = {
    SIGNATURE: decode,
    b"\xff\xd8\xff": _decode_picture,  # JPEG
    b"II*\0": _decode_picture,  # TIFF, either order of bytes
    b"MM\0*": _decode_picture,
}


def _grey(path: Path, pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path} holds {pixels.dtype} numbers: export it with 8 or 16 bits")
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels[:, :, :3]), cv2.COLOR_BGR2GRAY)
    largest = int(pixels.max())
    if largest == pixels.min():
        raise DataError(f"{path} shows nothing, all its pixels are {largest}: choose another file")
    depths = DEPTHS if pixels.dtype == np.uint16 else (8,)
    bits = next(bits for bits in depths if largest < 2**bits)
    return pixels.astype(np.float32) / np.float32(2**bits - 1)
