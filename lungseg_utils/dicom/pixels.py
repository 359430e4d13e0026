"""The numbers of a DICOM file's picture, whatever it is compressed with."""

import contextlib
import itertools
import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lungseg_utils.types import DataError

from .header import Header, title

COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420",
           "YBR_PARTIAL_422"}  # fmt: skip
GREYS = {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"}
MOST_JUDGED = 2**19  # pixels that bits and windows are judged by
FAR = 1.5  # times smoother is what bits mean than what they do not
LEAST_BELOW = 0.05  # of the pixels are below 0 if any are: more than a label takes
ITEM = b"\xfe\xff\x00\xe0"  # a piece of a compressed picture
J2K = b"\xff\x4f\xff\x51"
SYNTAX = "1.2.840.10008.1.2."
FRAMES = {b"\xc0": "4.50", b"\xc1": "4.51", b"\xc3": "4.57", b"\xf7": "4.80"}  # by JPEG's mark
NAMES = {"4.51": "12-bit JPEG Extended", "4.110": "JPEG XL", "4.111": "JPEG XL",
         "4.112": "JPEG XL", "4.201": "HTJ2K", "4.202": "HTJ2K", "4.203": "HTJ2K"}  # fmt: skip
CODECS = {  # of imagecodecs
    "jpeg8": ("4.50", "4.51", "4.57", "4.70"), "jpegls": ("4.80", "4.81"),
    "jpeg2k": ("4.90", "4.91", "4.201", "4.202", "4.203"), "jpegxl": ("4.110", "4.111", "4.112"),
}  # fmt: skip
WITHOUT_CODECS = {"5": "pydicom", "4.50": "pillow", "4.90": "pillow", "4.91": "pillow"}


def bare_picture(header: Header, shape: tuple[int, int, int]) -> "Dataset":  # noqa: F821
    """A pydicom dataset of what decoding needs and nothing else, with the standard's defaults."""
    from pydicom.dataset import Dataset, FileMetaDataset

    found, data = Dataset(), header.fields["PixelData"].value
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = _syntax(header, data)
    found.Rows, found.Columns, found.SamplesPerPixel = shape
    found.PhotometricInterpretation = _colours(header, shape[2])
    found.PlanarConfiguration = int(header.number("PlanarConfiguration", 0) == 1)
    found.PixelRepresentation = int(header.number("PixelRepresentation", 0) == 1)
    size = 0 if data.startswith(ITEM) else len(data)
    found.BitsAllocated, found.BitsStored = _bits(header, size, math.prod(shape))
    found["PixelData"] = header.fields["PixelData"]
    return found


def _colours(header: Header, samples: int) -> str:
    said = header.text("PhotometricInterpretation").upper()
    usual, fitting = ("MONOCHROME2", GREYS) if samples == 1 else ("RGB", COLOURS)
    if said in fitting:
        return said
    fault = "{} is damaged" if said else "the header lacks {}"
    header.notes.append(fault.format(title("PhotometricInterpretation")) + f": {usual} was used")
    return usual


def _bits(header: Header, size: int, count: int) -> tuple[int, int]:
    """Bits that a number takes in the file, and those that count; `size` in bytes, 0 if packed."""
    stored = int(header.number("BitsStored", 0, "all bits were used"))
    allocated = int(header.number("BitsAllocated", 0, "the number of bytes was used"))
    fitting = 8 * (size // count)
    if fitting in (8, 16, 32) and size % count < 2:
        if allocated not in (0, fitting):
            header.contradicted("BitsAllocated", f"{fitting} was")
        allocated = fitting
    elif not 0 < allocated <= 64:
        allocated = 16 if size >= 2 * count or stored > 8 else 8
    if not 0 < stored <= allocated:
        stored = allocated
    high = int(header.number("HighBit", stored - 1))
    return allocated, high + 1 if stored <= high < allocated else stored


def _syntax(header: Header, data: bytes) -> str:
    """The transfer syntax, found by looking where the header does not say or contradicts it."""
    from pydicom.encaps import get_frame
    from pydicom.uid import UID

    named = UID(Header(header.fields.file_meta).text("TransferSyntaxUID"))
    packed = data.startswith(ITEM)
    if named.is_transfer_syntax and not named.is_private and named.is_encapsulated == packed:
        return named
    if packed:
        return _codec(get_frame(data, 0, number_of_frames=1)) or named
    implicit, little = header.fields.original_encoding
    return SYNTAX[:-1] if implicit else f"{SYNTAX}{1 if little else 2}"


def _codec(frame: bytes) -> str | None:
    """The transfer syntax of a compressed picture, by how it begins."""
    if frame.startswith(J2K):
        behind = 4 + int.from_bytes(frame[4:6], "big")
        return SYNTAX + ("4.201" if frame[behind : behind + 2] == b"\xff\x50" else "4.90")
    if frame.startswith(b"\xff\x0a") or frame[4:8] == b"JXL ":
        return SYNTAX + "4.110"
    if frame[4:8] in (b"jP  ", b"\x40\0\0\0"):
        return SYNTAX + ("4.90" if frame[4:8] == b"jP  " else "5")
    part = jpeg_frame(frame)
    return SYNTAX + FRAMES[part[:1]] if part else None


def jpeg_frame(data: bytes) -> bytes:
    """The mark of a JPEG's kind, a length, bits, height, width and samples; empty if not found."""
    place = 2
    while data.startswith(b"\xff\xd8") and data[place : place + 1] == b"\xff":
        if data[place + 1 : place + 2] in FRAMES:
            return data[place + 1 : place + 10]
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return b""


def _size(frame: bytes) -> tuple[int, ...]:
    """Height, width and samples as a JPEG or a JPEG 2000 says."""
    if part := jpeg_frame(frame):
        return struct.unpack(">HHB", part[4:])
    start = frame.index(J2K) + 8
    width, height, left, top = struct.unpack(">4I", frame[start : start + 16])
    return height - top, width - left, int.from_bytes(frame[start + 32 : start + 34], "big")


def decoded_pixels(picture: "Dataset", name: Path | str) -> np.ndarray:  # noqa: F821
    """The numbers of a picture, (height, width) or (height, width, samples).

    Raises: DataError if nothing that is installed reads its compression; an error of any kind if it
        is damaged.
    """
    from pydicom.pixels import pixel_array

    syntax = picture.file_meta.TransferSyntaxUID
    number = syntax.removeprefix(SYNTAX)
    codec = next((one for one, numbers in CODECS.items() if number in numbers), "")
    with contextlib.suppress(ImportError):
        if codec:
            return _unpacked(picture, codec)
    plugin = WITHOUT_CODECS.get(number, "")
    if picture.PixelData.startswith(ITEM) and not plugin:
        said = f"{name} is compressed as {NAMES.get(number, syntax.name)} ({syntax}), "
        raise DataError(f"{said}which nothing installed reads: export it uncompressed")
    if plugin != "pillow":  # all bits, as they are
        picture.BitsStored, picture.PixelRepresentation = picture.BitsAllocated, 0
    return pixel_array(picture, index=0, decoding_plugin=plugin)


def likely_numbers(header: Header, pixels: np.ndarray, stored: int, signed: int) -> np.ndarray:
    """What the bits of the pixels mean by the header, or by what makes a smooth picture."""
    some = pixels[:: max(1, pixels.size // MOST_JUDGED), :MOST_JUDGED]
    below = _numbers(some, stored, 1)
    _, counts = np.unique(below[below < 0], return_counts=True)
    has_signs = counts.sum() - counts.max(initial=0) > LEAST_BELOW * some.size  # no border
    signs = (signed, 1 - signed) if has_signs else (signed,)
    ways = list(itertools.product((stored, 8 * pixels.itemsize), signs))
    best = ways[smoothest([_numbers(some, *way) for way in ways])]
    if best[0] != stored:
        header.contradicted("BitsStored", "all bits were")
    if best[1] != signed:
        header.contradicted("PixelRepresentation", f"{best[1]} was")
    return _numbers(pixels, *best)


def _numbers(pixels: np.ndarray, bits: int, signed: int) -> np.ndarray:
    """Those that the lower `bits` of pixels hold, with or without a sign."""
    unused = max(0, 8 * pixels.itemsize - bits)
    kind = f"{'i' if signed else 'u'}{pixels.itemsize}"
    return (pixels << unused).view(kind) >> unused if unused or signed else pixels


def smoothest(readings: Sequence[np.ndarray]) -> int:
    """Which of several readings of the same bytes is meant: the first, unless the steps from each
    number to the next are far smaller in another, measured by how much its numbers vary.
    """
    spreads = [(np.diff(one.astype(float)).std(), one.std()) for one in readings]
    rough = [step / spread if spread else 1 for step, spread in spreads]
    best = int(np.argmin(rough))
    return best if FAR * rough[best] < rough[0] else 0


def _unpacked(picture, codec: str) -> np.ndarray:
    import imagecodecs
    from pydicom.encaps import get_frame

    frame = get_frame(picture.PixelData, 0, number_of_frames=1)
    wanted = (picture.Rows, picture.Columns, picture.SamplesPerPixel)
    if codec != "jpegxl" and _size(frame) != wanted:  # codecs fill gigabytes for what is not there
        raise ValueError("the picture is not the size that its header says")
    pixels = np.asarray(getattr(imagecodecs, f"{codec}_decode")(frame))
    return pixels.reshape(wanted if wanted[2] > 1 else wanted[:2])
