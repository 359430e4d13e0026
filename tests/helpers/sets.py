"""A tiny valid set in the Montgomery layout, for the tests to read or to break."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from lungseg_utils.squares import Squares
from lungseg_utils.types import Record

NAMES = ("MCUCXR_0001_0", "MCUCXR_0002_0", "MCUCXR_0003_1", "MCUCXR_0004_1")
SHAPE = (24, 32)
HEADER = "file,abnormal,sex,age,native_width,native_height,native_spacing_mm"
ROW = "{name}.png,{label},F,27,4892,4020,0.0875"


def ellipse(shape: tuple[int, int], across: float, tilt: float = 0) -> np.ndarray:
    """An upright ellipse as bool `shape`, its centre at `across` of the width."""
    height, width = shape
    centre = round(across * width), height // 2
    drawn = cv2.ellipse(np.zeros(shape, np.uint8), centre, (width // 8, height // 3), tilt,
                        0, 360, 1, -1)  # fmt: skip
    return drawn.astype(bool)


def lungs(shape: tuple[int, int] = SHAPE, tilt: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """The masks on the left and on the right of the image."""
    return ellipse(shape, 0.27, tilt), ellipse(shape, 0.73, -tilt)


def radiograph(shape: tuple[int, int] = SHAPE, tilt: float = 0) -> np.ndarray:
    """A float picture in [0, 1], of full range, with dark lungs in it."""
    slope = np.add.outer(np.linspace(0, 0.4, shape[0]), np.linspace(0, 0.6, shape[1]))
    return np.where(np.logical_or(*lungs(shape, tilt)), 0.5 * slope, slope)


def write_png(path: Path, pixels: np.ndarray, *options: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels, options)[1].tobytes())


def files(root: Path, name: str) -> tuple[Path, Path, Path]:
    """The paths of a name's image, left mask and right mask."""
    masks = root / "ManualMask"
    folders = root / "CXR_png", masks / "leftMask", masks / "rightMask"
    return tuple(folder / f"{name}.png" for folder in folders)


def write_pictures(root: Path, name: str, shape: tuple[int, int] = SHAPE, tilt: float = 0) -> None:
    for path, pixels in zip(files(root, name), (radiograph(shape, tilt), *lungs(shape, tilt)),
                            strict=True):  # fmt: skip
        write_png(path, np.round(255 * pixels).astype(np.uint8))


def write_reading(root: Path, name: str, text: str = "normal", age: str = "027Y") -> None:
    path = root / "ClinicalReadings" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"Patient's Sex: F \nPatient's Age: {age}\n{text}\n\n", encoding="utf-8")


def write_metadata(root: Path, names: Sequence[str], header: str = HEADER, row: str = ROW) -> None:
    """One row a name; an abnormal one ends in _1."""
    rows = [row.format(name=name, label=int(name.endswith("_1"))) for name in names]
    (root / "metadata.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def write_set(root: Path, names: Sequence[str] = NAMES) -> Path:
    """Images, masks, readings and a table for the names, no two pictures alike; returns root."""
    for index, name in enumerate(names):
        write_pictures(root, name, tilt=5 * index)
        write_reading(root, name, f"reading of {name}")
    write_metadata(root, names)
    return root


def bare_record(name: str, patient: str = "", label: int | None = None) -> Record:
    """A record without files, for what never opens them."""
    path = Path(f"{name}.png")
    return Record(name, path, (path, path), SHAPE, None, patient or name, label=label)


def numbered_squares(count: int, size: int) -> Squares:
    """Images and masks, each with its own number in its first pixel."""
    shape = (size, size)
    images = np.stack([radiograph(shape, tilt=3 * index) for index in range(count)])
    images[:, 0, 0] = np.arange(count) / count
    masks = np.stack([np.logical_or(*lungs(shape, tilt=3 * index)) for index in range(count)])
    return Squares(images.astype(np.float32), masks.astype(np.float32))
