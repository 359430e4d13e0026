"""The words that every module uses, and the only way it writes a file.

image         float32 (height, width) in [0, 1], black 0 and white 1
mask          bool (height, width), True where lung is
reference     the mask that counts as the truth: drawn by people, or the simulator's own
probability   float32 (height, width), how likely each pixel is lung, as a network puts it
square        any of these stretched to (size, size), the size that a network takes
batch         squares together, (n, size, size, channels)
spacing_mm    (row, column) size of a pixel in mm, None where nobody knows it
image_left    a side of the picture; patient_left is a side of the person, who faces you
Xray          what one file holds
Record        all that is known of one radiograph of a set, and where its files are
phantom       a simulated radiograph
recipe        all that decides a training besides the data
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np

Image = np.ndarray
Mask = np.ndarray
Spacing = tuple[float, float]
GreyRange = tuple[float, float]  # the numbers that mean black and white

FLAT = 0.012  # of the whole range, three of 255 greys: less is one grey
MOST_PIXELS = 10**8  # five times a film scanned at 0.0875 mm; a tiny file can claim gigabytes


class DataError(ValueError):
    """A file of the data is wrong; the message names the file and the remedy."""


class Fault(NamedTuple):
    """What is wrong with a file or folder of a set, and what to do; whether it `stops` the work."""

    file: Path
    fault: str
    remedy: str
    stops: bool = True

    def __str__(self) -> str:
        return f"{self.file} {self.fault}: {self.remedy}"


class NotAnXray(DataError):
    """A file that holds no X-ray: a mask, a report, an index."""


class Stored(NamedTuple):
    """What a file holds, before `images.scaled` makes an image of it.

    `pixels`, numbers of any type, (height, width), or (height, width, channels) in OpenCV's order;
    `full`, the numbers that mean black and white, where the file says; `inverted`, whether large
    numbers are dark; `used`, a mask of what is no padding; the rest as in `Xray`.
    """

    pixels: np.ndarray
    full: GreyRange | None = None
    inverted: bool = False
    used: Mask | None = None
    spacing_mm: Spacing | None = None
    notes: tuple[str, ...] = ()


class Xray(NamedTuple):
    """What one file holds: the image; the size of its pixels, None where the file does not say;
    sentences on what its header says against a frontal chest X-ray.
    """

    image: Image
    spacing_mm: Spacing | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """One radiograph of a set: its files and what is known of the patient.

    `mask_paths` has a file for each lung or one for both; `patient` is the name of the patient's
    first record; `age` is in years; `sex` is F, M, O or empty; `label` is 0 for normal, 1 for
    abnormal, None for unknown; `shape` is (height, width) in pixels.
    """

    name: str
    image_path: Path
    mask_paths: tuple[Path, ...]
    shape: tuple[int, int]
    spacing_mm: Spacing | None
    patient: str
    age: float | None = None
    sex: str = ""
    label: int | None = None
    reading: str = ""


def counted(count: int, noun: str) -> str:
    """A number and what it counts, which takes an s except for one: "1 image", "2 images"."""
    return f"{count} {noun}{'s' * (count != 1)}"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to. It takes the place of `path` when the block ends, and goes on an error.

    So a file that bears its name is complete, even if a writer is stopped or two write at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{uuid4().hex}{path.suffix}")  # other machines may write here too
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
