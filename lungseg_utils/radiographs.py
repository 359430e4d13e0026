"""Room 01: from files on disk to records and images.

A `Record` holds all that is known of one radiograph; `load_records` makes one for each image of a
folder in the Montgomery layout and refuses a folder in which anything is amiss:

    CXR_png/NAME.png                   the radiograph
    ManualMask/leftMask/NAME.png       the lung on the left of the image (the patient's right lung)
    ManualMask/rightMask/NAME.png      the lung on the right of the image
    ClinicalReadings/NAME.txt          sex, age and reading (the folder may be missing)
    metadata.csv                       native sizes of images that were resized (may be missing)
"""

import csv
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SYSTEM_FILES = {"Thumbs.db", "desktop.ini"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Pixel spacing (mm) and (height, width) of files as distributed. Montgomery: the set's ReadMe;
# JSRT: Shiraishi et al. 2000, doi 10.2214/ajr.174.1.1740071.
NATIVE_FILES = {
    "MCUCXR_": (0.0875, {(4892, 4020), (4020, 4892)}),
    "JPCLN": (0.175, {(2048, 2048)}),
    "JPCNN": (0.175, {(2048, 2048)}),
}
UNKNOWN = {None, "", "?"}
YEARS_PER_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


class DataError(ValueError):
    """A file of the data is wrong; the message names the file and the remedy."""


@dataclass(frozen=True)
class Record:
    """One radiograph: its files and what is known of the patient.

    `patient` is the name of the patient's first record; `age` is in years; `sex` is F, M, O or
    empty; `label` is 0 for normal, 1 for abnormal, None for unknown; `shape` is (height, width) in
    pixels and `spacing_mm` the (row, column) size of a pixel of the file, None where not known.
    """

    name: str
    image_path: Path
    mask_left_path: Path
    mask_right_path: Path
    shape: tuple[int, int]
    spacing_mm: tuple[float, float] | None
    patient: str
    age: float | None = None
    sex: str = ""
    label: int | None = None
    reading: str = ""


def load_records(root: Path | str) -> tuple[Record, ...]:
    """One `Record` for each image of a folder in the Montgomery layout, sorted by name.

    Raises: FileNotFoundError if a folder or file is missing; DataError if a file is left over,
        misnamed, not a PNG, cut short, or differs in shape from its image, or if a reading or
        metadata.csv cannot be understood.
    """
    root = Path(root)
    images = _files(root / "CXR_png", ".png")
    if not images:
        raise DataError(f"{root / 'CXR_png'} holds no PNG files: put the radiographs there")
    masks_left = _paired(images, root / "ManualMask" / "leftMask", ".png")
    masks_right = _paired(images, root / "ManualMask" / "rightMask", ".png")
    has_readings = (root / "ClinicalReadings").exists()
    texts = _paired(images, root / "ClinicalReadings", ".txt") if has_readings else {}
    readings = {name: _read_clinical(path) for name, path in texts.items()}
    patients = _patients({name: readings.get(name, {}).get("reading", "") for name in images})
    metadata = _read_metadata(root / "metadata.csv", images)
    return tuple(
        _record(name, images[name], masks_left[name], masks_right[name], patients[name],
                {**metadata.get(name, {}), **readings.get(name, {})})
        for name in sorted(images)
    )  # fmt: skip


def read_image(path: Path | str) -> np.ndarray:
    """The radiograph as float32 (height, width) in [0, 1].

    Grey or colour PNG of 8 or 16 bits. A 16-bit file that uses no more than 12 bits is scaled as
    12 bits, since that is what detectors deliver.
    Raises: FileNotFoundError; DataError if the file cannot be decoded or shows nothing.
    """
    pixels = decode(path)
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels[:, :, :3], cv2.COLOR_BGR2GRAY)
    largest = int(pixels.max())
    if largest == pixels.min():
        raise DataError(f"{path} shows nothing, all its pixels are {largest}: replace the file")
    bits = 8 if pixels.dtype == np.uint8 else 12 if largest < 4096 else 16
    return pixels.astype(np.float32) / np.float32(2**bits - 1)


