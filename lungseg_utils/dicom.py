"""Notebook 01: DICOM, the files that hospitals use, for `images`.

pydicom reads them; it comes with `pip install "lungseg-utils[dicom]"`.
"""

import io
import textwrap
from pathlib import Path

import cv2
import numpy as np

from lungseg_utils.types import MOST_PIXELS, DataError, Image, Spacing, Xray

DEFLATED = b"1.2.840.10008.1.2.1.99"  # is unpacked whole before anything can be checked
OTHER_MODALITIES = {"CT", "MR", "PT", "NM", "US", "MG", "XA", "OPT", "OP", "ES", "ECG"}
CHEST = ("CHEST", "THORAX", "LUNG")
SIDE_VIEWS = {"LL", "RL", "LLD", "RLD", "LATERAL"}
SPACINGS = ("ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacing")
LIKELY_MM = 0.01, 10.0  # a pixel of a radiograph


def read_dicom(content: bytes, name: Path | str) -> Xray:
    """The radiograph in a DICOM file's content; `name` is what errors call it.

    Rescaling and the first window, or the table in its place, are applied; MONOCHROME1, where large
    numbers are dark, is turned; padding becomes black.
    Returns: the image, its darkest pixel 0 and its brightest 1; the spacing on the detector.
    Raises: DataError if it is damaged, or is not one radiograph. Source: DICOM PS3.3, C.7.6.3,
        C.8.11 and C.11.
    """
    try:
        import pydicom
    except ImportError:
        raise DataError(
            f'{name} is a DICOM file, and pydicom is missing: pip install "lungseg-utils[dicom]", '
            "or export it as PNG"
        ) from None
    if DEFLATED in content[:4096]:
        raise DataError(f"{name} is a deflated DICOM file: export it without compression")
    try:
        header = pydicom.dcmread(io.BytesIO(content))
        _check(header, name)
        image = _image(header)
    except DataError:
        raise
    except Exception as error:  # a damaged file makes pydicom raise errors of any kind
        reason = textwrap.shorten(str(error), 120, placeholder="...")
        raise DataError(f"{name} cannot be read as DICOM: {reason}") from error
    if image is None:
        raise DataError(f"{name} shows nothing, all its pixels are alike: choose another file")
    return Xray(image, _detector_mm(header), tuple(_notes(header)))


def _check(header, name: Path | str) -> None:
    modality = header.get("Modality", "")
    if modality in OTHER_MODALITIES:
        raise DataError(f"{name} is of modality {modality}, not a radiograph: choose another file")
    if "PixelData" not in header:
        raise DataError(f"{name} is a DICOM file without a picture: choose another file")
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise DataError(f"{name} holds {header.NumberOfFrames} pictures: export one of them")
    if not 0 < header.Rows * header.Columns * header.SamplesPerPixel <= MOST_PIXELS:
        raise DataError(f"{name} claims to be {header.Rows} x {header.Columns} pixels: export it "
                        "again")  # fmt: skip


def _image(header) -> Image | None:
    from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut

    stored, kind = header.pixel_array, header.PhotometricInterpretation
    if stored.shape[:2] != (header.Rows, header.Columns):
        raise ValueError(f"the picture is {stored.shape[:2]}, not what the header says")
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, header)
    if stored.ndim == 3:
        grey, used = cv2.cvtColor(np.ascontiguousarray(stored), cv2.COLOR_RGB2GRAY), None
    else:
        grey = apply_voi_lut(apply_modality_lut(stored, header), header)
        padding = header.get("PixelPaddingValue")
        used = None if padding is None else stored != padding
    grey = grey.astype(np.float32)
    low, high = (float(f(grey if used is None else grey[used])) for f in (np.min, np.max))
    if not low < high:  # nor where one of them is not a number
        return None
    image = (grey - low) / (high - low)
    if kind == "MONOCHROME1":
        image = 1 - image
    return image if used is None else np.where(used, image, 0)


def _detector_mm(header) -> Spacing | None:
    for field in SPACINGS:
        found = np.ravel(header.get(field) or ())  # a damaged field may hold one number
        if len(found) == 2 and all(LIKELY_MM[0] <= mm <= LIKELY_MM[1] for mm in found):
            return float(found[0]), float(found[1])
    return None


def _notes(header) -> list[str]:
    found = []
    view, part = str(header.get("ViewPosition", "")), str(header.get("BodyPartExamined", ""))
    if view.upper() in SIDE_VIEWS:
        found.append(f"the header says that this is a side view ({view})")
    if part and not any(word in part.upper() for word in CHEST):
        found.append(f"the header says that this is not a chest ({part[:16]})")
    across, *_ = [*(header.get("PatientOrientation") or []), ""]
    if across.upper().startswith("R"):
        found.append("the header says that the picture is mirrored: the patient's sides change")
    return found
