"""Notebook 01: the only reader, from a file or its bytes to an `Xray`.

Each format is a line of `FORMATS`: its name, the ends of its files' names, how the files begin, the
function that decodes them and the one that only measures. What a file is stands in the file, not in
its name. All of them give `Stored`, the numbers of the file, which `grey` makes an image of.
"""

import contextlib
import io
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from lungseg_utils.dicom import DICOM_WITHOUT_PREAMBLE, measure_dicom, read_dicom
from lungseg_utils.grey import scaled
from lungseg_utils.types import MOST_PIXELS, DataError, Image, Spacing, Stored, Xray

MOST_BYTES = 512 * 2**20  # of a file
MOST_CHANNELS = 4
EMPTY_FILE = "{} is empty: fetch or export it again"
PICTURES = "JPEG", "TIFF"  # of its fifty formats
# fields of TIFF files, and values of the last two
WIDTH, HEIGHT, BITS, SAMPLES, PHOTOMETRIC, PLANAR = 256, 257, 258, 277, 262, 284
WHITE_IS_ZERO, APART = 0, 2
TIFF_HEAD, BIG_TIFF = 8, (b"II+\0", b"MM\0+")  # a large one's head is as long again
SCAN, MOST_SCANS = b"\xff\xda", 100  # of a progressive JPEG, which has ten
PNG_HEAD, PNG_TAIL, PNG_END = 24, 2**16, b"IEND\xaeB`\x82"  # bytes at both ends that are read
JSRT_SIDE, JSRT_MM, JSRT_LARGEST = 2048, 0.175, 4095  # Shiraishi et al. 2000


def read_xray(path: Path | str) -> Xray:
    """Read a file of one of the `FORMATS`.

    The resolution that a picture may name (72 dots per inch) is meant for a printer and is not
    taken for the size of a pixel on the detector; DICOM has a field for that.
    Raises: FileNotFoundError; DataError as `decode_xray`, or if the file is huge.
    """
    path = existing(path)
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} is larger than {MOST_BYTES >> 20} MB: export the X-ray alone")
    return decode_xray(content, path)


def decode_xray(content: bytes, name: Path | str) -> Xray:
    """As `read_xray`, for a file's content that is in memory; `name` is what errors call it.

    Raises: DataError if it is of another format, damaged, shows nothing, or claims more pixels than
        a radiograph has; NotAnXray if it is a mask.
    """
    return scaled(_format(content[:HEAD], len(content), name).decode(content, name), name)


def read_image(path: Path | str) -> Image:
    """The image of `read_xray` alone."""
    return read_xray(path).image


def measure_xray(path: Path | str) -> tuple[tuple[int, int], Spacing | None]:
    """(height, width) in pixels of an X-ray's file, and the size of its pixels where it says so,
    from its header, without decoding it.

    Raises: FileNotFoundError; DataError if the file is of another format, its end is missing, or it
        claims no pixels or more than a radiograph has.
    """
    path = existing(path)
    with path.open("rb") as file:
        head = file.read(HEAD)
    return _format(head, path.stat().st_size, path).measure(path)


def existing(path: Path | str) -> Path:
    """A path at which there is a file. Raises: FileNotFoundError; DataError if it is empty."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    if not path.stat().st_size:  # some devices, which have no size, wait once they are opened
        raise DataError(EMPTY_FILE.format(path))
    return path


def _format(head: bytes, size: int, name: Path | str) -> "Format":
    if not size:
        raise DataError(EMPTY_FILE.format(name))
    if (found := format_of(head, size)) is None:
        raise DataError(f"{name} is no {format_names()} file: export it as one of these")
    return found


def _png(content: bytes, name: Path | str) -> Stored:
    _png_shape(content[:PNG_HEAD], content[-PNG_TAIL:], name)
    pixels = _decoded(content)
    if pixels is None:
        raise DataError(f"{name} is damaged and cannot be decoded: fetch or export it again")
    return Stored(pixels)


def _measure_png(path: Path) -> tuple[tuple[int, int], None]:
    with path.open("rb") as file:
        head = file.read(PNG_HEAD)
        file.seek(0, 2)
        file.seek(max(0, file.tell() - PNG_TAIL))
        return _png_shape(head, file.read(), path), None


def _png_shape(head: bytes, tail: bytes, name: Path | str) -> tuple[int, int]:
    if len(head) < PNG_HEAD or PNG_END not in tail:
        raise DataError(f"{name} is cut short: fetch or export it again")
    width, height = struct.unpack(">II", head[16:24])
    _check_size(height, width, name)
    return height, width


def _jpeg(content: bytes, name: Path | str) -> Stored:
    if content.count(SCAN) > MOST_SCANS:  # each takes as long as a whole picture
        raise DataError(f"{name} is a JPEG of {content.count(SCAN)} scans: export it again")
    try:
        return Stored(_pillow_pixels(open_picture(io.BytesIO(content), name, PICTURES)))
    except OSError:  # OpenCV would fill the missing part with grey
        raise DataError(f"{name} is cut short or damaged: export it again") from None


def _tiff(content: bytes, name: Path | str) -> Stored:
    file = io.BytesIO(content)
    fields, pixels = _tiff_fields(file, name), _decoded(content)
    fault = f"{name} is damaged, or a TIFF that cannot be read: export it as PNG"
    if fields.get(PLANAR) == APART and np.max(fields.get(BITS, 1)) > 8:  # read as if they were not
        raise DataError(fault)
    if pixels is None or not pixels.any():  # OpenCV lacks some compressions
        try:
            pixels = _pillow_pixels(open_picture(file, name, PICTURES))
        except Exception:
            raise DataError(fault) from None
    white_is_zero = fields.get(PHOTOMETRIC) == WHITE_IS_ZERO  # OpenCV turns 8 bits by itself
    return Stored(pixels, inverted=white_is_zero and pixels.dtype != np.uint8)


def _pillow_pixels(picture: Pillow.Image) -> np.ndarray:
    """(height, width), or (height, width, 3) in OpenCV's order."""
    if picture.mode in ("L", "F") or picture.mode.startswith("I"):
        return np.asarray(picture)
    return np.asarray(picture.convert("RGB"))[:, :, ::-1]


