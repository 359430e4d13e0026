"""Notebook 01: the only reader, from a file or its bytes to an `Xray`.

What a file is shows in its content, not in its name: `FORMATS` has a line for each format. All of
them give `Stored`, the numbers of the file, which `grey` makes an image of.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from lungseg_utils.dicom import DICOM_WITHOUT_PREAMBLE, jpeg_frame, measure_dicom, read_dicom
from lungseg_utils.grey import scaled
from lungseg_utils.types import MOST_PIXELS, DataError, Image, Spacing, Stored, Xray

MOST_BYTES, MOST_CHANNELS = 512 * 2**20, 4  # of a file; of a picture
PICTURES = "JPEG", "TIFF"  # of Pillow's fifty formats
# fields of TIFF files, and values of the last two
WIDTH, HEIGHT, BITS, SAMPLES, PHOTOMETRIC, PLANAR = 256, 257, 258, 277, 262, 284
WHITE_IS_ZERO, APART = 0, 2
TIFF_HEAD, BIG_TIFF = 8, (b"II+\0", b"MM\0+")  # a large one's head is as long again
LOSSLESS, SCAN, MOST_SCANS = b"\xc3", b"\xff\xda", 100  # of JPEGs; a progressive one has ten scans
PNG, PNG_HEAD, PNG_END = b"\x89PNG\r\n\x1a\n", 24, b"IEND\xaeB`\x82"
JSRT_SHAPE, JSRT_MM, JSRT_LARGEST = (2048, 2048), (0.175, 0.175), 4095  # Shiraishi et al. 2000


def read_xray(path: Path | str) -> Xray:
    """Read a file of one of the `FORMATS`.

    The resolution that a picture may name (72 dots per inch) is a printer's, not the detector's.
    Raises: FileNotFoundError; DataError as `decode_xray`, or if the file is huge.
    """
    path = existing(path)
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{path} is larger than {MOST_BYTES >> 20} MB: export the X-ray alone")
    return decode_xray(path.read_bytes(), path)


def decode_xray(content: bytes, name: Path | str) -> Xray:
    """As `read_xray`, for a file's content that is in memory; `name` is what errors call it.

    Raises: DataError if it is of another format, damaged, huge or of one grey; NotAnXray for masks.
    """
    if (found := format_of(content[:HEAD], len(content))) is None:
        raise _unread(content, name)
    return scaled(found.decode(content, name), name)


def read_image(path: Path | str) -> Image:
    """The image of `read_xray` alone."""
    return read_xray(path).image


def measure_xray(path: Path | str) -> tuple[tuple[int, int], Spacing | None]:
    """(height, width) of an X-ray in pixels, and their size where the file says so, not decoded.

    Raises: FileNotFoundError; DataError as `decode_xray`, except for most faults of the pixels.
    """
    with existing(path).open("rb") as file:
        head, size = file.read(HEAD), file.seek(0, io.SEEK_END)
        file.seek(0)
        if (found := format_of(head, size)) is None:
            raise _unread(head, path)
        return found.measure(file, path)


def existing(path: Path | str) -> Path:
    """A path at which there is a file. Raises: FileNotFoundError; DataError if it is empty."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    if not path.stat().st_size:  # some devices, which have no size, wait once they are opened
        raise _unread(b"", path)
    return path


def _unread(content: bytes, name: Path | str, fault: str = "") -> DataError:
    """The error of a file that is not read: what it is, or else its fault."""
    if not content:
        fault = "is empty: fetch or export it again"
    elif content.startswith(b"version https://git-lfs.github.com/spec/v1"):
        fault = "is a Git LFS pointer, not the file itself: run git lfs pull"
    elif (frame := jpeg_frame(content)) and (frame[:1] == LOSSLESS or frame[3:4] > b"\x08"):
        kind = "lossless JPEG" if frame[:1] == LOSSLESS else f"JPEG of {frame[3]} bits"
        fault = f"is a {kind}: export it as PNG of 16 bits"
    return DataError(f"{name} {fault or f'is no {format_names()} file: export it as one of these'}")


def _png(content: bytes, name: Path | str) -> Stored:
    _measure_png(io.BytesIO(content), name)
    if (pixels := _decoded(content)) is None:
        raise DataError(f"{name} is damaged and cannot be decoded: fetch or export it again")
    return Stored(pixels)


def _measure_png(file: BinaryIO, name: Path | str) -> tuple[tuple[int, int], None]:
    head = file.read(PNG_HEAD)
    file.seek(-len(PNG_END), io.SEEK_END)
    is_whole = file.read() == PNG_END
    file.seek(len(PNG))
    while not is_whole and (part := file.read(8))[4:].isalpha():  # bytes may follow the end
        file.seek(int.from_bytes(part[:4], "big"), io.SEEK_CUR)
        is_whole = part[4:] + file.read(4) == PNG_END
    if len(head) < PNG_HEAD or not is_whole:
        raise DataError(f"{name} is cut short: fetch or export it again")
    width, height = np.frombuffer(head[16:], ">u4").tolist()
    _check_size(height, width, name)
    return (height, width), None


def _jpeg(content: bytes, name: Path | str) -> Stored:
    if content.count(SCAN) > MOST_SCANS:  # each takes as long as a whole picture
        raise DataError(f"{name} is a JPEG of {content.count(SCAN)} scans: export it again")
    try:
        return Stored(_pillow_pixels(open_picture(io.BytesIO(content), name, PICTURES)))
    except OSError:  # OpenCV would fill the missing part with grey
        raise _unread(content, name, "is cut short or damaged: export it again") from None


