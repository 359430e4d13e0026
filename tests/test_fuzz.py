"""Files with a byte wrong here and there: an image or one sentence, soon and in little memory."""

import sys
import time

import numpy as np
import pytest
from hostile import RLE, chest, compressed, dicom, edited, encoded, packed, picture, tiff

from lungseg_utils.images import decode_xray
from lungseg_utils.types import DataError

resource = pytest.importorskip("resource")  # Windows has none
EACH, SECONDS, GIGABYTES = 300, 10, 2
FIELDS = {"WindowCenter": [2000, 1500], "WindowWidth": [3000, 2500], "RescaleSlope": 1,
          "RescaleIntercept": 0, "PixelPaddingValue": 4095, "ViewPosition": "PA",
          "PatientOrientation": ["L", "F"], "BodyPartExamined": "CHEST", "NumberOfFrames": 1,
          "PixelPaddingRangeLimit": 4000}  # fmt: skip
FILES = {
    "PNG": picture(lambda image: image.astype(np.uint16) * 16),
    "JPEG": picture(kind=".jpg"),
    "TIFF": tiff(deep=True, compression="tiff_lzw"),
    "DICOM": dicom(**FIELDS),
    "DICOM without preamble": edited(dicom(**FIELDS), lambda content: content[132:]),
    "DICOM, RLE": compressed(RLE),
    "DICOM, JPEG": lambda: packed(encoded("jpeg8", lossless=True, bitspersample=12), "4.70"),
    "DICOM, JPEG-LS": lambda: packed(encoded("jpegls"), "4.80"),
    "DICOM, JPEG 2000": lambda: packed(encoded("jpeg2k", codecformat="j2k"), "4.90"),
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three bytes changed, put in or left out, or the end; half of them in the header."""
    found = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(0, len(found) if rng.random() < 0.5 else min(900, len(found))))
        byte = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
        kind = rng.choice(
            ["change", "flip", "insert", "remove", "cut"], p=[0.4, 0.3, 0.12, 0.12, 0.06]
        )
        if kind == "cut":
            del found[place + 1 :]
        elif kind == "remove":
            del found[place : place + int(rng.integers(1, 9))]
        elif kind == "insert":
            found[place:place] = bytes([byte]) * int(rng.integers(1, 9))
        elif found[place:]:
            found[place] = byte if kind == "change" else found[place] ^ 1 << int(rng.integers(8))
        if not found:
            break
    return bytes(found)


def peak_gigabytes() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_an_image_or_one_sentence(kind, capfd):
    rng, content = np.random.default_rng(811), FILES[kind]()
    assert decode_xray(content, "one").image.shape == chest().shape
    before, read = peak_gigabytes(), 0
    for number in range(EACH):
        odd, start = damaged(content, rng), time.monotonic()
        try:
            image = decode_xray(odd, "one").image
            read += 1
            assert image.dtype == np.float32 and image.ndim == 2, number
            assert image.min() >= 0 and image.max() <= 1, number  # nor is one of them not a number
        except DataError as error:
            said = str(error)
            assert said.startswith("one ") and "\n" not in said and len(said) < 200, number
        assert time.monotonic() - start < SECONDS, number
    assert 0 < read < EACH
    assert peak_gigabytes() - before < GIGABYTES
    capfd.readouterr()  # of libraries written in C
