"""Notebook 01: what is known of patients, from readings and a table."""

import csv
import io
import math
import re
from collections import Counter, defaultdict
from pathlib import Path
from unicodedata import normalize

from lungseg_utils.types import Fault

COLUMNS = (
    "file", "patient", "abnormal", "sex", "age", "native_width", "native_height",
    "native_spacing_mm",
)  # fmt: skip
ALSO_CALLED = {
    "image index": "file", "image": "file", "filename": "file", "name": "file",
    "patient id": "patient", "patient_id": "patient", "patientid": "patient",
    "label": "abnormal", "gender": "sex", "patient gender": "sex", "patient sex": "sex",
    "patient age": "age",
}  # fmt: skip
EMPTY = {"", "?", "nan", "na", "n/a", "none", "null", "unknown"}
OLDEST, COARSEST_MM = 130, 10
LABELS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}
SEXES = {"f": "F", "female": "F", "m": "M", "male": "M", "o": "O", "other": "O", "": ""}
YEARS_PER_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")
LAST_PART = re.compile(r"[^_ -]*$")  # of a name
WHOLE = re.compile(r"^0*(\d+)(\.0+)?$")  # a number, as 3 is written 003 and 3.0
LINES = re.MULTILINE | re.IGNORECASE
# "Patient's Sex: F" in the Montgomery set, "male 45yrs" in the Shenzhen set
SEX = re.compile(r"^Patient's Sex:\s*(female|male|[FMO])\b|^(female|male)\b", LINES)
AGE = re.compile(r"^(?:Patient's Age:\s*|(?:fe)?male,?\s*)(\d+) *([YMWD])", LINES)


def stem(path: Path) -> str:
    """A file's name without its ending, in one of the two ways to write an umlaut."""
    return normalize("NFC", path.stem)  # macOS writes it as two characters, others as one