def decode(path: Path | str) -> np.ndarray:
    """The stored pixels of a PNG: uint8 or uint16, (height, width) or (height, width, channels).

    Raises: FileNotFoundError; DataError if the file is not a PNG, cut short or damaged.
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

    Raises: FileNotFoundError; DataError if the file is not a PNG or its end is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    with path.open("rb") as file:
        head = file.read(24)
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 12))
        tail = file.read()
    if not head.startswith(PNG_SIGNATURE):
        raise DataError(f"{path} is not a PNG file: convert it to PNG, renaming is not enough")
    if len(head) < 24 or b"IEND" not in tail:
        raise DataError(f"{path} is cut short: fetch or export it again")
    width, height = struct.unpack(">II", head[16:24])
    return height, width


def _files(folder: Path, suffix: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: the Montgomery layout has one")
    found = {}
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in SYSTEM_FILES:
            continue
        if path.is_dir() or path.suffix != suffix:
            raise DataError(f"{path} is not a {suffix} file: convert it or move it away")
        found[path.stem] = path
    return found


def _paired(images: dict[str, Path], folder: Path, suffix: str) -> dict[str, Path]:
    found = _files(folder, suffix)
    for name in sorted(images.keys() - found.keys()):
        raise FileNotFoundError(f"{images[name]} has no {folder.name}/{name}{suffix}: add it")
    for name in sorted(found.keys() - images.keys()):
        raise DataError(f"{found[name]} has no CXR_png/{name}.png: rename it or move it away")
    return found


def _read_clinical(path: Path) -> dict:
    text = path.read_text(encoding="utf-8", errors="replace")
    sex = re.search(r"^Patient's Sex:\s*([FMO])\s*$", text, re.MULTILINE)
    age = re.search(r"^Patient's Age:\s*(\d+)([YMWD])\s*$", text, re.MULTILINE)
    if not sex:
        raise DataError(f'{path} has no line "Patient\'s Sex:" with F, M or O: add it')
    if not age:
        raise DataError(f'{path} has no line "Patient\'s Age:" such as 027Y: add it')
    lines = [line.strip() for line in text.splitlines() if not line.startswith("Patient's ")]
    reading = " ".join(line for line in lines if line)
    return {"sex": sex[1], "age": int(age[1]) * YEARS_PER_UNIT[age[2]], "reading": reading}


def _patients(readings: dict[str, str]) -> dict[str, str]:
    patient = {name: name for name in readings}
    for name in sorted(readings):
        mentions = re.findall(r"same pt as ([^)]*)", readings[name])
        same = {name, *re.findall(r"\w+_\d+_\d\b", " ".join(mentions))}
        known = {patient.get(other, other) for other in same}
        for other in same | {key for key, value in patient.items() if value in known}:
            patient[other] = min(known)
    return patient


def _read_metadata(path: Path, images: dict[str, Path]) -> dict[str, dict]:
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        if "file" not in (table.fieldnames or []):
            raise DataError(f'{path} has no column "file": its first line must name the columns')
        rows = list(table)
    names = [Path(row["file"]).stem for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path} has several rows for {name}.png: keep one")
        if name not in images:
            raise DataError(f"{path} has a row for {name}.png, which is not there: remove the row")
    for name in images.keys() - set(names):
        raise DataError(f"{path} has no row for {name}.png: add one")
    return {name: _metadata_row(path, row) for name, row in zip(names, rows, strict=True)}


def _metadata_row(path: Path, row: dict[str, str]) -> dict:
    values = {"sex": (row.get("sex") or "").strip()}
    try:
        values["age"] = float(row["age"]) if row.get("age") not in UNKNOWN else None
        values["label"] = int(row["abnormal"]) if row.get("abnormal") else None
        if row.get("native_width") and row.get("native_height"):
            values["native_shape"] = int(row["native_height"]), int(row["native_width"])
        if row.get("native_spacing_mm"):
            values["native_spacing_mm"] = float(row["native_spacing_mm"])
    except ValueError as error:
        raise DataError(f"{path}, row {row['file']}: {error}; write a number") from None
    return values


def _record(
    name: str, image: Path, mask_left: Path, mask_right: Path, patient: str, known: dict
) -> Record:
    shape = png_shape(image)
    for mask in (mask_left, mask_right):
        if png_shape(mask) != shape:
            raise DataError(
                f"{mask} is {png_shape(mask)} and its image {shape} (height, width): "
                "export both at one size"
            )
    suffix = re.search(r"_([01])$", name)
    label = known.get("label", int(suffix[1]) if suffix else None)
    if suffix and label != int(suffix[1]):
        raise DataError(f"{image} ends in _{suffix[1]} but metadata.csv says {label}: mend one")
    spacing = _spacing_mm(name, shape, known)
    facts = {key: known[key] for key in ("age", "sex", "reading") if key in known}
    return Record(name, image, mask_left, mask_right, shape, spacing, patient, label=label, **facts)


def _spacing_mm(name: str, shape: tuple[int, int], known: dict) -> tuple[float, float] | None:
    prefix = next((prefix for prefix in NATIVE_FILES if name.startswith(prefix)), None)
    listed_mm, listed_shapes = NATIVE_FILES.get(prefix, (None, set()))
    native_mm = known.get("native_spacing_mm", listed_mm)
    native_shape = known.get("native_shape", shape if shape in listed_shapes else None)
    if native_mm is None or native_shape is None:
        return None
    return native_mm * native_shape[0] / shape[0], native_mm * native_shape[1] / shape[1]
