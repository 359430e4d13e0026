"""Room 01: one PNG file, checked before and while it is decoded."""

import struct
from pathlib import Path

import cv2
import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 10**8  # five times a film scanned at 0.0875 mm; a tiny file can claim gigabytes


class DataError(ValueError):
    """A file of the data is wrong; the message names the file and the remedy."""


def decode(path: Path | str) -> np.ndarray:
    """The stored pixels of a PNG: uint8 or uint16, (height, width) or (height, width, channels).

    Raises: FileNotFoundError; DataError as `png_shape`, or if the file is damaged.
    """
    png_shape(path)
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(f"{path} is damaged and cannot be decoded: fetch or export it again")
    return pixels


def png_shape(path: Path | str) -> tuple[int, int]:
    """(height, width) in pixels of a PNG, from its header, without decoding it.

    Raises: FileNotFoundError; DataError if the file is not a PNG, its end is missing, or it claims
        no pixels or more than a radiograph has.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    with path.open("rb") as file:
        head = file.read(24)
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 12))
        tail = file.read()
    if not SIGNATURE.startswith(head[:8]):
        raise DataError(f"{path} is not a PNG file: convert it to PNG, renaming is not enough")
    if len(head) < 24 or b"IEND" not in tail:
        raise DataError(f"{path} is cut short: fetch or export it again")
    width, height = struct.unpack(">II", head[16:24])
    if not 0 < height * width <= MOST_PIXELS:
        raise DataError(f"{path} claims to be {height} x {width} pixels: export it again")
    return height, width
