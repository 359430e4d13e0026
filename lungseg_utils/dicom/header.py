"""The fields of a DICOM header, each read by itself, and what it says of the picture."""

import contextlib
import math
import re
import unicodedata
from collections.abc import Sequence

from lungseg_utils.types import Spacing

CHEST = ("CHEST", "THORA", "TORA", "LUNG", "PULM", "BRUST", "RIB", "PECHO", "POUMON")
SIDE_VIEWS = {"LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT", "LLATERAL", "RLATERAL"}
OBLIQUE_VIEWS = {"RLO", "LLO", "LAO", "RAO", "LPO", "RPO", "OBL", "OBLIQUE"}
SIDE_VIEW, ASIDE = "this is a side view", "the patient lies on the side of the picture"
TURNS = {  # by where the rows of the picture lead, and its columns
    "RH": "the picture is turned by 180 degrees",
    "R": "the picture is mirrored: the patient's sides change",
    "LH": "the picture is upside down and mirrored: the patient's sides change",
    "A": SIDE_VIEW, "P": SIDE_VIEW, "H": ASIDE, "F": ASIDE,
}  # fmt: skip
ORIENTATION = "PatientOrientation"
SPACINGS = ("ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacing")
LIKELY_MM = 0.01, 10.0  # a pixel of a radiograph


class Header:
    """The fields of a file, each read by itself, and notes on those that are damaged."""

    def __init__(self, fields):
        self.fields, self.notes = fields, []

    def items(self, field: str) -> list:
        """What a field holds, one by one; nothing where it is absent or empty."""
        if field not in self.fields:
            return []
        try:
            found = self.fields[field].value
        except Exception:  # one number of several may be damaged
            found = self.fields.get_item(field).value
        if isinstance(found, bytes):
            found = found.decode("latin-1").split("\\")
        several = isinstance(found, Sequence) and not isinstance(found, str)
        found = list(found) if several else [found]
        return [] if all(one is None or one in ("", b"") for one in found) else found

    def text(self, field: str) -> str:
        """A field as one text, empty where it is absent."""
        return " ".join(str(one).strip("\0 ") for one in self.items(field)).strip()

    def numbers(self, field: str) -> list[float | None]:
        """The numbers of a field, None for each that is damaged."""
        return [_number(one) for one in self.items(field)]

    def number(self, field: str, usual: float | None, instead: str = "") -> float | None:
        """The only number of a field; `usual` where it is absent or, with a note, damaged."""
        found = self.numbers(field)
        if len(found) == 1 and found[0] is not None:
            return found[0]
        if found:
            self.notes.append(f"{title(field)} is damaged: {instead or f'{usual:g} was taken'}")
        return usual


def _number(value: object) -> float | None:
    with contextlib.suppress(Exception):
        if "_" in str(value):  # which Python takes for a thousands separator
            return None
        number = float(value.strip("\0 ") if isinstance(value, str) else value)
        return number if math.isfinite(number) else None
    return None


def title(field: str) -> str:
    """A field as the standard calls it: "Imager Pixel Spacing"."""
    from pydicom.datadict import dictionary_description

    return dictionary_description(field)


def detector_mm(header: Header) -> Spacing | None:
    """The (row, column) size of a pixel on the detector: the first of `SPACINGS` that is whole."""
    damaged = []
    for field in SPACINGS:
        found = header.numbers(field)
        if len(found) == 2 and all(mm and LIKELY_MM[0] <= mm <= LIKELY_MM[1] for mm in found):
            break
        damaged += [field] if found else []
    else:
        field, found = "", None
    instead = f"{title(field)} was taken" if found else "no areas in cm2"
    header.notes += [f"{title(one)} is damaged: {instead}" for one in damaged]
    return tuple(found) if found else None


def sayings(header: Header) -> list[str]:
    """What the header says against a frontal chest X-ray."""
    view, part, ways = _view(header), header.text("BodyPartExamined"), header.items(ORIENTATION)
    is_chest = not part or any(word in _capitals(part) for word in CHEST)
    way = "".join(str(one).strip()[:1].upper() or "?" for one in ways)
    turn = next((said for start, said in TURNS.items() if way.startswith(start)), "")
    is_raw = header.text("PresentationIntentType").upper() == "FOR PROCESSING"
    found = [
        view,
        "" if is_chest else f"this is not a chest ({part[:16]})",
        "" if turn == SIDE_VIEW and view else turn,
        "it is raw, meant for processing: greys may differ from what a reader sees" * is_raw,
    ]
    return [f"the header says that {one}" for one in found if one]


def _view(header: Header) -> str:
    codes = [Header(one) for one in header.items("ViewCodeSequence") if hasattr(one, "get_item")]
    for said in (header.text("ViewPosition"), *(one.text("CodeMeaning") for one in codes[:1])):
        words = set(re.findall("[A-Z]+", _capitals(said)))
        if words & SIDE_VIEWS and not any(word.startswith("DECUB") for word in words):
            return f"{SIDE_VIEW} ({said[:16]})"
        if words & OBLIQUE_VIEWS:
            return f"this is an oblique view ({said[:16]})"
    return ""


def _capitals(text: str) -> str:
    """Capitals without accents."""
    with contextlib.suppress(UnicodeError):  # written as UTF-8 where the standard has no accents
        text = text.encode("latin-1").decode()
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
