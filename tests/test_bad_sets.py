"""Faults in a reader's own data, one row each, and the error that the reader sees."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import numpy as np
import pytest
from breaking import (
    Break,
    add_row,
    add_unknown_values,
    as_jpeg,
    bilinear,
    bomb,
    cell,
    claim,
    copy,
    draw,
    drop_row,
    edit,
    empty_folder,
    flip_a_bit,
    half_the_rows,
    new_folder,
    pink,
    rebuild,
    remove,
    rename,
    replace,
    set_variable,
    write,
)  # fmt: skip
from sets import NAMES, files, radiograph, write_set
from systems import device, link, pipe

from lungseg_utils.app.checks import check_set
from lungseg_utils.images import read_image
from lungseg_utils.masks import read_lungs
from lungseg_utils.radiographs import load_records
from lungseg_utils.start import begin
from lungseg_utils.types import DataError, NotAnXray, Record
from lungseg_utils.types import Fault as SetFault

NAME, OTHER = NAMES[:2]
IMAGE, LEFT, RIGHT = (path.as_posix() for path in files(Path(), NAME))
READING = f"ClinicalReadings/{NAME}.txt"
TABLE = "metadata.csv"
MASKS = "ManualMask/leftMask", "ManualMask/rightMask"


NO_FOLDER = "there is no folder .*: name a folder laid out as USING.md says, or add it"
CUT = "is cut short: fetch or export it again"
DAMAGED = "is damaged and cannot be decoded: fetch or export it again"
ADD = ": add it, or rename the one meant"
SPARE = "has no image with the same name: rename it or move it away"
ROW = f"in the row of {NAME}.png"
POSITIVE = "write a positive number or nothing"


class Fault(NamedTuple):
    """How a valid set is broken, and the error: its type, the file it names, and the remedy."""

    broken: Break
    error: type[Exception]
    names: str | None
    says: str


FAULTS = {
    # what the reader set
    "no such size of run": Fault(
        set_variable("LUNGSEG_SCALE", lambda root: "huge"), ValueError, None,
        'LUNGSEG_SCALE is "huge": set it to ci, laptop or gpu',
    ),
    "data is a file": Fault(
        set_variable("LUNGSEG_DATA", lambda root: root / TABLE), FileNotFoundError, TABLE,
        "is a file: name the folder of a set",
    ),
    "data is one folder too deep": Fault(
        set_variable("LUNGSEG_DATA", lambda root: root / "CXR_png"), FileNotFoundError,
        "CXR_png", r"is a part of the set .*my set: name that",
    ),
    "data is two folders too deep": Fault(
        set_variable("LUNGSEG_DATA", lambda root: root / MASKS[0]), FileNotFoundError, MASKS[0],
        r"is a part of the set .*my set: name that",
    ),
    "data are two sets": Fault(
        lambda root: [shutil.copytree(root, root / name, dirs_exist_ok=True)
                      for name in ("test", "train")] and remove("CXR_png")(root),
        FileNotFoundError, "", r"holds 2 sets \(test, train\): name one of them",
    ),
    "data is an empty folder": Fault(
        lambda root: (new_folder("../none")(root),
                      set_variable("LUNGSEG_DATA", lambda root: root.parent / "none")(root)),
        FileNotFoundError, None, NO_FOLDER,
    ),
    # files and folders
    "no such folder": Fault(
        remove("."), FileNotFoundError, "", "there is no folder .*my set: check the path"
    ),
    "no folder of images": Fault(
        remove("CXR_png"), FileNotFoundError, "CXR_png", NO_FOLDER
    ),
    "no folder of left masks": Fault(
        remove("ManualMask/leftMask"), FileNotFoundError, "ManualMask/leftMask", NO_FOLDER
    ),
    "no folder of right masks": Fault(
        remove("ManualMask/rightMask"), FileNotFoundError, "ManualMask/rightMask", NO_FOLDER
    ),
    "no images": Fault(
        empty_folder("CXR_png"), DataError, "CXR_png",
        "holds no X-rays: put the radiographs there"
    ),
    "left mask missing": Fault(
        remove(LEFT), DataError, IMAGE, f"has no mask in leftMask{ADD}"
    ),
    "right mask missing": Fault(
        remove(RIGHT), DataError, IMAGE, f"has no mask in rightMask{ADD}"
    ),
    "image missing": Fault(
        remove(IMAGE), DataError, LEFT, rf"{SPARE} \(and 1 more: lungseg check\)"
    ),
    "mask misnamed": Fault(
        rename(LEFT, LEFT.replace(".png", "_new.png")), DataError, IMAGE,
        rf"has no mask in leftMask{ADD} \(and 1 more: lungseg check\)",
    ),
    "one mask too many": Fault(
        copy(LEFT, "ManualMask/leftMask/spare.png"), DataError, "ManualMask/leftMask/spare.png",
        SPARE,
    ),
    "two images of one name": Fault(
        copy(IMAGE, IMAGE.replace(".png", ".tif")), DataError, IMAGE.replace(".png", ".tif"),
        f"has the name of {NAME}.png: rename one of them",
    ),
    "a mask in the place of an image": Fault(
        copy(LEFT, IMAGE), NotAnXray, IMAGE,
        "is a mask, its pixels have two values: choose the X-ray itself",
    ),
    # damaged PNG files
    "zero bytes": Fault(write(IMAGE, b""), DataError, IMAGE, "is empty: fetch or export it again"),
    "a few bytes": Fault(edit(IMAGE, lambda png: png[:20]), DataError, IMAGE, CUT),
    "half the bytes": Fault(
        edit(LEFT, lambda png: png[: len(png) // 2]), DataError, LEFT, DAMAGED
    ),
    "last chunk missing": Fault(
        edit(IMAGE, lambda png: png[:-12]), DataError, IMAGE, CUT
    ),
    "last byte missing": Fault(
        edit(IMAGE, lambda png: png[:-1]), DataError, IMAGE, CUT
    ),
    "flipped bit": Fault(
        edit(IMAGE, flip_a_bit), DataError, IMAGE, DAMAGED
    ),
    "flipped bit in a mask": Fault(
        edit(RIGHT, flip_a_bit), DataError, RIGHT, DAMAGED
    ),
    "half the rows, right checksum": Fault(
        rebuild(IMAGE, b"IDAT", half_the_rows), DataError, IMAGE, DAMAGED
    ),
    "half the stream, right checksum": Fault(
        rebuild(LEFT, b"IDAT", lambda data: data[: len(data) // 2]), DataError, LEFT,
        DAMAGED,
    ),
    "more rows claimed": Fault(
        lambda root: [claim(path, 4000, 4000)(root) for path in (IMAGE, LEFT, RIGHT)], DataError,
        IMAGE, DAMAGED,
    ),
    "gigabytes claimed": Fault(
        claim(IMAGE, 30000, 30000), DataError, IMAGE,
        "claims to be 30000 x 30000 pixels: export it again, or smaller",
    ),
    "decompression bomb": Fault(
        bomb(RIGHT, 12000),
        DataError,
        RIGHT,
        "claims to be 12000 x 12000 pixels: export it again, or smaller",
    ),
    "no pixels": Fault(
        claim(IMAGE, 0, 32),
        DataError,
        IMAGE,
        "claims to be 0 x 32 pixels: export it again, or smaller",
    ),
    # pixels
    "image wider than its masks": Fault(
        draw(IMAGE, lambda image: np.tile(image, 2)), DataError, LEFT,
        r"is \(24, 32\) and its image \(24, 64\) \(height, width\): export both at the same size "
        r"\(and 1 more: lungseg check\)",
    ),
    "left mask turned": Fault(
        draw(LEFT, np.transpose), DataError, LEFT,
        r"is \(32, 24\) and its image \(24, 32\) \(height, width\): export both at the same size"
    ),
    "right mask one row short": Fault(
        draw(RIGHT, lambda mask: mask[1:]), DataError, RIGHT,
        r"is \(23, 32\) and its image \(24, 32\) \(height, width\): export both at the same size"
    ),
    "blank image": Fault(
        draw(IMAGE, lambda image: image * 0 + 7), DataError, IMAGE,
        "shows nothing, all its pixels are 7: choose another file",
    ),
    "both masks black": Fault(
        lambda root: [draw(path, np.zeros_like)(root) for path in (LEFT, RIGHT)], DataError, LEFT,
        "marks no lung: draw it or leave the image out",
    ),
    "white mask": Fault(
        draw(RIGHT, lambda mask: mask * 0 + 255), DataError, RIGHT,
        "marks the whole picture: draw it, or remove the image",
    ),
    "inverted mask": Fault(
        draw(RIGHT, lambda mask: 255 - mask), DataError, RIGHT,
        r"marks \d\d% of the picture: invert it, if lung is black",
    ),
    "an X-ray in the place of a mask": Fault(
        copy(IMAGE, LEFT), DataError, LEFT,
        r"holds \d+ grey values: make the background 0 and the lungs one value",
    ),
    "picture in colour in the place of a mask": Fault(
        draw(RIGHT, lambda mask: np.dstack([mask, (255 * radiograph()).astype(np.uint8), mask])),
        DataError, RIGHT, "is a picture in colour: export the mask alone, in black and white",
    ),
    "mask without zero": Fault(
        draw(LEFT, lambda mask: np.where(mask > 0, 200, 100).astype(np.uint8)), DataError, LEFT,
        "holds 100 and 200, not 0: make the background 0 and the lungs one value",
    ),
    # the table
    "empty table": Fault(write(TABLE, b""), DataError, TABLE,
    'no column "file": name the columns in line 1, with commas'),
    "table without its first line": Fault(
        edit(TABLE, lambda table: table.split(b"\n", 1)[1]), DataError, TABLE,
        'has no column "file": name the columns in line 1, with commas',
    ),
    "table not in UTF-8": Fault(
        edit(TABLE, lambda table: table.replace(NAME.encode(), b"\xe9t\xe9")), DataError, TABLE,
        "cannot be read as a table: save it as CSV in UTF-8, close its quotes, or remove it",
    ),
    "table has a row twice": Fault(
        add_row(f"{NAME}.png,0,F,27,4892,4020,0.0875"), DataError, TABLE,
        f"has 2 rows for {NAME}: keep one",
    ),
    "label 2": Fault(
        cell("abnormal", "2"), DataError, TABLE, f"abnormal 2 {ROW}: write 0, 1 or nothing"
    ),
    "label in words": Fault(
        cell("abnormal", "no"), DataError, TABLE, f"abnormal no {ROW}: write 0, 1 or nothing"
    ),
    "sex in words": Fault(
        cell("sex", "woman"), DataError, TABLE, f"has sex woman {ROW}: write F, M, O or nothing"
    ),
    "age in words": Fault(
        cell("age", "old"), DataError, TABLE, f"has age old {ROW}: {POSITIVE}"
    ),
    "negative age": Fault(cell("age", "-3"), DataError, TABLE, f"has age -3 {ROW}: {POSITIVE}"),
    "width in words": Fault(
        cell("native_width", "wide"), DataError, TABLE, f"native_width wide {ROW}: {POSITIVE}"
    ),
    "zero width": Fault(
        cell("native_width", "0"), DataError, TABLE, f"native_width 0 {ROW}: {POSITIVE}"
    ),
    "negative height": Fault(
        cell("native_height", "-4020"), DataError, TABLE, f"native_height -4020 {ROW}: {POSITIVE}"
    ),
    "width without height": Fault(
        cell("native_height", ""), DataError, TABLE,
        f"lacks native_width or native_height {ROW}: fill in both"
    ),
    "zero spacing": Fault(
        cell("native_spacing_mm", "0"), DataError, TABLE, f"native_spacing_mm 0 {ROW}: {POSITIVE}"
    ),
    "negative spacing": Fault(
        cell("native_spacing_mm", "-0.1"), DataError, TABLE,
        f"native_spacing_mm -0.1 {ROW}: {POSITIVE}",
    ),
    "infinite spacing": Fault(
        cell("native_spacing_mm", "inf"), DataError, TABLE,
        f"native_spacing_mm inf {ROW}: {POSITIVE}",
    ),
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, monkeypatch) -> Path:
    """A valid set, which LUNGSEG_DATA names."""
    root = write_set(tmp_path / "my set")
    monkeypatch.setenv("LUNGSEG_DATA", str(root))
    monkeypatch.setenv("LUNGSEG_SCALE", "ci")
    return root


def read_everything() -> tuple[Record, ...]:
    """What every run does to the data: one pass over all the files."""
    records = begin().records
    for record in records:
        assert read_image(record.image_path).shape == read_lungs(record).shape == record.shape
    return records


def check_faults(folder: Path):
    """What `check_set` finds, in which the errors of a run must be."""
    try:
        return check_set(folder).faults
    except DataError as error:
        return [SetFault(folder / "CXR_png", str(error), "")]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_named_with_its_remedy(fault: Fault, data: Path):
    fault.broken(data)
    with pytest.raises(fault.error) as caught:
        read_everything()
    message = str(caught.value)
    if fault.names and isinstance(caught.value, DataError) and (data / "CXR_png").is_dir():
        stopping = [one for one in check_faults(data) if one.stops]
        assert any(one.file == data / fault.names for one in stopping)
    assert type(caught.value) is fault.error
    assert fault.names is None or str(data / fault.names) in message
    assert re.search(rf"{fault.says}\Z", message)
    assert message.startswith((str(data.parent), "there is no folder ", "LUNGSEG_SCALE is "))
    assert re.fullmatch(r"[^\n]+: [^\n]+", message)


REMARKS = {
    # how the set is changed, the file that is named, and what is said of it
    "image without a mask": (
        lambda root: [remove(path)(root) for path in (LEFT, RIGHT)], None, None),
    "folder among the images": (new_folder("CXR_png/old.png"), "CXR_png/old.png",
                                "is a folder: convert it or move it away"),
    "link to nothing among the masks": (
        lambda root: link(root / MASKS[0] / "old.png", "nowhere"), f"{MASKS[0]}/old.png",
        "is no file of"),
    "pipe among the images": (
        lambda root: pipe(root / "CXR_png" / "old.png"), "CXR_png/old.png", "is no file of"),
    "device among the images": (
        lambda root: device(root / "CXR_png" / "old.png"), "CXR_png/old.png",
        "is no file of"),
    "PDF among the images": (write("CXR_png/scan.pdf", b"%PDF"), "CXR_png/scan.pdf",
                             "convert it or move it away"),
    "one lung removed": (draw(LEFT, np.zeros_like), LEFT,
                         "is all black: fine if that lung was removed"),
    "reading missing": (remove(READING), None, None),
    "reading of no image": (copy(READING, "ClinicalReadings/spare.txt"), None, None),
    "reading without sex": (replace(READING, b"Patient's Sex: F", b""), READING, "tells no sex"),
    "reading without age": (replace(READING, b"Patient's Age: 027Y", b""), READING, "tells no age"),
    "reading with age without unit": (replace(READING, b"027Y", b"027"), READING, "tells no age"),
    "empty reading": (write(READING, b""), READING, "tells no age"),
    "reading as Word file": (
        rename(READING, READING.replace(".txt", ".doc")), READING.replace(".txt", ".doc"),
        "is no file of .txt"),
    "table lacks a row": (edit(TABLE, drop_row), TABLE, "has no row for some images (1)"),
    "table has a row of no image": (
        add_row("spare.png,0,F,27,4892,4020,0.0875"), TABLE, "has rows without an image (1)"),
    "table has a row without file": (add_row(",0,F,27"), TABLE, "has rows without an image (1)"),
    "table has columns of others": (
        edit(TABLE, lambda table: table.replace(b"abnormal", b"verdict")), TABLE,
        "has columns that are not read: verdict"),
    "label against the name": (
        cell("abnormal", "1"), IMAGE, "ends in _0 and metadata.csv says 1: the table was used"),
}  # fmt: skip


@pytest.mark.parametrize("change, names, says", REMARKS.values(), ids=REMARKS)
def test_what_is_merely_unknown_stops_nothing(change, names, says, data: Path):
    change(data)
    assert len(read_everything()) >= len(NAMES) - 1
    found = check_set(data)
    assert not any(fault.stops for fault in found.faults)
    if says:
        assert any(fault.file == data / names and says in str(fault) for fault in found.faults)


HARMLESS = {
    "nothing changed": lambda root: None,
    "no readings": remove("ClinicalReadings"),
    "no table": remove(TABLE),
    "reading not in UTF-8": replace(READING, b"reading of", "caf\xe9".encode("latin-1")),
    "reading saved by Notepad": edit(
        READING, lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")
    ),
    "table saved by Excel": edit(
        TABLE, lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")
    ),
    "mask named in other case": rename(LEFT, LEFT.replace("MCU", "mcu")),
    "mask with an ending of its own": rename(LEFT, LEFT.replace(".png", "_mask.png")),
    "capital suffix": rename(IMAGE, IMAGE.replace(".png", ".PNG")),
    "JPEG renamed": edit(IMAGE, as_jpeg),
    "coloured mask": draw(RIGHT, pink),
    "mask resized as one resizes pictures": draw(LEFT, bilinear),
    "reading of another set's form": replace(READING, b"Sex: F", b"Sex: female"),
    "table with semicolons": edit(TABLE, lambda table: table.replace(b",", b";")),
    "sex in words": cell("sex", "Female"),
    "spacing as pandas writes what is missing": cell("native_spacing_mm", "nan"),
    "data is one folder too high": set_variable("LUNGSEG_DATA", lambda root: root.parent),
    "unknown values": add_unknown_values,
    "bytes after the end": edit(IMAGE, lambda png: png + b"\0\0"),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_harmless_change_is_read(change: Break, data: Path):
    change(data)
    assert [record.name for record in read_everything()] == list(NAMES)


def test_reading_not_in_utf8_keeps_its_other_letters(data: Path):
    replace(READING, b"reading", b"caf\xe9")(data)
    assert read_everything()[0].reading == f"caf\N{REPLACEMENT CHARACTER} of {NAME}"


@pytest.mark.parametrize("folder", ["CXR_png", *MASKS, "ClinicalReadings"])
def test_system_files_are_ignored(folder: str, data: Path):
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", f"._{NAME}.png"):
        (data / folder / name).write_bytes(b"of no meaning")
    (data / folder / ".ipynb_checkpoints").mkdir()
    assert len(read_everything()) == len(NAMES)


def test_huge_file_is_refused_before_it_is_decoded(data: Path, monkeypatch):
    claim(IMAGE, 12000, 9000)(data)
    monkeypatch.setattr("cv2.imdecode", None)
    with pytest.raises(DataError, match="claims to be 12000 x 9000 pixels"):
        read_image(data / IMAGE)


def test_odd_names_pair_by_name(tmp_path: Path):
    names = ("a.b", "a.b.c", "case 7 (left).final", "Röntgen_ü1", "胸部", "#1%20", "-x")
    records = load_records(write_set(tmp_path, names))
    assert [record.name for record in records] == sorted(names)
    for record in records:
        paths = record.image_path, *record.mask_paths
        assert paths == files(tmp_path, record.name)
        assert record.reading == f"reading of {record.name}"
        assert read_lungs(record).any()


def test_two_ways_to_write_an_umlaut_are_one_name(tmp_path: Path):
    composed, split = (normalize(form, "Bär") for form in ("NFC", "NFD"))
    root = write_set(tmp_path, ["x", composed])
    for path in files(root, composed)[1:]:
        path.rename(path.with_name(f"{split}.png"))
    assert [record.name for record in load_records(root)] == [composed, "x"]
