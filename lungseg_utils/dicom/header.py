"""The fields of a DICOM header, each read by itself, and what it says of the picture."""

import contextlib
import re
from collections.abc import Sequence

from lungseg_utils.types import Spacing

CHEST = ("CHEST", "THORA", "TORA", "LUNG", "PULM", "BRUST", "RIB", "PECHO", "POUMON", "PEITO",
         "BORST", "BRYST", "HRUD", "KLATK", "MELLKAS", "GOGUS", "NGUC", "PLUC")  # fmt: skip
SIDE_VIEWS = {"LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT", "LLATERAL", "RLATERAL"}
OBLIQUE_VIEWS = {"RLO", "LLO", "LAO", "RAO", "LPO", "RPO", "OBL", "OBLIQUE"}
SIDE_VIEW, ASIDE = "this is a side view", "the patient lies on the side of the picture"
TURNS = {  # by where the rows of the picture lead, and its columns
    "RH": "the picture is turned by 180 degrees: the patient's sides change",
    "R": "the picture is mirrored: the patient's sides change",
    "LH": "the picture is upside down, as in a mirror",
    "A": SIDE_VIEW, "P": SIDE_VIEW, "H": ASIDE, "F": ASIDE,
}  # fmt: skip
ORIENTATION = "PatientOrientation"
SPACINGS = ("ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacing")
LIKELY_MM = 50, 1000  # a side of a radiograph
LARGEST = 2**32  # a number of a header


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
        """A field as one text, empty where it is absent; an escape to other letters ends it."""
        said = " ".join(str(one) for one in self.items(field)).partition("\x1b")[0]
        printed = (one if one.isprintable() else " " for one in said)
        return " ".join("".join(printed).split())

    def numbers(self, field: str) -> list[float | None]:
        """The numbers of a field, None for each that is damaged."""
        return [_number(one) for one in self.items(field)]

    def number(self, field: str, usual: float | None, instead: str = "") -> float | None:
        """The only number of a field; `usual` where it is absent or, with a note, damaged."""
        found = self.numbers(field)
        if len(found) == 1 and found[0] is not None:
            return found[0]
        if found:
            self.notes.append(f"{title(field)} is damaged: {instead or f'{usual:g} was used'}")
        return usual

    def contradicted(self, field: str, instead: str, what: str = "the picture") -> None:
        """A note that a field is not believed."""
        self.notes.append(f"{title(field)} contradicts {what}: {instead} used")


def _number(value: object) -> float | None:
    with contextlib.suppress(Exception):
        number = float(value.strip("\0 ") if isinstance(value, str) else value)
        return number if abs(number) <= LARGEST else None
    return None


def title(field: str) -> str:
    """A field as the standard calls it: "Imager Pixel Spacing"."""
    from pydicom.datadict import dictionary_description

    return dictionary_description(field)


def detector_mm(header: Header, shape: tuple[int, int]) -> Spacing | None:
    """The (row, column) size of a pixel on the detector: the first of `SPACINGS` that is likely.

    Args: `shape` (height, width) of the picture in pixels.
    """
    damaged = []
    for field in SPACINGS:
        found = header.numbers(field)
        sides = [(mm or 0) * pixels for mm, pixels in zip(found, shape, strict=False)]
        if len(found) == 2 and LIKELY_MM[0] <= min(sides) and max(sides) <= LIKELY_MM[1]:
            break
        damaged += [field] if found else []
    else:
        field, found = "", None
    instead = f"{title(field)} was used" if found else "no areas in cm2"
    header.notes += [f"{title(one)} is damaged: {instead}" for one in damaged]
    return tuple(found) if found else None


def sayings(header: Header) -> list[str]:
    """What the header says against a frontal chest X-ray."""
    view, ways = _view(header), header.items(ORIENTATION)
    part = header.text("BodyPartExamined") or _meaning(header, "AnatomicRegionSequence")
    is_chest = not part or not part.isascii() or any(word in part.upper() for word in CHEST)
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
    for said in (header.text("ViewPosition"), _meaning(header, "ViewCodeSequence")):
        words = set(re.findall("[A-Z]+", said.upper()))
        if words & SIDE_VIEWS and not any(word.startswith("DECUB") for word in words):
            return f"{SIDE_VIEW} ({said[:16]})"
        if words & OBLIQUE_VIEWS:
            return f"this is an oblique view ({said[:16]})"
    return ""


def _meaning(header: Header, field: str) -> str:
    """What the first code of a field means."""
    codes = [one for one in header.items(field)[:1] if hasattr(one, "get_item")]
    return "".join(Header(one).text("CodeMeaning") for one in codes)
