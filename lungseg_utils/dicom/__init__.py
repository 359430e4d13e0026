"""Notebook 01: DICOM, the files that hospitals use, for `images`.

pydicom reads them; it comes with `pip install "lungseg-utils[dicom]"`. Headers are written by hand
and by machines of forty years: each field is read by itself, and one that is damaged is left out
with a note.
"""

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

from lungseg_utils.types import MOST_PIXELS, DataError, NotAnXray, Spacing, Stored

from .greys import stored_greys
from .header import Header, detector_mm, sayings
from .pixels import COLOURS, bare_picture

DEFLATED = b"1.2.840.10008.1.2.1.99"  # is unpacked whole before anything can be checked
MARK = b"DICM"
NOTHING = frozenset({0})  # what zeros behind a copy that broke off are taken for: no field
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
MOST_META = 4096  # bytes in which the transfer syntax is named
NO_PICTURE = "{} is a DICOM file without a picture: choose another file"
OTHER_MODALITIES = {"CT", "MR", "PT", "NM", "US", "MG", "XA", "OPT", "OP", "ES", "ECG"}
KINDS = {  # by a word of the class's name, or the modality
    "Directory": "index", "State": "presentation state", "PR": "presentation state",
    "SR": "report", "Key": "list of key images", "KO": "list of key images",
    "Encapsulated": "document", "DOC": "document", "Waveform": "waveform",
    "Segmentation": "segmentation", "SEG": "segmentation", "Plan": "treatment plan",
    "RTPLAN": "treatment plan", "Structure": "set of contours", "RTSTRUCT": "set of contours",
}  # fmt: skip


def _first_elements() -> Iterator[bytes]:
    """How data sets begin where nothing stands before them."""
    kinds = {2: {0: "UL", 1: "OB", 2: "UI", 16: "UI"},
             8: {0: "UL", 1: "UL", 5: "CS", 8: "CS", 18: "DA", 19: "TM", 20: "UI", 22: "UI",
                 24: "UI", 32: "DA", 33: "DA", 35: "DA", 48: "TM", 96: "CS"}}  # fmt: skip
    for group, elements in kinds.items():
        for element, kind in elements.items():
            for order in "<>":
                yield struct.pack(f"{order}HH2s", group, element, kind.encode())
            for length in range(2, 66, 2):
                yield struct.pack("<HHI", group, element, length)


DICOM_WITHOUT_PREAMBLE = (MARK, *_first_elements())


def read_dicom(content: bytes, name: Path | str) -> Stored:
    """The radiograph in a DICOM file's content; `name` is what errors call it.

    The first table or window that shows the picture is applied to its rescaled numbers; without
    one the numbers are as stored. Fields that are missing are taken as is usual, those that are
    damaged are left out, and notes say so.
    Raises: DataError if it is damaged, or is not one radiograph; NotAnXray if it is a report, an
        index or the like. Source: DICOM PS3.3, C.7.6.3, C.8.11 and C.11.
    """
    with _in_one_sentence(name):
        header = _opened(io.BytesIO(content), name, NOTHING)[0]
        shape = _checked_shape(header, name)
        if "PixelData" not in header.fields:
            raise DataError(NO_PICTURE.format(name))
        spacing = detector_mm(header)
        found = stored_greys(header, bare_picture(header, shape), name)
        return found._replace(spacing_mm=spacing, notes=(*header.notes, *sayings(header)))


def measure_dicom(path: Path) -> tuple[tuple[int, int], Spacing | None]:
    """(height, width) in pixels, and the size of a pixel on the detector, from the header alone.

    Raises: DataError as `read_dicom`, but for faults of the pixels.
    """
    with path.open("rb") as file, _in_one_sentence(path):
        header, rest = _opened(file, path, NOTHING | PIXELS)
        height, width, _ = _checked_shape(header, path)
        if not rest.read(1):
            raise DataError(NO_PICTURE.format(path))
        return (height, width), detector_mm(header)


@contextlib.contextmanager
def _in_one_sentence(name: Path | str) -> Iterator[None]:
    try:
        import pydicom
    except ImportError:
        raise DataError(
            f'{name} is a DICOM file, and pydicom is missing: pip install "lungseg-utils[dicom]", '
            "or export it as PNG"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydicom on damaged fields, which have notes
        try:
            yield
        except DataError:
            raise
        except Exception as error:  # a damaged file makes pydicom raise errors of any kind
            raise DataError(f"{name} cannot be read as DICOM: export it again") from error


def _opened(file, name: Path | str, stops: frozenset[int]) -> tuple[Header, io.IOBase]:
    """What is read of a file up to one of the tags `stops`, and the file, behind what was read."""
    from pydicom.filereader import read_partial

    if DEFLATED in file.read(MOST_META):
        raise DataError(f"{name} is a deflated DICOM file: export it without compression")
    file.seek(0)
    if file.read(len(MARK)) == MARK:
        file = io.BytesIO(file.read())
    file.seek(0)
    fields = read_partial(file, lambda tag, *_: tag in stops, force=True)
    if not fields:
        raise ValueError("it holds no field")
    return Header(fields), file


def _checked_shape(header: Header, name: Path | str) -> tuple[int, int, int]:
    """(height, width, samples) of what may be a radiograph."""
    _check_kind(header, name)
    if "Rows" not in header.fields:
        raise DataError(NO_PICTURE.format(name))
    frames = header.number("NumberOfFrames", 1)
    if frames > 1:
        raise DataError(f"{name} holds {frames:.0f} pictures: export one of them")
    height, width = (int(header.number(field, 0)) for field in ("Rows", "Columns"))
    colour = header.text("PhotometricInterpretation").upper() in COLOURS
    samples = int(header.number("SamplesPerPixel", 3 if colour else 1))
    if height <= 0 or width <= 0 or not 0 < height * width * samples <= MOST_PIXELS:
        raise DataError(f"{name} claims to be {height} x {width} pixels: export it again")
    return height, width, samples


def _check_kind(header: Header, name: Path | str) -> None:
    from pydicom.uid import UID

    meta = Header(header.fields.file_meta)
    kind = header.text("SOPClassUID") or meta.text("MediaStorageSOPClassUID")
    modality, *_ = *(str(one).strip().upper() for one in header.items("Modality")), ""
    for word in (*UID(kind).name.split(), modality):
        if word in KINDS:
            raise NotAnXray(f"{name} is a DICOM {KINDS[word]}, not an X-ray: choose another file")
    if modality in OTHER_MODALITIES:
        raise DataError(f"{name} is of modality {modality}, not a radiograph: choose another file")
