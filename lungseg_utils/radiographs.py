"""Notebook 01: from a folder to records: what is known about each radiograph.

How folders are laid out is a line of `LAYOUTS`. The Montgomery set's:

    CXR_png/NAME.png                   the radiograph
    ManualMask/leftMask/NAME.png       the lung on the left of the image (the patient's right lung)
    ManualMask/rightMask/NAME.png      the lung on the right of the image
    ClinicalReadings/NAME.txt          sex, age and reading (the folder may be missing)
    metadata.csv                       native sizes of images that were resized (may be missing)
"""

import csv
import math
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from lungseg_utils.images import read_shape
from lungseg_utils.types import DataError, Record, Spacing

SYSTEM_FILES = {"Thumbs.db", "desktop.ini"}
# Pixel spacing (mm) and (height, width) of files as distributed. Montgomery: the set's ReadMe;
# JSRT: Shiraishi et al. 2000, doi 10.2214/ajr.174.1.1740071.
NATIVE_FILES = {
    "MCUCXR_": (0.0875, {(4892, 4020), (4020, 4892)}),
    "JPCLN": (0.175, {(2048, 2048)}),
    "JPCNN": (0.175, {(2048, 2048)}),
}
METADATA = ("abnormal", "sex", "age", "native_width", "native_height", "native_spacing_mm")
UNKNOWN = {None, "", "?"}
YEARS_PER_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


class Layout(NamedTuple):
    """Where a set keeps what, below its folder; files pair by name. `readings` may be missing."""

    images: str
    masks_left: str
    masks_right: str
    readings: str


LAYOUTS = [
    # of the Montgomery County set
    Layout("CXR_png", "ManualMask/leftMask", "ManualMask/rightMask", "ClinicalReadings"),
]


def load_records(root: Path | str) -> tuple[Record, ...]:
    """One `Record` for each image of a folder in one of the `LAYOUTS`, sorted by name.

    Raises: FileNotFoundError if a folder or file is missing; DataError if a file is left over,
        misnamed, not a PNG, cut short, or differs in shape from its image, or if a reading or
        metadata.csv cannot be understood.
    """
    root = Path(root)
    layout = next((one for one in LAYOUTS if (root / one.images).is_dir()), LAYOUTS[0])
    images = _files(root / layout.images, ".png")
    if not images:
        raise DataError(f"{root / layout.images} holds no PNG files: put the radiographs there")
    masks_left = _paired(images, root / layout.masks_left, ".png")
    masks_right = _paired(images, root / layout.masks_right, ".png")
    has_readings = (root / layout.readings).exists()
    texts = _paired(images, root / layout.readings, ".txt") if has_readings else {}
    readings = {name: _read_clinical(path) for name, path in texts.items()}
    patients = _patients({name: readings.get(name, {}).get("reading", "") for name in images})
    metadata = _read_metadata(root / "metadata.csv", images)
    return tuple(
        _record(name, images[name], masks_left[name], masks_right[name], patients[name],
                {**metadata.get(name, {}), **readings.get(name, {})})
        for name in sorted(images)
    )  # fmt: skip


def _files(folder: Path, suffix: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder}: name a folder in the Montgomery layout, or add it"
        )
    found = {}
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in SYSTEM_FILES:
            continue
        if path.is_dir() or path.suffix != suffix:
            raise DataError(f"{path} is no {suffix} file: convert, rename or move it away")
        found[_stem(path)] = path
    return found


def _stem(path: Path) -> str:
    return normalize("NFC", path.stem)  # macOS writes an umlaut as two characters, others as one


def _paired(images: dict[str, Path], folder: Path, suffix: str) -> dict[str, Path]:
    found = _files(folder, suffix)
    for name in sorted(images.keys() - found.keys()):
        raise FileNotFoundError(
            f"{images[name]} has no {folder.name}/{name}{suffix}: add it, or rename the one meant"
        )
    home = next(iter(images.values())).parent.name
    for name in sorted(found.keys() - images.keys()):
        raise DataError(f"{found[name]} has no {home}/{name}.png: rename it or move it away")
    return found


