"""Notebook 02: resizes to a square array and back; loads records as squares."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from lungseg_utils.masks import read_pair
from lungseg_utils.types import FLAT, Record, written_whole

LARGEST_UINT16 = 65535


def to_square(array: np.ndarray, size: int) -> np.ndarray:
    """Stretch an image or a mask to (size, size) pixels.

    Args: `array` float32 image or bool mask, (height, width).
    Returns: the same type, (size, size). Each pixel is the mean of the area it covers, so that thin
        ribs fade rather than flicker; a mask keeps the pixels that are lung by half or more.
    """
    interpolation = cv2.INTER_AREA if size <= min(array.shape) else cv2.INTER_LINEAR
    square = cv2.resize(np.asarray(array, np.float32), (size, size), interpolation=interpolation)
    return square >= 0.5 if array.dtype == bool else square


def to_native(probability: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring a float32 probability map (size, size) back to `shape` (height, width), bilinearly.

    Threshold afterwards: a resized probability has a smooth edge, a resized mask has steps.
    """
    height, width = shape
    return cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR)


def between_borders(square: np.ndarray, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of an image of `shape` (height, width) that are not a border of one grey,
    as its float32 square (size, size) shows them.
    """
    found, size = [], len(square)
    for axis, length in ((1, shape[0]), (0, shape[1])):
        lines = np.flatnonzero(np.ptp(square, axis=axis) > FLAT)
        first, last = (lines[0], lines[-1] + 1) if len(lines) else (0, size)
        found.append(slice(first * length // size, -(-last * length // size)))
    return found[0], found[1]


class Transform(NamedTuple):
    """A rotation in degrees, zoom, shift in shares of the size, and gamma of a square image."""

    rotation: float = 0.0
    zoom: float = 1.0
    down: float = 0.0
    across: float = 0.0
    gamma: float = 1.0

    def matrix(self, size: int) -> np.ndarray:
        """The move as OpenCV takes it, (2, 3), from a place in the square to one in the copy."""
        centre = (size - 1) / 2
        matrix = cv2.getRotationMatrix2D((centre, centre), self.rotation, self.zoom)
        matrix[:, 2] += size * self.across, size * self.down
        return matrix

    def apply(self, square: np.ndarray) -> np.ndarray:
        """The copy of an image float32 (size, size); black comes in from beyond its border."""
        size = len(square)
        return cv2.warpAffine(square, self.matrix(size), (size, size)) ** self.gamma

    def undo(self, probability: np.ndarray, plain: np.ndarray) -> np.ndarray:
        """A probability (size, size) of the copy, moved back over that of the `plain` image, which
        is left where the copy has lost the border.
        """
        size = len(plain)
        return cv2.warpAffine(
            probability,
            self.matrix(size),
            (size, size),
            dst=plain.copy(),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_TRANSPARENT,
        )


@dataclass(frozen=True)
class Squares:
    """Images and masks, both float32 (n, size, size) in [0, 1]; a mask's pixel says what share of
    its area is lung."""

    images: np.ndarray
    masks: np.ndarray


def load_squares(records: Sequence[Record], size: int, folder: Path | str) -> Squares:
    """Images and masks of the records, stretched to (size, size) pixels.

    Decoding a file of 20 megapixels takes longer than training on it: it is done once and kept in
    `folder`, and read from there as long as no file has changed.
    Raises: as `read_pair`.
    """
    path = Path(folder) / f"squares-{size}-{_files_digest(records)}.npz"
    if not path.exists():
        with ThreadPoolExecutor() as pool:  # OpenCV releases the interpreter lock
            pairs = pool.map(lambda record: _square_pair(record, size), records)
            pairs = list(tqdm(pairs, "decoding", len(records), leave=False, unit="image"))
        images, masks = np.stack(pairs, axis=1)
        with written_whole(path) as part:
            np.savez(part, images=images, masks=masks)
    with np.load(path) as kept:
        arrays = (kept[name].astype(np.float32) / LARGEST_UINT16 for name in ("images", "masks"))
        return Squares(*arrays)


def _square_pair(record: Record, size: int) -> tuple[np.ndarray, np.ndarray]:
    image, lungs = read_pair(record)
    shares = to_square(image, size), to_square(lungs.astype(np.float32), size)
    return tuple((share * LARGEST_UINT16).round().astype(np.uint16) for share in shares)


def _files_digest(records: Sequence[Record]) -> str:
    digest = hashlib.sha256()
    for record in records:
        for path in (record.image_path, *record.mask_paths):
            facts = path.stat()
            digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