def _tiff(content: bytes, name: Path | str) -> Stored:
    file = io.BytesIO(content)
    (_, white_is_zero), pixels = _tiff_head(file, name), _decoded(content)
    if pixels is None or not pixels.any():  # OpenCV lacks some compressions
        try:
            pixels = _pillow_pixels(open_picture(file, name, PICTURES))
        except Exception:
            said = "is damaged, or a TIFF that cannot be read: export it as PNG"
            raise DataError(f"{name} {said}") from None
    # OpenCV turns 8 bits by itself
    return Stored(pixels, inverted=white_is_zero and pixels.dtype != np.uint8)


def _pillow_pixels(picture: Pillow.Image) -> np.ndarray:
    """(height, width), or (height, width, 3) in OpenCV's order."""
    if picture.mode in ("L", "F") or picture.mode.startswith("I"):
        return np.asarray(picture)
    return np.asarray(picture.convert("RGB"))[:, :, ::-1]


def _tiff_head(file: BinaryIO, name: Path | str) -> tuple[tuple[int, int], bool]:
    """(height, width) of a TIFF's first picture; whether 0 is white. Raises: as `open_picture`."""
    try:
        head = file.read(TIFF_HEAD)
        fields = ImageFileDirectory_v2(head + file.read(TIFF_HEAD) * head.startswith(BIG_TIFF))
        file.seek(fields.next)
        fields.load(file)
        height, width = int(fields[HEIGHT]), int(fields[WIDTH])
        samples, bits = int(fields.get(SAMPLES, 1)), np.max(fields.get(BITS, 1))
    except Exception:  # a damaged header makes Pillow raise errors of any kind
        raise DataError(f"{name} cannot be decoded: export it again") from None
    _check_size(height, width, name, samples)
    if samples > 1 and bits > 8 and fields.get(PLANAR) == APART:  # OpenCV takes one for the other
        raise DataError(f"{name} stores its colours separately, in 16 bits: export it as PNG")
    return (height, width), fields.get(PHOTOMETRIC) == WHITE_IS_ZERO


def _measure_jpeg(file: BinaryIO, name: Path | str) -> tuple[tuple[int, int], None]:
    return open_picture(file, name, PICTURES).size[::-1], None


def _jsrt(content: bytes, name: Path | str) -> Stored:
    """A film of the JSRT set as it is distributed: no header, large numbers dark."""
    pixels = np.frombuffer(content, ">u2").reshape(JSRT_SHAPE).astype(np.uint16)
    if pixels.max() > JSRT_LARGEST:
        raise _unread(content, name)
    return Stored(pixels, (0, JSRT_LARGEST), True, spacing_mm=JSRT_MM)


def open_picture(file: BinaryIO, name: Path | str, formats: Sequence[str]) -> Pillow.Image:
    """A picture of one of Pillow's `formats` with its header read and nothing else.

    Raises: DataError if it is damaged, or claims no pixels or more than a radiograph has.
    """
    try:
        picture = Pillow.open(file, formats=formats)
    except Pillow.DecompressionBombError:
        raise DataError(f"{name} claims more pixels than a radiograph has") from None
    except Exception:  # a damaged header makes Pillow raise errors of any kind
        file.seek(0)
        raise _unread(file.read(MOST_BYTES), name, "cannot be decoded: export it again") from None
    _check_size(picture.height, picture.width, name, len(picture.getbands()))
    return picture


def _decoded(content: bytes) -> np.ndarray | None:
    with contextlib.suppress(cv2.error):
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return None


def _check_size(height: int, width: int, name: Path | str, channels: int = 1) -> None:
    if not 0 < height * width <= MOST_PIXELS or channels > MOST_CHANNELS:
        said = f"claims to be {height} x {width} pixels: export it again, or smaller"
        raise DataError(f"{name} {said}")


class Format(NamedTuple):
    """A kind of file: one of `starts` stands at the byte `offset`, or it has `size` bytes."""

    name: str
    suffixes: tuple[str, ...]
    starts: tuple[bytes, ...]
    decode: Callable[[bytes, Path | str], Stored]
    measure: Callable[[BinaryIO, Path | str], tuple[tuple[int, int], Spacing | None]]
    offset: int = 0
    size: int | None = None


JPEG, TIFF, DICOM = b"\xff\xd8\xff", (b"II*\0", b"MM\0*", *BIG_TIFF), (".dcm", ".dicom")
FORMATS = [  # the last that fits counts: a mark cannot be there by chance, and a size can
    Format("JSRT's IMG", (), (b"",), _jsrt, lambda *_: (JSRT_SHAPE, JSRT_MM), size=2 * 2048**2),
    Format("PNG", (".png",), (PNG,), _png, _measure_png),
    Format("JPEG", (".jpg", ".jpeg"), (JPEG,), _jpeg, _measure_jpeg),
    Format("TIFF", (".tif", ".tiff"), TIFF, _tiff, lambda *of: (_tiff_head(*of)[0], None)),
    Format("DICOM", DICOM, DICOM_WITHOUT_PREAMBLE, read_dicom, measure_dicom),
    Format("DICOM", DICOM, (b"DICM",), read_dicom, measure_dicom, offset=128),
]
HEAD = 132  # bytes from which a format is told
SUFFIXES = (*dict.fromkeys(suffix for one in FORMATS for suffix in one.suffixes), ".img")


def format_of(head: bytes, size: int | None = None) -> Format | None:
    """The format of a file by its first `HEAD` bytes and its size; None if it is another."""
    for one in reversed(FORMATS):
        if head.startswith(one.starts, one.offset) and one.size in (None, size):
            return one
    return None


def format_names() -> str:
    """The names of the formats as a sentence has them: "PNG, JPEG, TIFF or DICOM"."""
    *names, end = dict.fromkeys(one.name for one in FORMATS if one.suffixes)
    return f"{', '.join(names)} or {end}"
