"""Room 01: one PNG file, checked before and while it is decoded."""

import struct
from pathlib import Path

import cv2
import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 10**8  # five times a film scanned at 0.0875 mm; a tiny file can claim gigabytes
HEAD, TAIL = 24, 12  # bytes of a file that tell its size and whether its end is there


class DataError(ValueError):
    """A file of the data is wrong; the message names the file and the remedy."""


def decode(path: Path | str) -> np.ndarray:
    """The stored pixels of a PNG: uint8 or uint16, (height, width) or (height, width, channels).

    Raises: FileNotFoundError; DataError as `png_shape`, or if the file is damaged.
    """
    png_shape(path)
    return decode_content(Path(path).read_bytes(), path)


def decode_content(content: bytes, name: Path | str) -> np.ndarray:
    """As `decode`, for a file's content that is in memory; `name` is what errors call it."""
    _shape(content[:HEAD], content[-TAIL:], name)
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(f"{name} is damaged and cannot be decoded: fetch or export it again")
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
        head = file.read(HEAD)
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL))
        tail = file.read()
    return _shape(head, tail, path)


def _shape(head: bytes, tail: bytes, name: Path | str) -> tuple[int, int]:
    if not SIGNATURE.startswith(head[:8]):
        raise DataError(f"{name} is not a PNG file: convert it to PNG, renaming is not enough")
    if len(head) < HEAD or b"IEND" not in tail:
        raise DataError(f"{name} is cut short: fetch or export it again")
    width, height = struct.unpack(">II", head[16:24])
    if not 0 < height * width <= MOST_PIXELS:
        raise DataError(f"{name} claims to be {height} x {width} pixels: export it again")
    return height, width
