"""Notebook 01: the only reader, from a file or its bytes to an `Xray`.

Each format is a line of `FORMATS`: its name, the ends of its files' names, how the files begin, and
the function that decodes them. What a file is stands in the file, not in its name.
"""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image as Pillow

from lungseg_utils.dicom import read_dicom
from lungseg_utils.types import MOST_PIXELS, DataError, Image, Xray

DEPTHS = (8, 10, 12, 14, 16)  # bits that detectors and scanners deliver
MOST_BYTES = 512 * 2**20  # of a file
MOST_CHANNELS = 4
WHITE_IS_ZERO, PHOTOMETRIC = 0, 262  # a field of TIFF files, and one of its values
PNG_HEAD, PNG_TAIL = 24, 12  # bytes that tell a PNG's size and whether its end is there


def read_xray(path: Path | str) -> Xray:
    """Read a file of one of the `FORMATS`.

    The resolution that a picture may name (72 dots per inch) is meant for a printer and is not
    taken for the size of a pixel on the detector; DICOM has a field for that.
    Raises: FileNotFoundError; DataError as `decode_xray`, or if the file is huge.
    """
    path = _existing(path)
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} is larger than {MOST_BYTES >> 20} MB: export the X-ray alone")
    return decode_xray(content, path)


def decode_xray(content: bytes, name: Path | str) -> Xray:
    """As `read_xray`, for a file's content that is in memory; `name` is what errors call it.

    Raises: DataError if it is of another format, damaged, shows nothing, or claims more pixels than
        a radiograph has.
    """
    if not content:
        raise DataError(f"{name} is empty: fetch or export it again")
    found = format_of(content[:HEAD])
    if found is None:
        raise DataError(f"{name} is no {format_names()} file: export it as one of these")
    return found.decode(content, name)


def read_image(path: Path | str) -> Image:
    """The image of `read_xray` alone."""
    return read_xray(path).image


def read_pixels(path: Path | str) -> np.ndarray:
    """The numbers stored in a PNG: uint8 or uint16, (height, width) or (height, width, channels).

    Raises: FileNotFoundError; DataError as `read_shape`, or if the file is damaged.
    """
    return _png_pixels(_existing(path).read_bytes(), path)


def read_shape(path: Path | str) -> tuple[int, int]:
    """(height, width) in pixels of a PNG, from its header, without decoding it.

    Raises: FileNotFoundError; DataError if the file is not a PNG, its end is missing, or it claims
        no pixels or more than a radiograph has.
    """
    with _existing(path).open("rb") as file:
        head = file.read(PNG_HEAD)
        file.seek(0, 2)
        file.seek(max(0, file.tell() - PNG_TAIL))
        tail = file.read()
    return _png_shape(head, tail, path)


def to_grey(pixels: np.ndarray, name: Path | str) -> Image:
    """Stored numbers as an image: divided by the largest number of the bits that are used.

    Args: `pixels` uint8 or uint16, (height, width) or (height, width, channels) in OpenCV's order.
        A detector of 12 bits keeps them in 16: the fewest of `DEPTHS` that hold the largest number
        are taken.
    Raises: DataError if the numbers are of another type, or all alike.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{name} holds {pixels.dtype} numbers: export it with 8 or 16 bits")
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels[:, :, :3]), cv2.COLOR_BGR2GRAY)
    largest = int(pixels.max())
    if largest == pixels.min():
        raise DataError(f"{name} shows nothing, all its pixels are {largest}: choose another file")
    bits = next(bits for bits in DEPTHS if pixels.dtype == np.uint8 or largest < 2**bits)
    return pixels.astype(np.float32) / np.float32(2**bits - 1)


def _existing(path: Path | str) -> Path:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    return path


def _png(content: bytes, name: Path | str) -> Xray:
    return Xray(to_grey(_png_pixels(content, name), name))


def _png_pixels(content: bytes, name: Path | str) -> np.ndarray:
    _png_shape(content[:PNG_HEAD], content[-PNG_TAIL:], name)
    return _decoded(content, f"{name} is damaged and cannot be decoded: fetch or export it again")


def _png_shape(head: bytes, tail: bytes, name: Path | str) -> tuple[int, int]:
    if not PNG.startswith(head[:8]):
        raise DataError(f"{name} is not a PNG file: convert it to PNG, renaming is not enough")
    if len(head) < PNG_HEAD or b"IEND" not in tail:
        raise DataError(f"{name} is cut short: fetch or export it again")
    width, height = struct.unpack(">II", head[16:24])
    _check_size(height, width, name)
    return height, width


def _jpeg(content: bytes, name: Path | str) -> Xray:
    try:
        picture = _opened(content, name, "JPEG").convert("L")
    except OSError:  # OpenCV would fill the missing part with grey
        raise DataError(f"{name} is cut short or damaged: export it again") from None
    return Xray(to_grey(np.asarray(picture), name))


def _tiff(content: bytes, name: Path | str) -> Xray:
    inverted = _opened(content, name, "TIFF").tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO
    # Pillow would squeeze 16 bits of colour into 8
    pixels = _decoded(content, f"{name} is damaged and cannot be decoded: export it again")
    image = to_grey(pixels, name)
    turn = inverted and pixels.dtype == np.uint16  # OpenCV turns those of 8 bits by itself
    return Xray(1 - image if turn else image)


def _opened(content: bytes, name: Path | str, kind: str) -> Pillow.Image:
    """The picture with its header read and nothing else."""
    try:
        picture = Pillow.open(io.BytesIO(content), formats=[kind])
    except Pillow.DecompressionBombError:
        raise DataError(f"{name} claims more pixels than a radiograph has") from None
    except Exception:  # a damaged header makes Pillow raise errors of any kind
        raise DataError(f"{name} cannot be decoded: export it again") from None
    _check_size(picture.height, picture.width, name, len(picture.getbands()))
    return picture


def _decoded(content: bytes, fault: str) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(fault)
    return pixels


def _check_size(height: int, width: int, name: Path | str, channels: int = 1) -> None:
    if not 0 < height * width <= MOST_PIXELS or channels > MOST_CHANNELS:
        raise DataError(f"{name} claims to be {height} x {width} pixels: export it again")


class Format(NamedTuple):
    """A kind of file: what `starts` names stands at the byte `offset`; `decode` is called with the
    content and a name for errors, and raises `DataError`.
    """

    name: str
    suffixes: tuple[str, ...]
    starts: tuple[bytes, ...]
    decode: Callable[[bytes, Path | str], Xray]
    offset: int = 0


PNG = b"\x89PNG\r\n\x1a\n"
FORMATS = [
    Format("PNG", (".png",), (PNG,), _png),
    Format("JPEG", (".jpg", ".jpeg"), (b"\xff\xd8\xff",), _jpeg),
    Format("TIFF", (".tif", ".tiff"), (b"II*\0", b"MM\0*"), _tiff),
    Format("DICOM", (".dcm", ".dicom"), (b"DICM",), read_dicom, offset=128),
]
HEAD = 132  # bytes from which a format is told


def format_of(head: bytes) -> Format | None:
    """The format of a file by its first `HEAD` bytes; None if it is another."""
    marked = (one for one in FORMATS if head[one.offset :].startswith(one.starts))
    # what stands further in cannot be there by chance
    return max(marked, key=lambda one: one.offset, default=None)


def format_names() -> str:
    """The names of the formats as a sentence has them: "PNG, JPEG, TIFF or DICOM"."""
    *names, end = (one.name for one in FORMATS)
    return f"{', '.join(names)} or {end}"
