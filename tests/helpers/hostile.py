"""Files that turn up by accident or by malice, and what the user is told about each.

The terminal and the page are given the same ones; USING.md has the rules behind them.
"""

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from breaking import chunk, chunks, flip_a_bit, half_the_rows
from PIL import Image, TiffImagePlugin

from lungseg_utils.phantom import simulate

SYNTAX = "1.2.840.10008.1.2."
RLE = SYNTAX + "5"


class Odd(NamedTuple):
    """A file: what it is, its name, its content, and what is said of it: the part of an `error`
    that does not depend on names, or of a `warning`; neither where all is well.
    """

    what: str
    name: str
    content: Callable[[], bytes]
    error: str = ""
    warning: str = ""


@functools.cache
def chest() -> np.ndarray:
    """A simulated X-ray, uint8 (256, 256), that no warning is due for."""
    return simulate(808, 2, 256).image


def picture(change: Callable[[np.ndarray], np.ndarray] = lambda image: image, kind: str = ".png"):
    return lambda: cv2.imencode(kind, np.ascontiguousarray(change(chest())))[1].tobytes()


def pillow(change: Callable[[Image.Image], Image.Image], kind: str, **options):
    def content() -> bytes:
        file = io.BytesIO()
        change(Image.fromarray(chest())).save(file, kind, **options)
        return file.getvalue()

    return content


def edited(make: Callable[[], bytes], change: Callable[[bytes], bytes]):
    return lambda: change(make())


def replaced(make: Callable[[], bytes], old: bytes, new: bytes):
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    return edited(make, change)


def jpeg_of(kind: bytes, bits: int):
    """A JPEG that calls itself of another kind, with other bits."""
    return replaced(picture(kind=".jpg"), b"\xff\xc0\0\x0b\x08", kind + b"\0\x0b" + bytes([bits]))


def rebuilt(kind: bytes, change: Callable[[bytes], bytes]):
    """A PNG with one kind of chunk changed under the right checksum."""

    def content() -> bytes:
        whole = picture()()
        parts = [(name, change(data) if name == kind else data) for name, data in chunks(whole)]
        return whole[:8] + b"".join(chunk(name, data) for name, data in parts)

    return content


def half_the_rows_left() -> bytes:
    """A PNG whose data, under the right checksum, end early."""
    whole = picture()()
    parts = list(chunks(whole))
    data = half_the_rows(b"".join(data for kind, data in parts if kind == b"IDAT"))
    head = [part for part in parts if part[0] == b"IHDR"]
    wanted = [*head, (b"IDAT", data), (b"IEND", b"")]
    return whole[:8] + b"".join(chunk(kind, part) for kind, part in wanted)


def claims(height: int, width: int):
    return rebuilt(b"IHDR", lambda data: struct.pack(">II", width, height) + data[8:])


def deflated_zeros(thousands: int) -> bytes:
    """A deflated stream of so many thousand zeros: one piece of it, again and again."""
    squash = zlib.compressobj(wbits=-15)
    piece = squash.compress(bytes(1_000_000)) + squash.flush(zlib.Z_FULL_FLUSH)
    rest = squash.compress(bytes(thousands % 1000 * 1000)) + squash.flush()
    return piece * (thousands // 1000) + rest


def bomb() -> bytes:
    """A PNG of 30000 x 30000 black pixels in less than a megabyte."""
    checksum = 30_000 * 30_001 % 65_521 << 16 | 1  # Adler's, of zeros
    data = b"x\x9c" + deflated_zeros(30 * 30_001) + struct.pack(">I", checksum)
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", data), (b"IEND", b"")
    return picture()()[:8] + b"".join(chunk(name, part) for name, part in parts)


def jpeg_claims(height: int, width: int):
    def change(content: bytes) -> bytes:
        frame = content.index(b"\xff\xc0") + 5
        return content[:frame] + struct.pack(">HH", height, width) + content[frame + 4 :]

    return edited(picture(kind=".jpg"), change)


def tiff(tags: dict[int, int] | None = None, deep: bool = False, **options):
    """A TIFF of 8 bits, or 12 in 16 where `deep`, with tags of its own."""

    def content() -> bytes:
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        directory.update(tags or {})
        pixels = chest().astype(np.uint16) * 16 if deep else chest()
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "TIFF", tiffinfo=directory, **options)
        return file.getvalue()

    return content