def _read_clinical(path: Path) -> dict:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
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
    group = {name: name for name in readings}
    for name in sorted(readings):
        mentions = " ".join(re.findall(r"same pt as ([^)]*)", readings[name]))
        same = {name, *re.findall(r"\w+_\d+_\d\b", mentions)}
        joined = {group.setdefault(other, other) for other in same}
        if len(joined) > 1:
            group |= {key: min(joined) for key, value in group.items() if value in joined}
    first = {}
    for name in sorted(readings):
        first.setdefault(group[name], name)
    return {name: first[group[name]] for name in readings}


def _read_metadata(path: Path, images: dict[str, Path]) -> dict[str, dict]:
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns, rows = table.fieldnames or [], list(table)
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path} is no table in UTF-8: save it as CSV in UTF-8") from None
    if "file" not in columns:
        raise DataError(f'{path} has no column "file": name the columns in line 1, with commas')
    names = [_stem(Path(row["file"] or "")) for row in rows]
    for name, times in Counter(names).items():
        if times > 1:
            raise DataError(f"{path} has {times} rows for {name}.png: keep one")
        if name not in images:
            raise DataError(f"{path} has a row for {name}.png, which is not there: remove the row")
    for name in sorted(images.keys() - set(names)):
        raise DataError(f"{path} has no row for {name}.png: add one")
    return {name: _metadata_row(path, row) for name, row in zip(names, rows, strict=True)}


def _metadata_row(path: Path, row: dict[str, str]) -> dict:
    where = f"{path}, row {row['file']},"
    text = {key: "" if row.get(key) in UNKNOWN else row[key].strip() for key in METADATA}
    if text["sex"] not in ("", "F", "M", "O"):
        raise DataError(f"{where} has sex {text['sex']}: write F, M, O or nothing")
    if text["abnormal"] not in ("", "0", "1"):
        raise DataError(f"{where} has abnormal {text['abnormal']}: write 0, 1 or nothing")
    native = {key: _number(where, key, text[key]) for key in METADATA if key.startswith("native")}
    shape = native["native_height"], native["native_width"]
    if None in shape and any(native.values()):
        raise DataError(f"{where} lacks native_width or native_height: fill in both")
    return {
        "sex": text["sex"],
        "age": _number(where, "age", text["age"], zero_too=True),
        "label": int(text["abnormal"]) if text["abnormal"] else None,
        "native_shape": None if None in shape else shape,
        "native_spacing_mm": native["native_spacing_mm"],
    }


def _number(where: str, column: str, text: str, zero_too: bool = False) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        number = math.nan
    if number is not None and not (0 < number < math.inf or (zero_too and number == 0)):
        raise DataError(f"{where} has {column} {text}: write a positive number or nothing")
    return number


def _record(
    name: str, image: Path, mask_left: Path, mask_right: Path, patient: str, known: dict
) -> Record:
    shape = read_shape(image)
    for mask in (mask_left, mask_right):
        if read_shape(mask) != shape:
            raise DataError(
                f"{mask} is {read_shape(mask)} and its image {shape} (height, width): "
                "export both at one size"
            )
    suffix = re.search(r"_([01])$", name)
    label = known.get("label")
    if label is None and suffix:
        label = int(suffix[1])
    if suffix and label != int(suffix[1]):
        raise DataError(f"{image} ends in _{suffix[1]} but metadata.csv says {label}: mend one")
    spacing = _file_mm(name, shape, known)
    facts = {key: known[key] for key in ("age", "sex", "reading") if key in known}
    return Record(name, image, mask_left, mask_right, shape, spacing, patient, label=label, **facts)


def _file_mm(name: str, shape: tuple[int, int], known: dict) -> Spacing | None:
    prefix = next((prefix for prefix in NATIVE_FILES if name.startswith(prefix)), None)
    listed_mm, listed_shapes = NATIVE_FILES.get(prefix, (None, set()))
    native_mm = known.get("native_spacing_mm") or listed_mm
    native_shape = known.get("native_shape") or (shape if shape in listed_shapes else None)
    if native_mm is None or native_shape is None:
        return None
    return native_mm * native_shape[0] / shape[0], native_mm * native_shape[1] / shape[1]
