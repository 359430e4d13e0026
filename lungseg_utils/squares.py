"""Notebook 04: records as square arrays, decoded once.

Decoding a 20-megapixel PNG takes longer than training on it, so each is decoded once, squared, and
kept on disk.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lungseg_utils.images import read_image
from lungseg_utils.masks import read_lungs, to_square
from lungseg_utils.types import Record, written_whole

LARGEST_UINT16 = 65535


@dataclass(frozen=True)
class Squares:
    """Images and masks, both float32 (n, size, size) in [0, 1]; a mask's pixel says what share of
    its area is lung."""

    images: np.ndarray
    masks: np.ndarray


def load_squares(records: Sequence[Record], size: int, folder: Path | str) -> Squares:
    """Images and masks of the records, stretched to (size, size) pixels.

    Decoded the first time and kept in `folder`; read from there as long as no file has changed.
    Raises: as `read_image` and `read_mask`.
    """
    path = Path(folder) / f"squares-{size}-{_files_digest(records)}.npz"
    if not path.exists():
        with ThreadPoolExecutor() as pool:  # OpenCV releases the interpreter lock
            pairs = pool.map(lambda record: _square_pair(record, size), records)
            pairs = list(tqdm(pairs, "decoding", len(records), leave=False, unit="image"))
        images, masks = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        with written_whole(path) as part:
            np.savez(part, images=images, masks=masks)
    with np.load(path) as kept:
        arrays = (kept[name].astype(np.float32) / LARGEST_UINT16 for name in ("images", "masks"))
        return Squares(*arrays)


def _square_pair(record: Record, size: int) -> tuple[np.ndarray, np.ndarray]:
    arrays = read_image(record.image_path), read_lungs(record).astype(np.float32)
    return tuple(
        (to_square(array, size) * LARGEST_UINT16).round().astype(np.uint16) for array in arrays
    )


def _files_digest(records: Sequence[Record]) -> str:
    digest = hashlib.sha256()
    for record in records:
        for path in (record.image_path, record.mask_left_path, record.mask_right_path):
            facts = path.stat()
            digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