def white_is_zero(deep: bool):
    return tiff_tag(262, 0, deep, lambda image: (4095 if deep else 255) - image)


def tiff_tag(tag: int, value: int, deep: bool = False, change=lambda image: image):
    """An uncompressed TIFF whose directory says `value` under `tag`."""

    def content() -> bytes:
        pixels = change(chest().astype(np.uint16) * 16 if deep else chest()).astype(
            np.uint16 if deep else np.uint8
        )
        height, width = pixels.shape
        fields = {256: width, 257: height, 258: 16 if deep else 8, 259: 1, 262: 1, 273: 8,
                  277: 1, 278: height, 279: pixels.nbytes}  # fmt: skip
        fields[tag] = value
        place = 8 + pixels.nbytes
        rows = b"".join(struct.pack("<HHII", key, 4, 1, fields[key]) for key in sorted(fields))
        directory = struct.pack("<H", len(fields)) + rows + struct.pack("<I", 0)
        return b"II*\0" + struct.pack("<I", place) + pixels.tobytes() + directory

    return content


def looping_tiff() -> bytes:
    """A TIFF whose one directory names itself as the next."""
    content = tiff_tag(262, 1)()
    return content[:-4] + content[4:8]


def dicom(stored: Callable[[np.ndarray], np.ndarray] = lambda image: image, **fields):
    """A DICOM radiograph, 12 bits in 16, with fields of its own; None takes a field out, and bytes
    are written as they are.
    """

    def content() -> bytes:
        return written(dataset(stored(chest().astype(np.uint16) * 16), **fields))

    return content


