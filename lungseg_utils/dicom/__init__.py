"""Notebook 01: DICOM, the files that hospitals use, for `images`.

pydicom reads them; it comes with `pip install "lungseg-utils[dicom]"`. Headers are written by hand
and by machines of forty years: each field is read by itself, and one that is damaged is left out
with a note.
"""

import contextlib
import io
import itertools
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lungseg_utils.types import MOST_PIXELS, DataError, NotAnXray, Spacing, Stored

from .greys import stored_greys
from .header import Header, detector_mm, sayings
from .pixels import COLOURS, ITEM, bare_picture, jpeg_frame

DEFLATED = "1.2.840.10008.1.2.1.99"  # is unpacked whole before anything can be checked
MARK = b"DICM"
NOTHING, PIXELS = 0, 0x7FE00010  # tags: zeros behind a copy that broke off are no field
PIXEL_TAG, LIKELY_HEADER, MOST_HEADER = b"\xe0\x7f\x10\0", 2**20, 2**26  # bytes
MOST_ITEMS = 100_000
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
    groups = {2: (0, 1, 2, 16), 8: (0, 1, 5, 8, 18, 19, 20, 22, 24, 32, 33, 35, 48, 96)}
    for tag in ((group, element) for group, elements in groups.items() for element in elements):
        for order, kind in itertools.product("<>", (b"CS", b"DA", b"OB", b"TM", b"UI", b"UL")):
            yield struct.pack(f"{order}HH2s", *tag, kind)
        for length in range(2, 66, 2):
            yield struct.pack("<HHI", *tag, length)


DICOM_WITHOUT_PREAMBLE = (MARK, *_first_elements())


def read_dicom(content: bytes, name: Path | str) -> Stored:
    """The radiograph in a DICOM file's content; `name` is what errors call it.

    The first table or window that shows the picture is applied to its rescaled numbers; without
    one the numbers are as stored. Fields that are damaged or contradict the picture are left out,
    and notes say so; of those that are missing they name what the picture cannot tell.
    Raises: DataError if it is damaged, or is not one radiograph; NotAnXray if it is a report, an
        index or the like. Source: DICOM PS3.3, C.7.6.3, C.8.11 and C.11.
    """
    with _in_one_sentence(name):
        header, has_picture = _opened(io.BytesIO(content), name, NOTHING)
        shape = _checked_shape(header, has_picture, name)
        spacing = detector_mm(header, shape[:2])
        found = stored_greys(header, bare_picture(header, shape), name)
        return found._replace(spacing_mm=spacing, notes=(*header.notes, *sayings(header)))


def measure_dicom(file: BinaryIO, name: Path | str) -> tuple[tuple[int, int], Spacing | None]:
    """(height, width) in pixels, and the size of a pixel on the detector, from the header alone.

    Raises: DataError as `read_dicom`, except for faults of the pixels.
    """
    with _in_one_sentence(name):
        header, has_picture = _opened(file, name, NOTHING, PIXELS)
        height, width, _ = _checked_shape(header, has_picture, name)
        return (height, width), detector_mm(header, (height, width))


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


def _opened(file: BinaryIO, name: Path | str, *stops: int) -> tuple[Header, bool]:
    """What is read of a file up to one of the tags `stops`, and whether it has a picture."""
    from pydicom.filereader import read_dataset, read_partial, read_preamble

    start = file.read(LIKELY_HEADER)
    if PIXEL_TAG not in start:
        start += file.read(MOST_HEADER)
    if start.partition(PIXEL_TAG)[0].count(ITEM) > MOST_ITEMS:  # each takes as long as a field
        raise DataError(f"{name} holds a list of over {MOST_ITEMS} items: export it again")
    if start.startswith(MARK):
        file = io.BytesIO(bytes(128) + start + file.read())
    file.seek(0)
    read_preamble(file, force=True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)
    if meta.get("TransferSyntaxUID") == DEFLATED:
        raise DataError(f"{name} is a deflated DICOM file: export it without compression")

    kinds = {}

    def stops_at(tag: int, kind: str | None, _) -> bool:
        kinds[tag] = kind
        return tag in stops

    file.seek(0)
    fields = read_partial(file, stops_at, force=True)
    if not fields or (PIXELS not in kinds and None in kinds.values() and any(kinds.values())):
        raise ValueError("it holds no field, or the kind of one is damaged")
    return Header(fields), PIXELS in kinds


def _checked_shape(header: Header, has_picture: bool, name: Path | str) -> tuple[int, int, int]:
    """(height, width, samples) of what may be a radiograph."""
    _check_kind(header, name)
    if "FloatPixelData" in header.fields or "DoubleFloatPixelData" in header.fields:
        raise DataError(f"{name} stores its pixels as fractions: export it with 16 bits a pixel")
    if not has_picture:
        raise DataError(f"{name} is a DICOM file without a picture: choose another file")
    frames = header.number("NumberOfFrames", 1)
    if frames > 1:
        raise DataError(f"{name} holds {frames:.0f} pictures: export one of them")
    height, width = (int(header.number(field, 0)) for field in ("Rows", "Columns"))
    colour = header.text("PhotometricInterpretation").upper() in COLOURS
    samples = int(header.number("SamplesPerPixel", 3 if colour else 1))
    if min(height, width) <= 0 or samples not in (1, 3, 4):
        raise DataError(f"{name} does not say how large its picture is: export it again")
    if height * width * samples > MOST_PIXELS:
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
