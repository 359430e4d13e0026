"""Notebook 01: what is known of patients, from readings and a table."""

import csv
import io
import math
import re
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from unicodedata import normalize

from lungseg_utils.types import Fault

ALSO_CALLED = {
    "image index": "file", "image": "file", "filename": "file", "name": "file",
    "patient id": "patient", "patient_id": "patient", "patientid": "patient",
    "label": "abnormal", "gender": "sex", "patient gender": "sex", "patient sex": "sex",
    "patient age": "age",
}  # fmt: skip
EMPTY = {"", "?", "nan", "na", "n/a", "none", "null", "unknown"}
LABELS = {"": None, "0": 0, "0.0": 0, "1": 1, "1.0": 1}
SEXES = {"": "", "f": "F", "female": "F", "m": "M", "male": "M", "o": "O", "other": "O"}
WORDS = {"abnormal": (LABELS, "0, 1"), "sex": (SEXES, "F, M, O")}
NUMBERS = {  # the least and the most
    "age": (0, 130), "native_width": (1, 1e6), "native_height": (1, 1e6),
    "native_spacing_mm": (1e-9, 10),
}  # fmt: skip
COLUMNS = "file", "patient", *WORDS, *NUMBERS
YEARS_PER_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")
WHOLE = re.compile(r"^0*(\d+)(\.0+)?$")  # a number, as 3 is written 003 and 3.0
NUMBER = re.compile(r"(\d*[.,]?\d+) *[yY]?")
LINES = re.MULTILINE | re.IGNORECASE
# "Patient's Sex: F" in the Montgomery set, "male 45yrs" in the Shenzhen set
SEX = re.compile(r"^(?:Patient's Sex:\s*(female|male|[FMO])\b|(female|male)\b).*", LINES)
AGE = re.compile(r"^(?:Patient's Age:\s*|(?:fe)?male,?\s*)(\d+) *([YMWD]).*", LINES)


def stem(path: Path) -> str:
    """A file's name without its ending, in one of the two ways to write an umlaut."""
    return normalize("NFC", path.stem)  # macOS writes it as two characters, others as one


def read_clinical(path: Path, faults: list[Fault]) -> dict:
    """Sex, age in years and reading that a text names; `faults` gets what it does not tell."""
    text = ""
    try:
        text = _text(path, "replace")
    except OSError:
        faults.append(Fault(path, "cannot be opened", "check its permissions", False))
    sex, age = SEX.search(text), AGE.search(text)
    for found, what in ((sex, "sex"), (age, "age")):
        if not found:
            faults.append(Fault(path, f"tells no {what}", "it is unknown unless you add it", False))
        else:
            text = text.replace(found[0], "", 1)
    lines = (line.strip() for line in text.split("\n") if not line.startswith("Patient's "))
    return {
        "sex": SEXES[(sex[1] or sex[2]).lower()] if sex else "",
        "age": int(age[1]) * YEARS_PER_UNIT[age[2].upper()] if age else None,
        "reading": " ".join(filter(None, lines)),
    }


def _text(path: Path, errors: str = "strict") -> str:
    """A text in UTF-8, or in UTF-16 where it begins as Excel and Notepad write that."""
    # what has no size may be a pipe or a device, which waits for ever once it is opened
    content = path.read_bytes() if path.stat().st_size else b""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return io.StringIO(content.decode(encoding, errors), newline=None).read()


def group_patients(
    names: dict, known: dict[str, dict], root: Path, faults: list[Fault]
) -> dict[str, str]:
    """The first record of each one's patient: by metadata.csv, and by readings that name others.

    Names that repeat up to their last part are added to `faults`, where no patient is given.
    """
    one_patient: dict[object, set] = {}
    for name in names:
        mentions = " ".join(re.findall(r"same pt as ([^)]*)", known[name].get("reading", "")))
        words = {word.strip(".") for word in re.findall(r"[\w.-]+", mentions)}
        same = {name, *re.findall(r"\w+_\d+_\d\b", mentions), *(words & names.keys())}
        if patient := known[name].get("patient"):
            same.add((patient,))  # a tuple, that no name is taken for it
        same = same.union(*(one_patient.get(one, ()) for one in same))
        one_patient |= dict.fromkeys(same, same)
    found = {name: min(one_patient[name] & names.keys()) for name in names}
    told = any(known[name].get("patient") or found[name] != name for name in names)
    stems = Counter(re.sub(r"[^_ -]*$", "", name) for name in names)
    repeated = [one for one, times in stems.items() if one and times > 1]
    if repeated and len(stems) > 1 and not told:
        said = f'has names that repeat up to their last part, such as "{repeated[0]}"'
        remedy = "if that is one patient, say so in a column patient of metadata.csv"
        faults.append(Fault(root, said, remedy, False))
    return found


