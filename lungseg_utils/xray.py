"""Room 08: an X-ray of your own, from one file of whatever kind."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from lungseg_utils.dicom import read_dicom
from lungseg_utils.metrics import Spacing
from lungseg_utils.png import MOST_PIXELS, SIGNATURE, DataError, decode_content

DEPTHS = (8, 10, 12, 14, 16)  # bits that detectors and scanners deliver
MOST_BYTES = 512 * 2**20  # of a file
MOST_CHANNELS = 4
WHITE_IS_ZERO, PHOTOMETRIC = 0, 262  # a field of TIFF files, and one of its values


class Xray(NamedTuple):
    """A picture from a file: `image` float32 (height, width) in [0, 1]; the (row, column) size of
    its pixels in mm, None where the file does not tell; sentences on what its header says against
    a frontal chest X-ray.
    """

    image: np.ndarray
    spacing_mm: Spacing | None = None
    notes: tuple[str, ...] = ()


def read_xray(path: Path | str) -> Xray:
    """Read a PNG, JPEG, TIFF or DICOM file; what it is stands in the file, not in its name.

    The resolution that a picture may name (72 dots per inch) is meant for a printer and is not
    taken for the size of a pixel on the detector; DICOM has a field for that.
    Raises: FileNotFoundError; DataError as `decode_xray`, or if the file is huge.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} is larger than {MOST_BYTES >> 20} MB: export the X-ray alone")
    return decode_xray(content, path)


def decode_xray(content: bytes, name: Path | str) -> Xray:
    """As `read_xray`, for a file's content that is in memory; `name` is what errors call it.

    Raises: DataError if it is of another kind, damaged, shows nothing, or claims more pixels than
        a radiograph has.
    """
    if not content:
        raise DataError(f"{name} is empty: fetch or export it again")
    kind = kind_of(content[:132])
    if kind is None:
        raise DataError(f"{name} is no PNG, JPEG, TIFF or DICOM file: export it as one of these")
    return READERS[kind](content, name)


def kind_of(head: bytes) -> str | None:
    """What a file is by its first 132 bytes: "PNG", "JPEG", "TIFF" or "DICOM"; None: another."""
    if head[128:132] == b"DICM":
        return "DICOM"
    starts = {SIGNATURE: "PNG", b"\xff\xd8\xff": "JPEG", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
    return next((kind for start, kind in starts.items() if head.startswith(start)), None)


def _png(content: bytes, name: Path | str) -> Xray:
    return Xray(_grey(decode_content(content, name), name))


def _jpeg(content: bytes, name: Path | str) -> Xray:
    try:
        picture = _opened(content, name, "JPEG").convert("L")
    except OSError:  # OpenCV would fill the missing part with grey
        raise DataError(f"{name} is cut short or damaged: export it again") from None
    return Xray(_grey(np.asarray(picture), name))


def _tiff(content: bytes, name: Path | str) -> Xray:
    inverted = _opened(content, name, "TIFF").tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO
    try:  # Pillow would squeeze 16 bits of colour into 8
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(f"{name} is damaged and cannot be decoded: export it again")
    image = _grey(pixels, name)
    turn = inverted and pixels.dtype == np.uint16  # OpenCV turns those of 8 bits by itself
    return Xray(1 - image if turn else image)


READERS: dict[str, Callable[[bytes, Path | str], Xray]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "TIFF": _tiff,
    "DICOM": lambda content, name: Xray(*read_dicom(content, name)),
}


def _opened(content: bytes, name: Path | str, kind: str) -> Image.Image:
    """The picture with its header read and nothing else."""
    try:
        picture = Image.open(io.BytesIO(content), formats=[kind])
    except Image.DecompressionBombError:
        raise DataError(f"{name} claims more pixels than a radiograph has") from None
    except Exception:  # a damaged header makes Pillow raise errors of any kind
        raise DataError(f"{name} cannot be decoded: export it again") from None
    width, height = picture.size
    if not 0 < width * height <= MOST_PIXELS or len(picture.getbands()) > MOST_CHANNELS:
        raise DataError(f"{name} claims to be {height} x {width} pixels: export it again")
    return picture


def _grey(pixels: np.ndarray, name: Path | str) -> np.ndarray:
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{name} holds {pixels.dtype} numbers: export it with 8 or 16 bits")
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels[:, :, :3]), cv2.COLOR_BGR2GRAY)
    largest = int(pixels.max())
    if largest == pixels.min():
        raise DataError(f"{name} shows nothing, all its pixels are {largest}: choose another file")
    depths = DEPTHS if pixels.dtype == np.uint16 else (8,)
    bits = next(bits for bits in depths if largest < 2**bits)
    return pixels.astype(np.float32) / np.float32(2**bits - 1)