def _measure_tiff(path: Path) -> tuple[tuple[int, int], None]:
    with path.open("rb") as file:
        fields = _tiff_fields(file, path)
    return (int(fields[HEIGHT]), int(fields[WIDTH])), None


def _tiff_fields(file: BinaryIO, name: Path | str) -> Mapping:
    """What a TIFF says of its first picture. Raises: as `open_picture`."""
    try:
        head = file.read(TIFF_HEAD)
        fields = ImageFileDirectory_v2(head + file.read(TIFF_HEAD) * head.startswith(BIG_TIFF))
        file.seek(fields.next)
        fields.load(file)
        size = int(fields[HEIGHT]), int(fields[WIDTH]), int(fields.get(SAMPLES, 1))
    except Exception:  # a damaged header makes Pillow raise errors of any kind
        raise DataError(f"{name} cannot be decoded: export it again") from None
    _check_size(*size[:2], name, size[2])
    return fields


def _measure_picture(path: Path) -> tuple[tuple[int, int], None]:
    with path.open("rb") as file:
        picture = open_picture(file, path, PICTURES)
    return (picture.height, picture.width), None


def _jsrt(content: bytes, name: Path | str) -> Stored:
    """A film of the JSRT set as it is distributed: no header, large numbers dark."""
    pixels = np.frombuffer(content, ">u2").reshape(JSRT_SIDE, JSRT_SIDE).astype(np.uint16)
    if pixels.max() > JSRT_LARGEST:
        raise DataError(f"{name} is no {format_names()} file: export it as one of these")
    return Stored(pixels, (0, JSRT_LARGEST), True, spacing_mm=(JSRT_MM, JSRT_MM))


def _measure_jsrt(path: Path) -> tuple[tuple[int, int], Spacing]:
    return (JSRT_SIDE, JSRT_SIDE), (JSRT_MM, JSRT_MM)


def open_picture(file: BinaryIO, name: Path | str, formats: Sequence[str]) -> Pillow.Image:
    """A picture of one of Pillow's `formats` with its header read and nothing else.

    Raises: DataError if it is damaged, or claims no pixels or more than a radiograph has.
    """
    try:
        picture = Pillow.open(file, formats=formats)
    except Pillow.DecompressionBombError:
        raise DataError(f"{name} claims more pixels than a radiograph has") from None
    except Exception:  # a damaged header makes Pillow raise errors of any kind
        raise DataError(f"{name} cannot be decoded: export it again") from None
    _check_size(picture.height, picture.width, name, len(picture.getbands()))
    return picture


def _decoded(content: bytes) -> np.ndarray | None:
    with contextlib.suppress(cv2.error):
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return None


def _check_size(height: int, width: int, name: Path | str, channels: int = 1) -> None:
    if not 0 < height * width <= MOST_PIXELS or channels > MOST_CHANNELS:
        raise DataError(
            f"{name} claims to be {height} x {width} pixels: export it again, or smaller"
        )


class Format(NamedTuple):
    """A kind of file: what `starts` names stands at the byte `offset`, and the file has `size`
    bytes, where that tells it. `decode` is called with the content and a name for errors, `measure`
    with a path; both raise `DataError`.
    """

    name: str
    suffixes: tuple[str, ...]
    starts: tuple[bytes, ...]
    decode: Callable[[bytes, Path | str], Stored]
    measure: Callable[[Path], tuple[tuple[int, int], Spacing | None]]
    offset: int = 0
    size: int | None = None


PNG = b"\x89PNG\r\n\x1a\n"
JPEG, TIFF, DICOM = b"\xff\xd8\xff", (b"II*\0", b"MM\0*", *BIG_TIFF), (".dcm", ".dicom")
FORMATS = [
    Format("JSRT's IMG", (), (b"",), _jsrt, _measure_jsrt, size=2 * JSRT_SIDE**2),
    Format("PNG", (".png",), (PNG,), _png, _measure_png),
    Format("JPEG", (".jpg", ".jpeg"), (JPEG,), _jpeg, _measure_picture),
    Format("TIFF", (".tif", ".tiff"), TIFF, _tiff, _measure_tiff),
    Format("DICOM", DICOM, (b"DICM",), read_dicom, measure_dicom, offset=128),
    Format("DICOM", DICOM, DICOM_WITHOUT_PREAMBLE, read_dicom, measure_dicom),
]
HEAD = 132  # bytes from which a format is told
SUFFIXES = (*dict.fromkeys(suffix for one in FORMATS for suffix in one.suffixes), ".img")


def format_of(head: bytes, size: int | None = None) -> Format | None:
    """The format of a file by its first `HEAD` bytes and its size; None if it is another."""
    marked = (
        one for one in FORMATS
        if head[one.offset :].startswith(one.starts) and one.size in (None, size)
    )  # fmt: skip
    # what stands further in cannot be there by chance, and a size can
    return max(marked, key=lambda one: (one.offset, one.size is None), default=None)


def format_names() -> str:
    """The names of the formats as a sentence has them: "PNG, JPEG, TIFF or DICOM"."""
    *names, end = dict.fromkeys(one.name for one in FORMATS if one.suffixes)
    return f"{', '.join(names)} or {end}"