def read_metadata(path: Path, images: dict[str, Path], faults: list[Fault]) -> dict[str, dict]:
    """What a table, whatever the case of its name, says of each image, by name; `faults` gets
    what is wrong with it, and the tables beside it, which are not read.
    """
    beside = sorted(path.parent.glob("[!.~]*"))
    tables = [one for one in beside if one.suffix.lower() in TABLES]
    path = next((one for one in tables if one.name.lower() == path.name), None)
    remedy = "if it tells of the images, save it as metadata.csv"
    faults += [Fault(one, "is not read", remedy, False) for one in tables if one != path]
    if not path:
        return {}
    try:
        text = _text(path)
        columns = _columns(path, text, faults)
    except (UnicodeError, csv.Error, OSError):
        remedy = "save it as CSV in UTF-8, close its quotes, or remove it"
        faults.append(Fault(path, "cannot be read as a table", remedy))
        return {}
    if "file" not in columns:
        pointer = text.startswith("version https://git-lfs.")
        said = "is a Git LFS pointer" if pointer else 'has no column "file"'
        remedy = "run git lfs pull" if pointer else "name the columns in line 1, with commas"
        faults.append(Fault(path, said, remedy))
        return {}
    others = [one for one in columns if one and one not in COLUMNS]
    if others:
        said = f"has columns that are not read: {', '.join(others)}"
        faults.append(Fault(path, said, f"those read are {', '.join(COLUMNS)}", False))
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return _rows_by_name(path, rows, images, faults)


def _columns(path: Path, text: str, faults: list[Fault]) -> dict[str, tuple[str, ...]]:
    """The cells of a table's columns, by those of `COLUMNS` that they mean or their own names."""
    if "\0" in text:
        raise UnicodeError  # UTF-16 that does not say so
    separator = max(",;\t", key=text.partition("\n")[0].count)
    table = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    rows = [[cell.strip() for cell in row] for row in table if row]
    header = [name.lower() for name in rows[0]] if rows else []
    found: dict[str, tuple[str, ...]] = {}
    for name, (_, *cells) in zip(header, zip_longest(*rows, fillvalue=""), strict=False):
        column = ALSO_CALLED.get(name, name)
        if column == "file" and column in header:
            column = name  # as the name of a person
        if column in COLUMNS and cells != found.get(column, cells):
            said = f'has two columns for {column}, one of them "{name}"'
            faults.append(Fault(path, said, "keep one"))
        found.setdefault(column, cells)
    said, remedy = "has more cells than columns", "put what holds a comma in quotes"
    wide = [row[0] for row in rows if any(row[len(header) :])]
    faults += [Fault(path, f"{said} in the row of {first}", remedy) for first in wide]
    return found


def _rows_by_name(
    path: Path, rows: list[dict], images: dict[str, Path], faults: list[Fault]
) -> dict[str, dict]:
    by_file = {(name + image.suffix).lower(): name for name, image in images.items()}
    by_file |= {name.lower(): name for name in images}
    files = (normalize("NFC", row["file"]).replace("\\", "/").rpartition("/")[2] for row in rows)
    names = [by_file.get(file.strip().lower(), "") for file in files]
    for name, times in Counter(filter(None, names)).items():
        if times > 1:
            faults.append(Fault(path, f"has {times} rows for {name}", "keep one"))
    for said, count, remedy in (
        ("has rows without an image", names.count(""), "they are not read"),
        ("has no row for some images", len(images.keys() - set(names)), "which stay unknown"),
    ):
        if count:
            faults.append(Fault(path, f"{said} ({count})", remedy, False))
    pairs = zip(names, rows, strict=True)
    return {name: _row(path, row, faults) for name, row in pairs if name}


def _row(path: Path, row: dict[str, str], faults: list[Fault]) -> dict:
    """What the cells of a row say, by the names of `COLUMNS`, and the label as `label`."""
    told = {column: row.get(column, "") for column in COLUMNS}
    told = {column: "" if text.lower() in EMPTY else text for column, text in told.items()}
    known: dict = {"patient": WHOLE.sub(r"\1", "".join(told["patient"].casefold().split()))}
    wrong = []
    for column, (meanings, remedy) in WORDS.items():
        known[column] = meanings.get(told[column].lower())
        if told[column].lower() not in meanings:
            wrong.append((column, remedy))
    for column, (least, most) in NUMBERS.items():
        written = NUMBER.fullmatch(told[column])
        number = float(written[1].replace(",", ".")) if written else math.nan
        known[column] = number if least <= number <= most else None
        if told[column] and known[column] is None:
            wrong.append((column, f"at most {most}" if number > most else "a positive number"))
    where = f"in the row of {row['file']}"
    for column, remedy in wrong:
        said = f"has {column} {told[column]} {where}"
        faults.append(Fault(path, said, f"write {remedy} or nothing"))
    if bool(told["native_height"]) != bool(told["native_width"]):
        faults.append(Fault(path, f"lacks native_width or native_height {where}", "fill in both"))
    return {**known, "label": known["abnormal"]}