def dataset(pixels: np.ndarray, **fields):
    """A pydicom dataset of a radiograph, uint16 (height, width)."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = (
        DigitalXRayImageStorageForPresentation
    )
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    plain = {
        "Modality": "DX", "Rows": pixels.shape[0], "Columns": pixels.shape[1],
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16,
        "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
        "ImagerPixelSpacing": [1.4, 1.7], "PatientName": "Nobody^Known",
    }  # fmt: skip
    for name, value in (plain | fields).items():
        if isinstance(value, bytes) and name != "PixelData":
            made[name] = as_it_is(name, value)
        elif value is not None:
            setattr(made, name, value)
    if "PixelData" not in fields:
        made.PixelData = pixels.tobytes()
        made["PixelData"].VR = "OW"
    return made


def table(data, first: int = 0, bits: int = 16, count: int | None = None):
    """An item of a sequence of tables."""
    from pydicom.dataset import Dataset

    made = Dataset()
    made.LUTDescriptor = [len(data) if count is None else count, first, bits]
    made.LUTData = np.asarray(data, np.uint16).tobytes()
    made["LUTData"].VR = "OW"
    return made


def as_it_is(name: str, value: bytes):
    """A field that pydicom writes without a look at it."""
    from pydicom.datadict import dictionary_VR
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    kind = dictionary_VR(name)[:2]
    return RawDataElement(Tag(name), kind, len(value), value, 0, False, True)


def written(made, **options) -> bytes:
    file = io.BytesIO()
    made.save_as(file, **({"enforce_file_format": True} | options))
    return file.getvalue()


def bare(made, implicit=False, little=True) -> bytes:
    """Without preamble and file meta."""
    del made.file_meta
    return written(made, enforce_file_format=False, implicit_vr=implicit, little_endian=little)


def packed(frame, syntax=None, **fields) -> bytes:
    """A file with a compressed picture; without a transfer syntax where none is given."""
    from pydicom.encaps import encapsulate

    made = dataset(chest().astype(np.uint16) * 16, PixelData=encapsulate([frame]), **fields)
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    if syntax is None:
        return bare(made)
    made.file_meta.TransferSyntaxUID = SYNTAX + "5"
    both = f"{SYNTAX}5".encode(), f"{SYNTAX}{syntax}".encode()
    old, new = (part + b"\0" * (len(part) % 2) for part in both)
    start, end = written(made).split(len(old).to_bytes(2, "little") + old)
    return start + len(new).to_bytes(2, "little") + new + end  # pydicom writes no unknown ones


def encoded(codec: str, pixels: np.ndarray | None = None, **options) -> bytes:
    """The radiograph of `dicom`, or other pixels, by one of imagecodecs."""
    codecs = pytest.importorskip("imagecodecs")
    image = chest().astype(np.uint16) * 16 if pixels is None else pixels
    return bytes(getattr(codecs, f"{codec}_encode")(image, **options))


def compressed(syntax: str):
    """The radiograph of `dicom` under a transfer syntax that pydicom itself can write."""

    def content() -> bytes:
        made = dataset(chest().astype(np.uint16) * 16)
        made.compress(syntax)
        return written(made)

    return content


def deflated() -> bytes:
    """A DICOM file whose deflated part is a gigabyte of zeros in a megabyte."""
    start = dicom(Modality="DX")()
    plain, squashed = b"\x14\x001.2.840.10008.1.2.1\0", b"\x16\x001.2.840.10008.1.2.1.99"
    meta = replaced(lambda: start, plain, squashed)()
    return meta[:400] + deflated_zeros(1_000_000)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("chest.png", picture()())
    return file.getvalue()


def halved(make: Callable[[], bytes]):
    return edited(make, lambda content: content[: len(content) // 2])


def noise(_: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (90, 120), np.uint8)


KIND = "is no PNG, JPEG, TIFF or DICOM file: export it as one of these"
DAMAGED = "is damaged and cannot be decoded"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 9\n" % 0
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

INPUTS = [
    Odd("a plain 8-bit PNG", "plain.png", picture()),
    Odd("a PNG of 12 bits in 16", "deep.png", picture(lambda image: image.astype(np.uint16) * 16)),
    Odd("a PNG in colour with transparency", "alpha.png",
        picture(lambda image: np.dstack([image] * 3 + [np.full_like(image, 255)]))),
    Odd("a PNG with a palette", "palette.png",
        pillow(lambda image: image.convert("RGB").quantize(256), "PNG")),
    Odd("a grey PNG with transparency", "grey-alpha.png",
        pillow(lambda image: image.convert("LA"), "PNG")),
    Odd("a JPEG that calls itself PNG", "jpeg.png", picture(kind=".jpg")),
    Odd("a JPEG for printers (CMYK)", "cmyk.jpg",
        pillow(lambda image: image.convert("CMYK"), "JPEG")),
    Odd("a progressive JPEG", "progressive.jpg",
        pillow(lambda image: image, "JPEG", progressive=True)),
    Odd("a PNG without a suffix", "nosuffix", picture()),
    Odd("a PNG with 100 kB behind its end", "behind.png",
        edited(picture(), lambda content: content + bytes(100_000))),
    Odd("a 16-bit TIFF", "deep.tiff", tiff(deep=True)),
    Odd("a compressed TIFF", "lzw.tif", tiff(compression="tiff_lzw")),
    Odd("a TIFF in which 0 is white, 8 bits", "white8.tif", white_is_zero(False)),
    Odd("a TIFF in which 0 is white, 16 bits", "white16.tif", white_is_zero(True)),
    Odd("a TIFF of two pages: the first counts", "pages.tif",
        tiff(save_all=True, append_images=[Image.new("L", (9, 9))])),
    Odd("a DICOM file", "plain.dcm", dicom()),
    Odd("a DICOM file in which large numbers are dark", "mono1.dcm",
        dicom(lambda image: 4095 - image, PhotometricInterpretation="MONOCHROME1")),
    Odd("a DICOM file to be rescaled and windowed", "window.dcm",
        dicom(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=3095, WindowWidth=8190)),
    Odd("a compressed DICOM file (RLE)", "rle.dcm", compressed(RLE)),
    Odd("a DICOM file that says: a side view", "side.dcm", dicom(ViewPosition="LL"),
        warning="the header says that this is a side view (LL)"),
    Odd("a DICOM file that says: a hand", "hand.dcm", dicom(BodyPartExamined="HAND"),
        warning="the header says that this is not a chest (HAND)"),
    Odd("a DICOM file that says: mirrored", "mirrored.dcm", dicom(PatientOrientation=["R", "F"]),
        warning="the header says that the picture is mirrored"),
    Odd("a DICOM file whose slope is no number", "slope.dcm",
        dicom(RescaleSlope="nan", RescaleIntercept=0),
        warning="Rescale Slope is damaged: 1 was used"),
    Odd("a DICOM file with one number for the size of a pixel", "single.dcm",
        dicom(ImagerPixelSpacing=b"0.7 "),
        warning="Imager Pixel Spacing is damaged: no areas in cm2"),
    Odd("a DICOM file with a decimal comma", "comma.dcm",
        dicom(ImagerPixelSpacing=b"0,7\\0,7 "),
        warning="Imager Pixel Spacing is damaged: no areas in cm2"),
    Odd("a DICOM file whose window has no width", "width.dcm",
        dicom(WindowCenter=2000, WindowWidth=0),
        warning="Window 1 is damaged and was left out"),
    Odd("a DICOM file whose window lies beside the picture", "beside.dcm",
        dicom(WindowCenter=9000, WindowWidth=100),
        warning="Window 1 shows almost nothing and was left out"),
    Odd("a DICOM file whose table turns black into white", "table.dcm",
        lambda: dicom(VOILUTSequence=[table(np.arange(4096)[::-1], bits=12)])(),
        warning="it looks inverted: air should be dark"),
    Odd("a DICOM file that lacks the bits and samples of a pixel", "lacks.dcm",
        dicom(BitsStored=None, HighBit=None, SamplesPerPixel=None, PixelRepresentation=None)),
    Odd("a DICOM file that does not say what is dark", "dark.dcm",
        dicom(PhotometricInterpretation=None),
        warning="the header lacks Photometric Interpretation: MONOCHROME2 was used"),
    Odd("a DICOM file of raw greys", "raw.dcm",
        dicom(PresentationIntentType="FOR PROCESSING"),
        warning="the header says that it is raw, meant for processing"),
    Odd("a DICOM file with the patient's side in front", "orientation.dcm",
        dicom(PatientOrientation=["A", "F"]),
        warning="the header says that this is a side view"),
    Odd("a DICOM file without the 128 bytes in front", "bare.dcm",
        lambda: dicom()()[132:]),
    Odd("a DICOM file that does not name its transfer syntax", "syntax.dcm",
        lambda: bare(dataset(chest().astype(np.uint16) * 16), implicit=True)),
    Odd("an X-ray upside down", "down.png", picture(lambda image: image[::-1, ::-1]),
        warning="it looks rotated: try rotating it by 180 degrees"),
    Odd("an X-ray on its side", "aside.png", picture(np.rot90),
        warning="it looks rotated: try rotating it by 270 degrees counterclockwise"),
    Odd("a photo that its camera marked as turned", "exif.jpg",
        pillow(lambda image: image.rotate(90), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0"
               b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
        warning="it looks rotated: try rotating it by 270 degrees counterclockwise"),
    Odd("a negative", "negative.png", picture(lambda image: 255 - image),
        warning="it looks inverted: air should be dark"),
    Odd("noise", "noise.png", picture(noise), warning="hardly any lung was found"),
    Odd("two by two pixels", "tiny.png", picture(lambda _: np.array([[0, 9], [99, 255]], np.uint8)),
        warning="hardly any lung was found: is this a chest X-ray?"),
    Odd("a strip of 1 x 40000 pixels", "strip.png",
        picture(lambda _: (np.arange(40_000)[None] % 251).astype(np.uint8)),
        warning="hardly any lung was found: is this a chest X-ray?"),
    Odd("an empty file", "empty.png", bytes, "is empty: fetch or export it again"),
    Odd("a Git LFS pointer", "pointer.png", lambda: POINTER,
        "is a Git LFS pointer, not the file itself: run git lfs pull"),
    Odd("a text that calls itself PNG", "text.png", lambda: b"the lungs are clear", KIND),
    Odd("an SVG with a script", "script.svg.png", lambda: SVG, KIND),
    Odd("a web page", "page.jpg", lambda: b"<!doctype html><script>alert(1)</script>", KIND),
    Odd("a ZIP archive", "archive.png", zipped, KIND),
    Odd("a GIF", "moving.png", pillow(lambda image: image, "GIF"), KIND),
    Odd("a PDF", "report.png", lambda: b"%PDF-1.7\n" + bytes(99), KIND),
    Odd("a PNG whose end is missing", "cut.png", halved(picture()), "is cut short"),
    Odd("a PNG with one bit flipped", "flipped.png", edited(picture(), flip_a_bit), DAMAGED),
    Odd("a PNG with half its rows", "rows.png", half_the_rows_left, DAMAGED),
    Odd("a PNG whose header names a larger size", "larger.png", claims(300, 300), DAMAGED),
    Odd("a PNG whose header names a smaller size", "smaller.png", claims(200, 200), DAMAGED),
    Odd("a PNG that claims 2 billion pixels a side", "claims.png", claims(2**31 - 1, 2**31 - 1),
        "claims to be 2147483647 x 2147483647 pixels"),
    Odd("a PNG of no pixels", "none.png", claims(0, 0), "claims to be 0 x 0 pixels"),
    Odd("a decompression bomb: 900 megapixels in 0.9 MB", "bomb.png", bomb,
        "claims to be 30000 x 30000 pixels"),
    Odd("a black PNG", "black.png", picture(np.zeros_like), "shows nothing, all its pixels are 0"),
    Odd("a JPEG whose end is missing", "cut.jpg", halved(picture(kind=".jpg")),
        "is cut short or damaged"),
    Odd("a JPEG that claims 65500 pixels a side", "claims.jpg", jpeg_claims(65_500, 65_500),
        "claims more pixels than a radiograph has"),
    Odd("a JPEG of 12 bits", "twelve.jpg", jpeg_of(b"\xff\xc1", 12),
        "is a JPEG of 12 bits: export it as PNG of 16 bits"),
    Odd("a lossless JPEG", "lossless.jpg", jpeg_of(b"\xff\xc3", 8),
        "is a lossless JPEG: export it as PNG of 16 bits"),
    Odd("a TIFF whose end is missing", "cut.tif", halved(tiff_tag(262, 1)), "cannot be decoded"),
    Odd("a TIFF that claims 100000 pixels a side", "claims.tif", tiff_tag(256, 10**9),
        "claims to be 256 x 1000000000 pixels"),
    Odd("a TIFF of floating-point numbers", "float.tif",
        picture(lambda image: image / np.float32(255), ".tiff")),
    Odd("a TIFF whose directory names itself as the next", "loop.tif", looping_tiff),
    Odd("a DICOM file whose end is missing", "cut.dcm", halved(dicom()), "cannot be read as DICOM"),
    Odd("a text behind DICOM's mark", "text.dcm", lambda: bytes(128) + b"DICM" + b"clear" * 50,
        "is a DICOM file without a picture: choose another file"),
    Odd("a deflated DICOM file: a gigabyte in 1 MB", "deflated.dcm", deflated,
        "is a deflated DICOM file: export it without compression"),
    Odd("a CT slice", "ct.dcm", dicom(Modality="CT"), "is of modality CT, not a radiograph"),
    Odd("a DICOM film of 40 pictures", "film.dcm", dicom(NumberOfFrames=40), "holds 40 pictures"),
    Odd("a DICOM report", "report.dcm",
        dicom(PixelData=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11"),
        "is a DICOM report, not an X-ray: choose another file"),
    Odd("a DICOM file without pixels", "header.dcm", dicom(PixelData=None), "without a picture"),
    Odd("a DICOM file without the number of its rows", "rows.dcm", dicom(Rows=None),
        "does not say how large its picture is: export it again"),
    Odd("a DICOM film that is compressed as MPEG2", "mpeg.dcm", lambda: packed(b"\0\0", "4.100"),
        "is compressed as MPEG2 Main Profile / Main Level (1.2.840.10008.1.2.4.100), which nothing "
        "installed reads: export it uncompressed"),
    Odd("a DICOM file that claims 65535 pixels a side", "claims.dcm",
        dicom(Rows=65_535, Columns=65_535), "claims to be 65535 x 65535 pixels"),
    Odd("a DICOM file with fewer pixels than it claims", "fewer.dcm", dicom(Rows=300),
        "cannot be read as DICOM"),
    Odd("a DICOM file of one grey", "grey.dcm", dicom(lambda image: image * 0 + 7),
        "shows nothing, all its pixels are 7"),
]  # fmt: skip
