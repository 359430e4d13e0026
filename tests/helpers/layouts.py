"""Sets of simulated patients as people have them: a writer for each of the `LAYOUTS`.

`expected` tells what a set holds; the writers write that, so that a test can compare.
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from lungseg_utils.phantom import Phantom, simulate, write_phantom_set
from lungseg_utils.phantom.person import first_visit
from lungseg_utils.phantom.radiograph import file_name

SEED = 5
JSRT_COUNT = 12  # files of 8 MB each
JSRT_SIDE, JSRT_MASK_SIDE, BITS_12 = 2048, 1024, 4095
TOUCHING, ONE_LUNG = 1, 2  # images of "one-mask"
EACH_WITHOUT_MASK = 7  # of Shenzhen's and Kaggle's images, the first one is without a mask
JPEG_QUALITY = 75
Writer = Callable[[Path, dict[str, Phantom]], None]


def write_layout(name: str, folder: Path, count: int = 24, size: int = 256) -> Path:
    """Write the set of that name into `folder`, which is made; returns `folder`.

    Args: `size`, the height of an image in pixels; JSRT's are 2048 x 2048, at most 12 of them.
    """
    LAYOUTS[name](Path(folder), expected(name, count, size))
    return Path(folder)


def expected(name: str, count: int = 24, size: int = 256) -> dict[str, Phantom]:
    """Each image of a set by its name, those without a mask too, and its true masks."""
    if name == "jsrt":
        count = min(count, JSRT_COUNT)
    shape = name not in ("montgomery", "jsrt")
    return {NAMES[name](index, one): _upright(one) if shape else one
            for index, one in enumerate(simulated(count, size))}  # fmt: skip


def has_mask(name: str, index: int) -> bool:
    """Whether an image of a set has a mask."""
    return name not in ("shenzhen", "kaggle") or index % EACH_WITHOUT_MASK > 0


@lru_cache(maxsize=2)
def simulated(count: int, size: int) -> tuple[Phantom, ...]:
    """The patients that all sets show."""
    return tuple(simulate(SEED, index, size) for index in range(count))


def _upright(phantom: Phantom) -> Phantom:
    """The radiograph in its true proportions, which no spacing tells, instead of a square."""
    height = len(phantom.image)
    width = round(height * phantom.native_width / phantom.native_height)
    masks = (_resized(mask, height, width) for mask in (phantom.mask_left, phantom.mask_right))
    image = cv2.resize(phantom.image, (width, height), interpolation=cv2.INTER_LINEAR)
    return replace(phantom, image=image, mask_left=next(masks), mask_right=next(masks))


def _resized(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    shape = width, height
    return cv2.resize(mask.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST).astype(bool)


def _lungs(phantom: Phantom) -> np.ndarray:
    return phantom.mask_left | phantom.mask_right


def _save(path: Path, pixels: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.uint8(255) * pixels if pixels.dtype == bool else pixels
    Pillow.fromarray(grey).save(path, **options)


def _read(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\r\n")  # as NLM distributes them


def _montgomery(folder: Path, phantoms: dict[str, Phantom]) -> None:
    size = len(next(iter(phantoms.values())).image)
    write_phantom_set(folder, len(phantoms), size, SEED)


def _shenzhen(folder: Path, phantoms: dict[str, Phantom]) -> None:
    for index, (name, one) in enumerate(phantoms.items()):
        _save(folder / "CXR_png" / f"{name}.png", one.image)
        if has_mask("shenzhen", index):
            _save(folder / "mask" / f"{name}_mask.png", _lungs(one))
        _shenzhen_reading(folder, name, one)


def _shenzhen_reading(folder: Path, name: str, one: Phantom) -> None:
    sex = {"F": "female", "M": "male"}[one.sex]
    text = f"{sex} {one.age:.0f}yrs\n{_finding(one)}"
    _read(folder / "ClinicalReadings" / f"{name}.txt", text)


def _finding(one: Phantom) -> str:
    return one.reading.partition(" (same pt")[0]


def _kaggle(folder: Path, phantoms: dict[str, Phantom]) -> None:
    folder /= "Lung Segmentation"
    for index, (name, one) in enumerate(phantoms.items()):
        _save(folder / "CXR_png" / f"{name}.png", one.image)
        chinese = name.startswith("CHNCXR")
        if has_mask("kaggle", index):
            _save(folder / "masks" / f"{name}{'_mask' * chinese}.png", _lungs(one))
        if chinese:
            _shenzhen_reading(folder, name, one)
        else:
            text = f"Patient's Sex: {one.sex} \nPatient's Age: {one.age:03.0f}Y\n{_finding(one)}\n"
            _read(folder / "ClinicalReadings" / f"{name}.txt", text)
    _save(folder / "test" / "CHNCXR_9001_0.png", one.image)
    (folder / "NLM-ChinaCXRSet-ReadMe.docx").write_bytes(b"PK")


def _images_masks(folder: Path, phantoms: dict[str, Phantom]) -> None:
    for name, one in phantoms.items():
        _save(folder / "images" / f"{name}.png", one.image)
        _save(folder / "masks" / f"{name}_mask.png", _lungs(one))


def _nih(folder: Path, phantoms: dict[str, Phantom]) -> None:
    for name, one in phantoms.items():
        _save(folder / "images" / f"{name}.png", one.image)
        _save(folder / "masks" / f"{name}.png", _lungs(one))
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(f"{name}.png", int(name.partition("_")[0])) for name in phantoms]
        csv.writer(file).writerows([("file", "patient"), *rows])


def _jsrt(folder: Path, phantoms: dict[str, Phantom]) -> None:
    """The films as JSRT has them, the masks as the SCR database has them."""
    for name, one in phantoms.items():
        large = cv2.resize(one.image, (JSRT_SIDE, JSRT_SIDE), interpolation=cv2.INTER_CUBIC)
        film = BITS_12 - np.round(large.astype(float) / 255 * BITS_12)
        path = folder / "All247images" / f"{name}.IMG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(film.astype(">u2").tobytes())
        heart = np.zeros(one.mask_left.shape, np.uint8)
        side = len(heart)
        cv2.circle(heart, (side // 2, side * 6 // 10), side // 8, 1, -1)
        parts = {"left lung": one.mask_right, "right lung": one.mask_left, "heart": heart}
        for part, mask in parts.items():
            drawn = _resized(mask, JSRT_MASK_SIDE, JSRT_MASK_SIDE)
            _save(folder / "scratch" / "fold1" / "masks" / part / f"{name}.gif", drawn)


def _one_mask(folder: Path, phantoms: dict[str, Phantom]) -> None:
    for index, (name, one) in enumerate(phantoms.items()):
        mask = _lungs(one)
        if index == TOUCHING:
            mask = _joined(one)
        if index == ONE_LUNG:
            mask = one.mask_left
        _save(folder / "images" / f"{name}.png", one.image)
        _save(folder / "masks" / f"{name}.png", mask)


def _joined(one: Phantom) -> np.ndarray:
    """Both lungs, which touch in front of the aorta."""
    mask = _lungs(one)
    rows = np.flatnonzero(one.mask_left.any(1) & one.mask_right.any(1))
    row = rows[len(rows) // 3]
    inner = np.flatnonzero(one.mask_left[row]).max(), np.flatnonzero(one.mask_right[row]).min()
    mask[row - 2 : row + 3, inner[0] - 2 : inner[1] + 3] = True
    return mask


def _bare(folder: Path, phantoms: dict[str, Phantom]) -> None:
    for name, one in phantoms.items():
        masks = folder / "ManualMask"
        _save(folder / "CXR_png" / f"{name}.png", one.image)
        _save(masks / "leftMask" / f"{name}.png", one.mask_left)
        _save(masks / "rightMask" / f"{name}.png", one.mask_right)


def _jpeg(folder: Path, phantoms: dict[str, Phantom]) -> None:
    for name, one in phantoms.items():
        smooth = cv2.GaussianBlur(np.uint8(255) * _lungs(one), (5, 5), 0)
        _save(folder / "images" / f"{name}.jpg", one.image, quality=JPEG_QUALITY)
        _save(folder / "masks" / f"{name}.jpg", smooth, quality=JPEG_QUALITY)


def _nih_name(index: int, one: Phantom) -> str:
    first = first_visit(index)
    visit = sum(first_visit(other) == first for other in range(index))
    return f"{first + 1:08d}_{visit:03d}"


def _kaggle_name(index: int, one: Phantom) -> str:
    return f"{'CHNCXR' if index % 2 else 'MCUCXR'}_{index + 1:04d}_{one.label}"


def _case(index: int, one: Phantom) -> str:
    return f"case{index + 1:02d}"


NAMES: dict[str, Callable[[int, Phantom], str]] = {
    "montgomery": lambda index, one: file_name(index, one.label),
    "shenzhen": lambda index, one: f"CHNCXR_{index + 1:04d}_{one.label}",
    "kaggle": _kaggle_name,
    "images-masks": lambda index, one: f"chest {index + 1}",
    "nih": _nih_name,
    "jsrt": lambda index, one: f"JPC{'LN' if one.label else 'NN'}{index + 1:03d}",
    "one-mask": _case,
    "bare": _case,
    "jpeg": _case,
}
LAYOUTS: dict[str, Writer] = {
    "montgomery": _montgomery,
    "shenzhen": _shenzhen,
    "kaggle": _kaggle,
    "images-masks": _images_masks,
    "nih": _nih,
    "jsrt": _jsrt,
    "one-mask": _one_mask,
    "bare": _bare,
    "jpeg": _jpeg,
}
CI_SETS = ("bare", "one-mask", "jpeg")