def read_clinical(path: Path, faults: list[Fault]) -> dict:
    """Sex, age in years and reading that a text names, unknown where it does not, which is added
    to `faults`.
    """
    try:
        text = _text(path, "replace")
    except OSError:
        faults.append(Fault(path, "cannot be opened", "check its permissions", False))
        text = ""
    sex, age = SEX.search(text), AGE.search(text)
    for found, what in ((sex, "sex"), (age, "age")):
        if not found:
            faults.append(Fault(path, f"tells no {what}", "it is unknown unless you add it", False))
    spent = [found.start() for found in (sex, age) if found]
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    lines = [
        line.strip() for start, line in zip(starts, text.split("\n"), strict=True)
        if start not in spent and not line.startswith("Patient's ")
    ]  # fmt: skip
    return {
        "sex": SEXES[(sex[1] or sex[2]).lower()] if sex else "",
        "age": int(age[1]) * YEARS_PER_UNIT[age[2].upper()] if age else None,
        "reading": " ".join(line for line in lines if line),
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
    group = {name: name for name in names}
    columns: defaultdict[str, str] = defaultdict(str)
    for name in sorted(names):
        patient = known[name].get("patient")
        mentions = " ".join(re.findall(r"same pt as ([^)]*)", known[name].get("reading", "")))
        words = {word.strip(".") for word in re.findall(r"[\w.-]+", mentions)}
        same = {name, *re.findall(r"\w+_\d+_\d\b", mentions), *(words & names.keys())}
        same |= {columns.setdefault(patient, name)} if patient else set()
        joined = {group.setdefault(other, other) for other in same}
        if len(joined) > 1:
            group |= {key: min(joined) for key, value in group.items() if value in joined}
    first: dict[str, str] = {}
    for name in sorted(names):
        first.setdefault(group[name], name)
    found = {name: first[group[name]] for name in names}
    stems = Counter(name[: len(name) - len(LAST_PART.search(name)[0])] for name in names)
    repeated = [one for one, times in stems.items() if one and times > 1]
    if repeated and len(stems) > 1 and not columns and len(set(found.values())) == len(found):
        said = f'has names that repeat up to their last part, such as "{repeated[0]}"'
        remedy = "if that is one patient, say so in a column patient of metadata.csv"
        faults.append(Fault(root, said, remedy, False))
    return found


def read_metadata(path: Path, images: dict[str, Path], faults: list[Fault]) -> dict[str, dict]:
    """What a table, in whose name capitals do not count, says of each image, by name; what is wrong
    with it, and tables beside it, which are not read, are added to `faults`.
    """
    tables = [one for one in sorted(path.parent.iterdir())
              if one.suffix.lower() in TABLES and one.name[0] not in ".~"]  # fmt: skip
    path = next((one for one in tables if one.name.lower() == path.name), None)
    remedy = "if it tells of the images, save it as metadata.csv"
    faults += [Fault(one, "is not read", remedy, False) for one in tables if one != path]
    if not path:
        return {}
    try:
        columns, rows = _table(path)
    except (UnicodeError, csv.Error, OSError):
        remedy = "save it as CSV in UTF-8, close its quotes, or remove it"
        faults.append(Fault(path, "cannot be read as a table", remedy))
        return {}
    if "file" not in columns:
        faults.append(
            Fault(path, 'has no column "file"', "name the columns in line 1, with commas")
        )
        return {}
    others = [one for one in columns if one not in COLUMNS]
    if others:
        said = f"has columns that are not read: {', '.join(map(str, others))}"
        faults.append(Fault(path, said, f"those read are {', '.join(COLUMNS)}", False))
    return _rows_by_name(path, rows, images, faults)


def _table(path: Path) -> tuple[list[str], list[dict]]:
    """The columns of a CSV file, by the names of `COLUMNS` where they have one, and its rows."""
    text = _text(path)
    if "\0" in text:
        raise UnicodeError  # UTF-16 that does not say so
    first, _, rest = text.partition("\n")
    separator = max(",;\t", key=first.count)
    names = [one.strip() for one in next(csv.reader([first], delimiter=separator), [])]
    own = {one.lower() for one in names} & set(COLUMNS)
    columns = [_column_of(one, own) for one in names]
    lines = io.StringIO(rest)
    return columns, list(csv.DictReader(lines, columns, delimiter=separator, strict=True))


def _column_of(name: str, own: set[str]) -> str:
    """The column of `COLUMNS` that a name means, unless the table has that one itself."""
    low = name.lower()
    meant = low if low in own else ALSO_CALLED.get(low, name)
    return name if meant in own and low not in own else meant


def _rows_by_name(
    path: Path, rows: list[dict], images: dict[str, Path], faults: list[Fault]
) -> dict[str, dict]:
    by_file = {f"{name}{end}".lower(): name
               for name, image in images.items() for end in ("", image.suffix)}  # fmt: skip
    files = (normalize("NFC", row["file"] or "").replace("\\", "/") for row in rows)
    names = [by_file.get(file.rpartition("/")[2].strip().lower(), "") for file in files]
    for name, times in Counter(filter(None, names)).items():
        if times > 1:
            faults.append(Fault(path, f"has {times} rows for {name}", "keep one"))
    for said, count, remedy in (
        ("has rows of no image", names.count(""), "they are not read"),
        ("lacks rows of images", len(images.keys() - set(names)), "what they would say is unknown"),
    ):
        if count:
            faults.append(Fault(path, f"{said} ({count})", remedy, False))
    pairs = zip(names, rows, strict=True)
    return {name: _metadata_row(path, row, faults) for name, row in pairs if name}


def _metadata_row(path: Path, row: dict[str, str], faults: list[Fault]) -> dict:
    text = {key: (row.get(key) or "").strip() for key in COLUMNS}
    text = {key: "" if said.lower() in EMPTY else said for key, said in text.items()}

    def wrong(column: str, remedy: str) -> None:
        said = f"has {column} {text[column]} in the row of {row['file']}"
        faults.append(Fault(path, said, f"write {remedy} or nothing"))

    def number(column: str, least: float = 1e-9, most: float = 1e6) -> float | None:
        try:
            found = float(text[column].replace(",", ".").replace("_", "?").rstrip("yY ") or "nan")
        except ValueError:
            found = -math.inf
        fits = least <= found <= most
        if text[column] and not fits:
            wrong(
                column, "a positive number" if found < least or found > 1e6 else f"at most {most}"
            )
        return found if fits else None

    if any(row.get(None, ())):
        said = f"has more cells than columns in the row of {row['file']}"
        faults.append(Fault(path, said, "put what holds a comma in quotes"))
    if text["sex"].lower() not in SEXES:
        wrong("sex", "F, M, O")
    if text["abnormal"] and text["abnormal"] not in LABELS:
        wrong("abnormal", "0, 1")
    shape = number("native_height"), number("native_width")
    if bool(text["native_height"]) != bool(text["native_width"]):
        said = f"lacks native_width or native_height in the row of {row['file']}"
        faults.append(Fault(path, said, "fill in both"))
    return {
        "patient": WHOLE.sub(r"\1", "".join(text["patient"].casefold().split())),
        "sex": SEXES.get(text["sex"].lower(), ""),
        "age": number("age", 0, OLDEST),
        "label": LABELS.get(text["abnormal"]),
        "native_shape": None if None in shape else shape,
        "native_spacing_mm": number("native_spacing_mm", most=COARSEST_MM),
    }
