"""Hospitals' files: which field wins, what a damaged one costs, and what is dark."""

import io
import struct
import sys

import cv2
import numpy as np
import pytest
from hostile import (
    SYNTAX,
    as_it_is,
    bare,
    chest,
    compressed,
    dataset,
    dicom,
    encoded,
    packed,
    picture,
    table,
    written,
)

from lungseg_utils.dicom import (
    DEFLATED,
    DICOM_WITHOUT_PREAMBLE,
    OTHER_MODALITIES,
    read_dicom,
)
from lungseg_utils.dicom.header import SIDE_VIEWS
from lungseg_utils.dicom.pixels import MOST_JUDGED
from lungseg_utils.images import FORMATS, decode_xray, format_of, measure_xray
from lungseg_utils.phantom import simulate
from lungseg_utils.types import DataError, NotAnXray

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # as these are written
PIXELS = chest().astype(np.uint16) * 16
FIRST, SECOND, THIRD = "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacing"


def stored(change=lambda image: image, **fields):
    return read_dicom(dicom(change, **fields)(), "one.dcm")


def image(change=lambda image: image, **fields):
    return decode_xray(dicom(change, **fields)(), "one.dcm").image


def refused(content, says, kind=DataError):
    with pytest.raises(kind, match=says) as caught:
        read_dicom(content, "one.dcm")
    said = str(caught.value)
    assert said.startswith("one.dcm ") and "\n" not in said and type(caught.value) is kind


def test_a_plain_file_is_what_it_stores():
    found = stored()
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert found[1:] == (None, False, None, (1.4, 1.7), ())
    np.testing.assert_allclose(image(), PIXELS / np.float32(4095), atol=1e-6)


SPACED = [
    ({FIRST: [0.2, 0.3], SECOND: [0.3, 0.4], THIRD: [0.5, 0.6]}, (0.2, 0.3), ()),
    ({FIRST: None, SECOND: [0.3, 0.4], THIRD: [0.5, 0.6]}, (0.3, 0.4), ()),
    ({FIRST: None, SECOND: None, THIRD: [0.5, 0.6]}, (0.5, 0.6), ()),
    ({FIRST: None}, None, ()),
    ({FIRST: b""}, None, ()),
    ({FIRST: b"0.0\\0.2 ", THIRD: [0.5, 0.6]}, (0.5, 0.6),
     ("Imager Pixel Spacing is damaged: Pixel Spacing was used",)),
    ({FIRST: b"0.1", SECOND: b"?\\?"}, None,
     ("Imager Pixel Spacing is damaged: no areas in cm2",
      "Nominal Scanned Pixel Spacing is damaged: no areas in cm2")),
    ({FIRST: b" 0.2\\ 0.3"}, (0.2, 0.3), ()),
    ({FIRST: b"2e-1\\.3"}, (0.2, 0.3), ()),
]  # fmt: skip


@pytest.mark.parametrize("fields, spacing, notes", SPACED)
def test_the_spacing_on_the_detector_comes_first(fields, spacing, notes):
    found = stored(**fields)
    assert (found.spacing_mm, found.notes) == (spacing, notes)


@pytest.mark.parametrize(
    "value", ["0.7", r"0,7\0,7", "0.7\\", r"0.7mm\0.7mm", r"0.7\0.7\0.7", r"nan\nan", r"inf\0.7",
              r"-0.7\-0.7", r"0.195\0.7", r"0.7\0.195", r"0.7\3.91", r"3.91\0.7", r"\0.7", "abc",
              "\xff\xff", r"700\700", r"0.143\0.143"],
)  # fmt: skip
def test_a_damaged_spacing_costs_the_areas_alone(value):
    found = stored(**{FIRST: value.encode("latin-1")})
    assert found.notes == ("Imager Pixel Spacing is damaged: no areas in cm2",)
    assert found.spacing_mm is None
    np.testing.assert_array_equal(found.pixels, PIXELS)


@pytest.mark.parametrize("mm", [50 / 256, 1000 / 256])
def test_the_ends_of_what_a_radiograph_measures_are_within(mm):
    assert stored(**{FIRST: [mm, 1.0]}).spacing_mm == (mm, 1.0)
    assert stored(**{FIRST: [1.0, mm]}).spacing_mm == (1.0, mm)


def test_the_size_of_a_strip_of_pixels_is_not_believed():
    for shape in ((1, 60_000), (60_000, 1)):
        found = stored(lambda image, shape=shape: np.resize(image, shape), **{FIRST: [0.7, 0.7]})
        assert (found.spacing_mm, found.pixels.shape) == (None, shape)


@pytest.mark.parametrize("kind", ["MONOCHROME1", "Monochrome1 ", b" monochrome1 "])
def test_where_large_numbers_are_dark_the_image_is_turned(kind):
    np.testing.assert_allclose(image(PhotometricInterpretation=kind), 1 - image(), atol=1e-6)


def linear(center, width, values=PIXELS):
    """DICOM PS3.3, C.11.2.1.2.1."""
    return ((values - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1)


def window(center, width, **fields):
    return {"WindowCenter": center, "WindowWidth": width} | fields


WIDE, HIDDEN = "Window {} is far wider than the picture and was left out", (
    "Window {} hides much of the picture and was left out")  # fmt: skip
NOTHING, DAMAGED = "Window {} shows almost nothing and was left out", (
    "Window {} is damaged and was left out")  # fmt: skip
SHOWN = [
    (window(2000, 3000), linear(2000, 3000), ()),
    (window([2000, 1000], [3000, 900]), linear(2000, 3000), ()),
    (window(2000, 3000, VOILUTFunction=b"linear"), linear(2000, 3000), ()),
    (window(2000, 3000, VOILUTFunction="LINEAR_EXACT"),
     ((PIXELS - 2000.0) / 3000 + 0.5).clip(0, 1), ()),
    (window(2000, 3000, VOILUTFunction="SIGMOID"),
     1 / (1 + np.exp(-4 * (PIXELS - 2000.0) / 3000)), ()),
    (window(b"\\2000", b"\\3000 "), linear(2000, 3000), (DAMAGED.format(1),)),
    (window(b"9\\2000", b"7,5\\3000"), linear(2000, 3000), (DAMAGED.format(1),)),
    (window(b"9000\\2000", b"5\\3000"), linear(2000, 3000), (NOTHING.format(1),)),
    (window(b"2000\\50 ", b"3000"), linear(2000, 3000), ()),
    (window(100, 8001, RescaleSlope=2, RescaleIntercept=-4000),
     linear(100, 8001, PIXELS * 2.0 - 4000), ()),
    (window(-2000, 3000, RescaleSlope=-1, RescaleIntercept=0), linear(-2000, 3000, -1.0 * PIXELS),
     ()),
    (window(2000, 3000, RescaleSlope=b"", RescaleIntercept=b""), linear(2000, 3000), ()),
    (window(2000, 3000, RescaleSlope=b"1,5 "), linear(2000, 3000),
     ("Rescale Slope is damaged: 1 was used",)),
    (window(2000, 3000, RescaleIntercept=b"nan "), linear(2000, 3000),
     ("Rescale Intercept is damaged: 0 was used",)),
    (window(2000, 3000, RescaleSlope=0), linear(2000, 3000), ("Rescale Slope is 0: 1 was used",)),
    (window(2048, 4096), linear(2048, 4096), ()), (window(2048, 5300), linear(2048, 5300), ()),
    (window(2000, 2650), linear(2000, 2650), ()),
    (window(b"600\\2000", b"1200\\3000"), linear(2000, 3000), (HIDDEN.format(1),)),
]  # fmt: skip


@pytest.mark.parametrize("fields, expected, notes", SHOWN)
def test_the_first_window_that_shows_the_picture_is_applied(fields, expected, notes):
    found = stored(**fields)
    np.testing.assert_allclose(found.pixels, expected, atol=1e-6)
    assert (found.full, found.notes, found.inverted) == ((0, 1), notes, False)


LEFT_OUT = [
    (window(2000, 0), DAMAGED), (window(2000, -4096), DAMAGED), (window(2000, b"0.8 "), DAMAGED),
    (window(2000, b"7,5 "), DAMAGED), (window(2000, None), DAMAGED), (window(None, 99), DAMAGED),
    (window(2000, 3000, VOILUTFunction="LOG"), DAMAGED),
    (window(2000, 3000, VOILUTFunction=b"WHAT"), DAMAGED),
    (window(2000, 3000, VOILUTFunction=b"LINEAR\\LINEAR "), DAMAGED),
    (window(b"inf ", 3000), DAMAGED), (window(2000, b"1e999 "), DAMAGED),
    (window(2000, 0, VOILUTFunction="SIGMOID"), DAMAGED),
    (window(9000, 1000), NOTHING), (window(-9000, 1000), NOTHING), (window(2000, 1), NOTHING),
    (window(20_000, 50, VOILUTFunction="SIGMOID"), NOTHING),
    (window(32768, 65536), WIDE), (window(20_000, 40_000), WIDE), (window(2048, 6300), WIDE),
    (window(2000, 9000, VOILUTFunction="SIGMOID"), WIDE),
    (window(600, 1200), HIDDEN), (window(3000, 2000), HIDDEN), (window(2000, 2450), HIDDEN),
]  # fmt: skip


@pytest.mark.parametrize("fields, note", LEFT_OUT)
def test_a_window_that_shows_nothing_is_left_out(fields, note):
    found = stored(**fields)
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert (found.full, found.notes) == (None, (note.format(1),))
    np.testing.assert_array_equal(image(**fields), image())


def test_a_window_is_judged_without_padding():
    def padded(image):
        return np.hstack([image, np.full_like(image, 4095)])

    found = stored(padded, PixelPaddingValue=4095, **window(1200, 2500))
    assert (found.full, found.notes) == ((0, 1), ())


def test_a_label_beyond_a_window_is_not_missed():
    found = stored(lambda image: labelled(image, 65_535)[:, 17:], **WHOLE, **window(2048, 4096))
    assert (found.full, found.notes) == ((0, 1), ())


def test_a_table_of_fewer_bits_than_it_says_is_applied():
    found = stored(VOILUTSequence=[table(RAMP[::-1], bits=16)])
    np.testing.assert_array_equal(found.pixels, 4095 - PIXELS)
    assert (found.full, found.notes) == ((0, 65535), ())


def test_of_many_windows_the_first_nine_are_tried():
    found = stored(**window(b"9\\" * 9 + b"2000", b"1\\" * 9 + b"3000"))
    assert found.full is None and len(found.notes) == 9


@pytest.mark.parametrize("ends", [(0, 100), (1, 99), (5, 95), (10, 90), (0, 85), (15, 100)])
@pytest.mark.parametrize("key", range(4))
def test_a_window_of_most_of_the_picture_is_applied(ends, key):
    pixels = simulate(808, key, 256).image.astype(np.uint16) * 16
    low, high = np.percentile(pixels, ends)
    found = stored(lambda _: pixels, **window((low + high) / 2, high - low))
    assert (found.full, found.notes) == ((0, 1), ())


def test_no_window_is_asked_for_where_both_are_empty():
    assert stored(WindowCenter=b"", WindowWidth=b"").notes == ()


@pytest.mark.parametrize("share, is_shown", [(0.19, False), (0.21, True)])
def test_a_fifth_of_the_pixels_must_be_grey(share, is_shown):
    def ramp(_):
        flat = np.where(np.arange(10_000) < share * 10_000, 1000 + np.arange(10_000) % 1000, 940)
        return np.where(np.arange(10_000) % 2, flat, np.maximum(flat, 2060 * (flat == 940)))[None]

    found = stored(lambda image: ramp(image).astype(np.uint16), **window(1500, 1100))
    assert (found.full is not None) is is_shown


RAMP = np.arange(4096)


def squared():
    return (RAMP**2 // 256).astype(np.uint16)


def test_a_table_comes_before_the_window():
    found = stored(VOILUTSequence=[table(squared())], WindowCenter=200, WindowWidth=201)
    np.testing.assert_array_equal(found.pixels, squared()[PIXELS])
    assert (found.full, found.notes) == ((0, 65535), ())


def test_a_table_ends_as_it_says():
    found = stored(VOILUTSequence=[table(RAMP[:3000][::-1], first=500, bits=12)])
    np.testing.assert_array_equal(found.pixels, 2999 - (PIXELS.astype(int) - 500).clip(0, 2999))
    assert found.full == (0, 4095)


def test_a_table_of_bytes_is_longer_than_256():
    """pydicom's own looks up what is left after a division by 256."""
    found = stored(VOILUTSequence=[table(RAMP // 16, bits=8)])
    np.testing.assert_array_equal(found.pixels, PIXELS // 16)
    assert found.full == (0, 255)


def written_as(kind, words, **options):
    made = table(words, **options)
    made.LUTData = [int(one) for one in words] if kind == "US" else made.LUTData
    made["LUTData"].VR = kind
    return made


PACKED = (RAMP // 16).astype(np.uint8)
ORDERS = [(RAMP * 16, {}), ((RAMP * 16).astype(np.uint16).byteswap(), {}),
          (PACKED.view(np.uint16), {"count": 4096, "bits": 8}),
          (PACKED.view(np.uint16).byteswap(), {"count": 4096, "bits": 8}),
          (PACKED, {"bits": 8})]  # fmt: skip


@pytest.mark.parametrize("words, options", ORDERS)
@pytest.mark.parametrize("kind", ["OW", "US", "OB"])
def test_a_table_is_read_in_either_order_of_bytes(words, options, kind):
    found = stored(VOILUTSequence=[written_as(kind, words, **options)])
    scale = 255 if "bits" in options else 65520
    np.testing.assert_allclose(found.pixels / scale, PIXELS / 4095, atol=4e-3)
    assert (found.full, found.notes) == ((0, 255 if scale == 255 else 65535), ())
    levels = stored(ModalityLUTSequence=[written_as(kind, words, **options)]).pixels
    np.testing.assert_array_equal(levels, found.pixels)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_table_in_a_file_of_the_other_order_is_read(swapped):
    words = (RAMP * 16).astype(np.uint16)
    item = table(words if swapped else words.byteswap())
    made = big_endian(VOILUTSequence=[item])
    made.file_meta.TransferSyntaxUID = SYNTAX + "2"
    np.testing.assert_array_equal(read_dicom(written(made), "one").pixels, PIXELS * 16)


def test_a_table_of_an_odd_number_of_bytes_is_read():
    item = table(PACKED[:3000], count=3001, bits=8)
    item.LUTData = PACKED[:3001].tobytes()
    found = stored(VOILUTSequence=[item])
    np.testing.assert_array_equal(found.pixels, PIXELS.clip(0, 3000) // 16)


def test_a_table_of_signed_numbers_begins_below_0():
    signed = {"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15}
    for first, kind in ((-2000, "SS"), (65536 - 2000, "US")):
        item = table(squared(), first=first)
        item["LUTDescriptor"].VR = kind
        found = stored(lambda image: (image.astype(np.int16) - 2000).view(np.uint16),
                       VOILUTSequence=[item], **signed)  # fmt: skip
        np.testing.assert_array_equal(found.pixels, squared()[PIXELS])


def broken(data=RAMP, **fields):
    made = table(data)
    for name, value in fields.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    return made


TABLE = "VOI LUT 1 is damaged and was left out"
HIDING = "VOI LUT 1 shows almost nothing and was left out"
TABLES = [
    (broken(LUTDescriptor=[9999, 0, 16]), TABLE), (broken(LUTDescriptor=[0, 0, 16]), TABLE),
    (broken(LUTDescriptor=[4096, 0]), TABLE), (broken(LUTDescriptor=4096), TABLE),
    (broken(LUTDescriptor=None), TABLE), (broken(LUTData=None), TABLE),
    (broken(RAMP[:3], LUTDescriptor=[4096, 0, 16]), TABLE), (broken(RAMP * 0 + 7), HIDING),
    (broken(LUTDescriptor=[4, 0, 16]), HIDING), (broken(LUTDescriptor=[4096, 60_000, 16]), HIDING),
]  # fmt: skip


@pytest.mark.parametrize("item, note", TABLES)
def test_a_table_that_shows_nothing_is_left_out(item, note):
    found = stored(VOILUTSequence=[item])
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert (found.full, found.notes) == (None, (note,))
    both = stored(VOILUTSequence=[item, table(squared())], WindowCenter=9, WindowWidth=9)
    np.testing.assert_array_equal(both.pixels, squared()[PIXELS])
    then = stored(VOILUTSequence=[item], **window(2000, 3000))
    np.testing.assert_allclose(then.pixels, linear(2000, 3000), atol=1e-6)


def test_the_modality_has_a_table_too():
    found = stored(ModalityLUTSequence=[table(4095 - RAMP)], **window(2000, 3000))
    np.testing.assert_allclose(found.pixels, linear(2000, 3000, 4095.0 - PIXELS), atol=1e-6)
    alone = stored(ModalityLUTSequence=[table(4095 - RAMP)])
    np.testing.assert_array_equal(alone.pixels, 4095 - PIXELS)
    cut = stored(ModalityLUTSequence=[broken(LUTData=None)])
    np.testing.assert_array_equal(cut.pixels, PIXELS)
    assert cut.notes == ("Modality LUT is damaged and was left out",)


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_a_slope_that_falls_turns_the_image(kind):
    fields = {"RescaleSlope": -1, "RescaleIntercept": 4095, "PhotometricInterpretation": kind}
    plain = image(PhotometricInterpretation=kind)
    np.testing.assert_allclose(image(**fields), 1 - plain, atol=1e-6)


def bordered(value):
    def change(image):
        image = image.copy()
        image[:, :40] = value
        return image

    return change


PADDED = [
    (4095, {"PixelPaddingValue": 4095}),
    (3000, {"PixelPaddingValue": 2900, "PixelPaddingRangeLimit": 3000}),
    (2900, {"PixelPaddingValue": 3000, "PixelPaddingRangeLimit": 2900}),
    (0, {"PixelPaddingValue": 0, "PhotometricInterpretation": "MONOCHROME1"}),
    (4095, {"PixelPaddingValue": 4095, "RescaleSlope": 2, "RescaleIntercept": -900}),
    (4095, {"PixelPaddingValue": 4095} | window(2000, 3000)),
]  # fmt: skip


@pytest.mark.parametrize("value, fields", PADDED)
def test_padding_is_black_and_is_as_stored(value, fields):
    padded = bordered(value)(PIXELS)
    ends = fields["PixelPaddingValue"], fields.get("PixelPaddingRangeLimit", value)
    found = stored(bordered(value), **fields)
    np.testing.assert_array_equal(found.used, (padded < min(ends)) | (padded > max(ends)))
    assert not found.used[:, :40].any() and found.used[:, 40:].any()
    assert (image(bordered(value), **fields)[:, :40] == 0).all()


@pytest.mark.parametrize("kind", ["US", "SS"])
def test_padding_of_signed_pixels_may_be_written_without_a_sign(kind):
    def signed(image):
        return bordered(-2048 & 0xFFFF)((image.astype(np.int16) - 2000).view(np.uint16))

    made = dataset(signed(PIXELS), PixelRepresentation=1, BitsStored=16, HighBit=15)
    made["PixelPaddingValue"] = as_it_is("PixelPaddingValue", b"\x00\xf8")._replace(VR=kind)
    found = read_dicom(written(made), "one")
    assert not found.used[:, :40].any() and found.used[:, 40:].all()


def test_padding_that_is_damaged_or_everywhere_is_left_out():
    everywhere = stored(PixelPaddingValue=0, PixelPaddingRangeLimit=4095)
    assert everywhere.used is None
    assert everywhere.notes == ("Pixel Padding Value covers the whole picture and was left out",)
    damaged = stored(PixelPaddingValue=[1, 2])
    assert damaged.notes == ("Pixel Padding Value is damaged: padding may show",)
    limit = stored(bordered(4095), PixelPaddingValue=4095, PixelPaddingRangeLimit=[1, 2])
    assert limit.notes == ("Pixel Padding Range Limit is damaged: padding may show",)
    assert not limit.used[:, :40].any()
    assert stored(PixelPaddingValue=4095).used is None


COLOUR = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0,
          "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}  # fmt: skip
GREY = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}


def test_colour_is_weighed_as_the_eye_does_and_has_no_padding():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (9, 8, 3)).astype(np.uint8)
    for more in ({}, {"PixelPaddingValue": 0}, {"PhotometricInterpretation": None},
                 {"PlanarConfiguration": None}, {"SamplesPerPixel": None}):  # fmt: skip
        found = stored(lambda _: pixels, **COLOUR | more)
        np.testing.assert_array_equal(found.pixels, pixels[:, :, ::-1])
        assert found.used is None
        seen = image(lambda _: pixels, **COLOUR | more)
        np.testing.assert_allclose(seen, pixels @ [0.299, 0.587, 0.114] / 255, atol=3e-3)


def test_a_palette_is_looked_up():
    data = (np.arange(256) * 257).astype(np.uint16)[::-1].tobytes()
    palette = {f"{name}PaletteColorLookupTable{part}": value
               for name in ("Red", "Green", "Blue")
               for part, value in (("Descriptor", [256, 0, 16]), ("Data", data))}  # fmt: skip
    made = dataset(chest(), PhotometricInterpretation="PALETTE COLOR", **GREY)
    for name, value in palette.items():
        setattr(made, name, value)
    seen = decode_xray(written(made), "one").image
    np.testing.assert_allclose(seen, 1 - chest() / 255, atol=0.01)


BITS = "Bits Stored contradicts the picture: all bits were used"
ALLOCATED = "Bits Allocated contradicts the picture: {} was used"
SIGN = "Pixel Representation contradicts the picture: {} was used"
SHAPE = "Presentation LUT Shape contradicts Photometric Interpretation: {} was used"
LACKING = [
    ({"PhotometricInterpretation": None},
     ("the header lacks Photometric Interpretation: MONOCHROME2 was used",)),
    ({"PhotometricInterpretation": b"WHAT"},
     ("Photometric Interpretation is damaged: MONOCHROME2 was used",)),
    ({"PhotometricInterpretation": "RGB"},
     ("Photometric Interpretation is damaged: MONOCHROME2 was used",)),
    ({"SamplesPerPixel": None}, ()), ({"BitsStored": None}, ()), ({"HighBit": None}, ()),
    ({"BitsAllocated": None}, ()), ({"PixelRepresentation": None}, ()),
    ({"BitsAllocated": None, "BitsStored": None, "HighBit": None, "SamplesPerPixel": None,
      "PixelRepresentation": None}, ()),
    ({"BitsStored": 0}, ()), ({"BitsStored": 99}, ()), ({"HighBit": 99}, ()), ({"HighBit": 15}, ()),
    ({"BitsStored": [12, 12]}, ("Bits Stored is damaged: all bits were used",)),
    ({"PixelRepresentation": 7}, ()),
    ({"BitsStored": 8, "HighBit": 7}, (BITS,)), ({"BitsStored": 10, "HighBit": 9}, (BITS,)),
    ({"BitsAllocated": 8}, (ALLOCATED.format(16),)),
    ({"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, (ALLOCATED.format(16), BITS)),
    ({"BitsAllocated": 12}, (ALLOCATED.format(16),)),
    ({"BitsAllocated": 32}, (ALLOCATED.format(16),)),
    ({"PixelRepresentation": 1}, (SIGN.format(0),)),
    ({"PresentationLUTShape": "IDENTITY"}, ()), ({"PresentationLUTShape": b"WHAT"}, ()),
    ({"PresentationLUTShape": b"inverse "}, (SHAPE.format("MONOCHROME2"),)),
    ({"ImageComments": "inverse"}, ()), ({"PixelAspectRatio": b"1\\2 "}, ()),
    ({"RescaleSlope": b"1e-30 "}, ()),
    ({"RescaleSlope": b"", "RescaleIntercept": b""}, ()), ({"RescaleSlope": 1}, ()),
    ({"RescaleIntercept": -1024, "RescaleSlope": 3}, ()),
    ({"Modality": ["DX", "CR"]}, ()), ({"Modality": None}, ()), ({"Modality": b"\xff\xfe"}, ()),
    ({"NumberOfFrames": b"x "}, ("Number of Frames is damaged: 1 was used",)),
    ({"NumberOfFrames": b"1e99"}, ("Number of Frames is damaged: 1 was used",)),
    ({"NumberOfFrames": b"1\\1 "}, ("Number of Frames is damaged: 1 was used",)),
    ({"NumberOfFrames": 0}, ()), ({"NumberOfFrames": b""}, ()), ({"NumberOfFrames": 1}, ()),
    ({"PlanarConfiguration": 9}, ()), ({"SOPClassUID": b"\xff"}, ()), ({"SOPClassUID": None}, ()),
    ({"SpecificCharacterSet": b"WHAT"}, ()), ({"PatientName": b"\xff\\\xfe^="}, ()),
    ({"WindowCenterWidthExplanation": b"\xff\\\xff"}, ()), ({"PatientAge": b"old "}, ()),
]  # fmt: skip


@pytest.mark.parametrize("fields, notes", LACKING)
def test_what_a_header_lacks_is_as_the_standard_says(fields, notes):
    found = stored(**fields)
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert (found.notes, found.inverted) == (notes, False)


def test_eight_bits_are_told_by_the_number_of_bytes():
    nothing = dict.fromkeys(("BitsAllocated", "BitsStored", "HighBit"))
    np.testing.assert_array_equal(stored(lambda _: chest(), **nothing).pixels, chest())
    np.testing.assert_array_equal(
        stored(lambda _: chest(), BitsAllocated=[8, 8], BitsStored=None, HighBit=None).pixels,
        chest(),
    )


def signed(image):
    return (image.astype(np.int16) - 2000).view(np.uint16)


def marked(image):
    """With marks in bits that nothing stores."""
    return np.where(np.indices(image.shape).sum(0) % 99 < 3, image | 0x5000, image)


def blocked(image):
    """With a block in a bit that nothing stores."""
    image = image.copy()
    image[40:200, 40:200] |= 0x8000
    return image


def smooth(image):
    """Dark, with a label of many greys."""
    large = np.kron(image // 5, np.ones((4, 4), image.dtype))
    large = cv2.blur(large.astype(np.uint16), (9, 9)).astype(image.dtype)
    large[20:60, 20:140] = 3500 + 3 * np.add.outer(np.arange(40), np.arange(120))
    return large


def bordered_smooth(image):
    return np.pad(smooth(image), 40, constant_values=4095)


NOISE = np.random.default_rng(0).integers(3500, 4096, (20, 40)).astype(np.uint16)
WHOLE = {"BitsStored": 16, "HighBit": 15}
MEANT = [
    (lambda image: image * 16, {}, lambda image: image * 16, (BITS,)),
    (lambda image: image * 16, {"BitsStored": 12, "HighBit": 15}, lambda image: image * 16, ()),
    (marked, {}, lambda image: image, ()), (blocked, {}, lambda image: image, ()),
    (lambda image: image * 16, {"BitsStored": 8, "HighBit": 7}, lambda image: image * 16, (BITS,)),
    (smooth, {FIRST: None}, smooth, ()), (bordered_smooth, {FIRST: None}, bordered_smooth, ()),
    (signed, WHOLE, lambda image: image - 2000, (SIGN.format(1),)),
    (signed, {}, lambda image: image - 2000, (BITS, SIGN.format(1))),
    (signed, {"PixelRepresentation": 1} | WHOLE, lambda image: image - 2000, ()),
    (lambda image: signed(image // 2 + 1000) & 0xFFF, {"PixelRepresentation": 1},
     lambda image: image // 2 - 1000, ()),
    (lambda image: signed(image // 2 + 1000) & 0xFFF, {}, lambda image: image // 2 - 1000,
     (SIGN.format(1),)),
    (lambda image: image * 16, {"PixelRepresentation": 1} | WHOLE, lambda image: image * 16,
     (SIGN.format(0),)),
    (lambda image: image.astype(np.uint32), {}, lambda image: image, (ALLOCATED.format(32),)),
    (lambda image: (image // 16).astype(np.uint8), {}, lambda image: image // 16,
     (ALLOCATED.format(8),)),
    (lambda image: (image[1:, 1:] // 16).astype(np.uint8), {}, lambda image: image[1:, 1:] // 16,
     (ALLOCATED.format(8),)),
    (lambda image: labelled(image // 3, 4095), {}, lambda image: labelled(image // 3, 4095), ()),
    (lambda image: labelled(image // 3, 65_535), WHOLE,
     lambda image: labelled(image // 3, 65_535), ()),
    (lambda image: labelled(image // 3, NOISE), {}, lambda image: labelled(image // 3, NOISE), ()),
]  # fmt: skip


def labelled(image, value):
    image = image.copy()
    image[5:25, 5:45] = value
    return image


@pytest.mark.parametrize("change, fields, meant, notes", MEANT)
def test_what_is_there_wins_over_what_is_said_of_it(change, fields, meant, notes):
    found = stored(change, **fields)
    np.testing.assert_array_equal(found.pixels, meant(PIXELS.astype(int)))
    assert found.notes == notes


def test_what_is_there_is_seen_in_huge_pictures_too():
    wide = np.tile(PIXELS, (1, 2 * MOST_JUDGED // PIXELS.size))
    np.testing.assert_array_equal(stored(lambda _: wide, BitsStored=8, HighBit=7).pixels, wide)


def test_a_picture_in_bits_that_are_compressed_is_read():
    made = dataset(PIXELS)
    made.compress(SYNTAX + "5")
    made.BitsStored, made.HighBit = 8, 7
    found = read_dicom(written(made), "one")
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert found.notes == (BITS,)


@pytest.mark.parametrize(
    "shape, notes", [("INVERSE", ()), ("identity ", (SHAPE.format("MONOCHROME1"),))]
)
def test_the_photometric_interpretation_wins_over_the_shape(shape, notes):
    found = stored(PresentationLUTShape=shape, PhotometricInterpretation="MONOCHROME1")
    assert (found.inverted, found.notes) == (True, notes)


def odd(*kinds):
    return b"".join(b"\x19\0" + bytes([number, 0x10]) + kind for number, kind in enumerate(kinds))


ODD = {
    "zeros": (odd(b"\0\0\0\0"), ""), "implicit": (odd(b"\6\0\0\0abcdef", b"\0\0\0\0"), ""),
    "an odd length": (odd(b"SH\5\0abcde"), ""), "unknown": (odd(b"ZZ\6\0abcdef"), ""),
    **{f"{kind} {what}": (odd(kind + rest), "cannot be read as DICOM: export it again")
       for kind in (b"??", b"  ", b"\0\0")
       for what, rest in {"short": b"\6\0abcdef", "long": b"\0\0\6\0\0\0abcdef"}.items()},
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_an_element_without_a_kind_is_read_past_where_pydicom_can(kind, tmp_path):
    start, end = dicom()().split(b"\x28\0\2\0", 1)
    (element, says), path = ODD[kind], tmp_path / "one.dcm"
    path.write_bytes(start + element + b"\x28\0\2\0" + end)
    if says:
        refused(path.read_bytes(), says)
        with pytest.raises(DataError, match=says):
            measure_xray(path)
        return
    np.testing.assert_array_equal(read_dicom(path.read_bytes(), "one").pixels, PIXELS)
    assert measure_xray(path) == (PIXELS.shape, (1.4, 1.7))


def test_an_implicit_file_is_left_as_it_is():
    made = dataset(PIXELS, PatientID="", PatientComments=b"a" * 0x5050, ImageComments=b"a" * 0x2020)
    content = bare(made, implicit=True)
    np.testing.assert_array_equal(read_dicom(content, "one").pixels, PIXELS)


def big_endian(**fields):
    made = dataset(PIXELS.byteswap(), **fields)
    made["PixelData"].VR = "OW"
    return made


UNMARKED = {
    "explicit": lambda: bare(dataset(PIXELS)),
    "implicit": lambda: bare(dataset(PIXELS), implicit=True),
    "big endian": lambda: bare(big_endian(), little=False),
    "character set": lambda: bare(dataset(PIXELS, SpecificCharacterSet="ISO_IR 100")),
    "type first": lambda: bare(dataset(PIXELS, ImageType=["ORIGINAL", "PRIMARY"]), implicit=True),
    "date first": lambda: bare(dataset(PIXELS, InstanceCreationDate="20200101", SOPClassUID=None)),
    "modality first": lambda: bare(
        dataset(PIXELS, SOPClassUID=None, SOPInstanceUID=None), implicit=True
    ),
    "no preamble": lambda: dicom()()[132:],
    "mark alone": lambda: dicom()()[128:],
}


@pytest.mark.parametrize("kind", UNMARKED)
def test_a_file_without_preamble_is_read(kind, tmp_path):
    content = UNMARKED[kind]()
    assert format_of(content[:132], len(content)).name == "DICOM"
    assert content.startswith(DICOM_WITHOUT_PREAMBLE)
    np.testing.assert_array_equal(read_dicom(content, "one").pixels, PIXELS)
    path = tmp_path / "one"
    path.write_bytes(content)
    assert measure_xray(path) == (PIXELS.shape, (1.4, 1.7))


@pytest.mark.parametrize(
    "content", [b"the lungs are clear " * 40, b"\x08\x00\x05\x00" * 99, b"", b"\x02\0\0\0",
                bytes(999), b"%PDF-1.7", b"II*\0" + bytes(200), b"\xff\xd8\xff\xe0" + bytes(200)],
)  # fmt: skip
def test_what_is_no_dicom_is_not_taken_for_it(content):
    assert not content.startswith(DICOM_WITHOUT_PREAMBLE)
    with pytest.raises(DataError) as caught:
        read_dicom(content, "one.dcm")
    assert str(caught.value).startswith("one.dcm ") and str(caught.value).count(":") == 1


def test_random_bytes_are_not_taken_for_dicom():
    rng = np.random.default_rng(0)
    assert not any(rng.bytes(8).startswith(DICOM_WITHOUT_PREAMBLE) for _ in range(20_000))
    names = {one.name for one in FORMATS if one.decode is read_dicom}
    assert names == {"DICOM"}


def frame_of(syntax):
    import pydicom
    from pydicom.encaps import get_frame

    found = pydicom.dcmread(io.BytesIO(compressed(SYNTAX + syntax)()))
    return get_frame(found.PixelData, 0, number_of_frames=1)


@pytest.mark.parametrize("named", [None, "1", "99.7"])
def test_a_codec_is_found_by_looking(named):
    rle = packed(frame_of("5"), named)
    np.testing.assert_array_equal(read_dicom(rle, "one").pixels, PIXELS)
    jpeg = read_dicom(packed(picture(kind=".jpg")(), named, **GREY), "one").pixels
    assert np.abs(jpeg.astype(int) - chest()).max() < 20


def test_pixels_that_are_not_compressed_are_read_whatever_is_said():
    content = dicom()().replace(f"{SYNTAX}1\0".encode(), f"{SYNTAX}5\0".encode(), 1)
    np.testing.assert_array_equal(read_dicom(content, "one").pixels, PIXELS)


J2K = b"\xff\x4f\xff\x51\0\x04\0\0"
SOF = b"\xff\xd8\xff\xe0\0\x04ab"
CODED = [
    (J2K + b"\xff\x50\0\0", None, "HTJ2K (1.2.840.10008.1.2.4.201)"),
    (b"\0\0", "4.201", "HTJ2K (1.2.840.10008.1.2.4.201)"),
    (b"\0\0", "4.202", "HTJ2K (1.2.840.10008.1.2.4.202)"),
    (b"\0\0", "4.203", "HTJ2K (1.2.840.10008.1.2.4.203)"),
    (b"\xff\x0a", None, "JPEG XL (1.2.840.10008.1.2.4.110)"),
    (b"\0\0\0\x0cJXL ", None, "JPEG XL (1.2.840.10008.1.2.4.110)"),
    (b"\0\0", "4.111", "JPEG XL (1.2.840.10008.1.2.4.111)"),
    (b"\0\0", "4.112", "JPEG XL (1.2.840.10008.1.2.4.112)"),
    (SOF + b"\xff\xc1\0\x02", None, "12-bit JPEG Extended (1.2.840.10008.1.2.4.51)"),
    (b"\0\0", "4.51", "12-bit JPEG Extended (1.2.840.10008.1.2.4.51)"),
    (b"\0\0", "4.100", "MPEG2 Main Profile / Main Level (1.2.840.10008.1.2.4.100)"),
]  # fmt: skip


@pytest.mark.parametrize("frame, named, codec", CODED)
def test_what_nothing_reads_names_its_compression_and_a_cure(frame, named, codec, monkeypatch):
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    if "HTJ2K" in codec:  # other packages read it too
        decoder = get_decoder(UID(codec[codec.index("(") + 1 : -1]))
        monkeypatch.setattr(decoder, "_available", {})
    with pytest.raises(DataError) as caught:
        read_dicom(packed(frame, named), "one.dcm")
    assert str(caught.value) == (
        f"one.dcm is compressed as {codec}, which nothing installed reads: export it uncompressed"
    )


LOSSLESS = {"lossless": True, "bitspersample": 12, "predictor": 1}
EXACT = [
    ("jpeg8", LOSSLESS, "4.57"), ("jpeg8", LOSSLESS, "4.70"), ("jpegls", {}, "4.80"),
    ("jpeg2k", {"codecformat": "j2k"}, "4.90"), ("jpeg2k", {"codecformat": "jp2"}, "4.90"),
    ("jpeg2k", {"codecformat": "j2k"}, "4.91"), ("htj2k", {}, "4.201"), ("htj2k", {}, "4.203"),
    ("jpegxl", {"lossless": True}, "4.110"),
]  # fmt: skip


@pytest.mark.parametrize("codec, options, syntax", EXACT)
def test_compressed_pictures_are_read(codec, options, syntax):
    frame = encoded(codec, **options)
    for named in (syntax, None):
        np.testing.assert_array_equal(read_dicom(packed(frame, named), "one").pixels, PIXELS)
    refused(packed(frame, syntax, Rows=128), "cannot be read as DICOM: export it again")
    refused(packed(frame[: len(frame) // 9], syntax, Rows=128), "cannot be read as DICOM")


def test_a_compressed_picture_may_have_fewer_bits_than_it_says():
    found = read_dicom(packed(encoded("jpegls", chest()), "4.80"), "one").pixels
    np.testing.assert_array_equal(found, chest())


@pytest.mark.parametrize("named", ["4.51", None])
def test_a_jpeg_of_12_bits_is_read(named):
    frame = encoded("jpeg8", level=98, bitspersample=12)
    found = read_dicom(packed(frame, named), "one").pixels
    assert np.abs(found.astype(int) - PIXELS).max() < 40


@pytest.mark.parametrize("codec, options, syntax", EXACT[1:3])
def test_a_compressed_picture_may_have_negative_numbers(codec, options, syntax):
    shifted = (PIXELS.astype(int) - 2048) & 0xFFF
    frame = encoded(codec, shifted.astype(np.uint16), **options)
    found = read_dicom(packed(frame, syntax, PixelRepresentation=1), "one").pixels
    np.testing.assert_array_equal(found, PIXELS.astype(int) - 2048)


def test_a_compressed_picture_in_colour_is_read():
    pixels = np.dstack([chest(), 255 - chest(), chest() // 2])
    frame = encoded("jpegls", pixels)
    found = read_dicom(packed(frame, "4.80", **COLOUR), "one").pixels
    np.testing.assert_array_equal(found, pixels[:, :, ::-1])


@pytest.mark.parametrize(
    "frame", [J2K + b"\xff\x52\0\0", b"\0\0\0\x0cjP  ", SOF + b"\xff\xc0\0\x02", SOF,
              SOF + b"\xff\xc3\0\x02", SOF + b"\xff\xf7\0\x02", b"\x01\0\0\0\x40\0\0\0",
              b"\xff\xd8"],
)  # fmt: skip
def test_a_compressed_picture_that_is_cut_is_damaged(frame):
    refused(packed(frame, "4.90"), "cannot be read as DICOM: export it again")


KINDS = [
    ("1.2.840.10008.1.3.10", "index"), ("1.2.840.10008.5.1.4.1.1.11.1", "presentation state"),
    ("1.2.840.10008.5.1.4.1.1.88.11", "report"), ("1.2.840.10008.5.1.4.1.1.88.33", "report"),
    ("1.2.840.10008.5.1.4.1.1.88.65", "report"), ("1.2.840.10008.5.1.4.1.1.104.1", "document"),
    ("1.2.840.10008.5.1.4.1.1.88.59", "list of key images"),
    ("1.2.840.10008.5.1.4.1.1.9.1.1", "waveform"),
    ("1.2.840.10008.5.1.4.1.1.66.4", "segmentation"),
    ("1.2.840.10008.5.1.4.1.1.481.5", "treatment plan"),
    ("1.2.840.10008.5.1.4.1.1.481.3", "set of contours"),
]  # fmt: skip


@pytest.mark.parametrize("syntax, kind", KINDS)
def test_what_holds_no_picture_says_what_it_is(syntax, kind, tmp_path):
    said = f"is a DICOM {kind}, not an X-ray: choose another file"
    for fields in ({"SOPClassUID": syntax, "PixelData": None, "Rows": None},
                   {"SOPClassUID": syntax, "Modality": None}):  # fmt: skip
        refused(dicom(**fields)(), said, NotAnXray)
    (tmp_path / "one").write_bytes(dicom(**fields)())
    with pytest.raises(NotAnXray, match=said):
        measure_xray(tmp_path / "one")


@pytest.mark.parametrize("modality", ["SR", "PR", "KO", "DOC", "SEG", b"sr"])
def test_the_modality_tells_it_too(modality):
    refused(dicom(Modality=modality, SOPClassUID=None)(), "is a DICOM .*, not an X-ray", NotAnXray)


@pytest.mark.parametrize("modality", [*sorted(OTHER_MODALITIES), b"ct ", b"CT\\DX "])
def test_other_modalities_are_refused(modality):
    said = modality if isinstance(modality, str) else "CT"
    refused(dicom(Modality=modality)(), f"is of modality {said}, not a radiograph")


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "OT", "", None])
def test_radiographs_are_read_and_those_that_do_not_say(modality):
    assert stored(Modality=modality).pixels.shape == PIXELS.shape


UNSIZED = "does not say how large its picture is: export it again"
REFUSED = [
    ({"NumberOfFrames": 2}, "holds 2 pictures: export one of them"),
    ({"PixelData": None}, "is a DICOM file without a picture: choose another file"),
    ({"Rows": None}, UNSIZED), ({"Rows": None, "Columns": None}, UNSIZED),
    ({"Rows": None, "PixelData": None}, "is a DICOM file without a picture: choose another file"),
    ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31,
      "PixelData": (PIXELS.astype(np.uint32) << 12).tobytes()},
     "has greys of over 16 bits, which cannot be read: export it with 16 bits a pixel"),
    ({"NumberOfFrames": 12_345_678}, "holds 12345678 pictures: export one of them"),
    ({"Rows": 0}, UNSIZED), ({"Columns": b""}, UNSIZED), ({"Columns": None}, UNSIZED),
    ({"SamplesPerPixel": 0}, UNSIZED), ({"SamplesPerPixel": 65_535}, UNSIZED),
    ({"Rows": 65_535, "Columns": 65_535}, "claims to be 65535 x 65535 pixels: export it again"),
    ({"Rows": 300}, "cannot be read as DICOM: export it again"),
    ({"SamplesPerPixel": 4}, "cannot be read as DICOM: export it again"),
    ({"FloatPixelData": b"\0" * 4, "PixelData": None},
     "stores its pixels as fractions: export it with 16 bits a pixel"),
    ({"DoubleFloatPixelData": b"\0" * 8, "PixelData": None},
     "stores its pixels as fractions: export it with 16 bits a pixel"),
    ({"BitsAllocated": 24, "PixelData": bytes(3 * 256**2)}, "cannot be read as DICOM"),
    ({"PixelData": b""}, "cannot be read as DICOM: export it again"),
    ({"PhotometricInterpretation": "PALETTE COLOR"}, "cannot be read as DICOM: export it again"),
]  # fmt: skip


@pytest.mark.parametrize("fields, says", REFUSED)
def test_what_is_not_one_picture_is_refused(fields, says):
    refused(dicom(**fields)(), says)


HEADERS = [one for one in REFUSED if "cannot" not in one[1]]


@pytest.mark.parametrize("fields, says", HEADERS)
def test_measuring_refuses_what_reading_does(fields, says, tmp_path):
    path = tmp_path / "one.dcm"
    path.write_bytes(dicom(**fields)())
    with pytest.raises(DataError, match=says):
        measure_xray(path)


def test_the_rest_of_a_file_is_refused_in_one_sentence(monkeypatch):
    refused(b"text", "cannot be read as DICOM: export it again")
    content = dicom()()
    plain = b"UI\x14\0" + f"{SYNTAX}1\0".encode()
    deflated = content.replace(plain, b"UI\x16\0" + DEFLATED.encode(), 1)
    refused(deflated, "is a deflated DICOM file: export it without compression")
    refused(content[:132] + b"\2\0\1\0OB\0\0" + struct.pack("<I", 9000) + bytes(9000)
            + deflated[158:], "is a deflated DICOM file")  # fmt: skip
    assert stored(ImageComments=f"was {DEFLATED}").notes == ()
    with pytest.raises(DataError, match="shows nothing, all its pixels are 7"):
        image(lambda image: image * 0 + 7)
    monkeypatch.setattr("lungseg_utils.dicom.MOST_PIXELS", 256**2)
    assert stored().pixels.shape == (256, 256)
    monkeypatch.setattr("lungseg_utils.dicom.MOST_PIXELS", 256**2 - 1)
    refused(content, "claims to be 256 x 256 pixels: export it again")


def test_every_channel_counts_for_the_limit(monkeypatch):
    content = dicom(lambda _: np.arange(12, dtype=np.uint8).reshape(2, 2, 3), **COLOUR)()
    monkeypatch.setattr("lungseg_utils.dicom.MOST_PIXELS", 12)
    assert read_dicom(content, "one").pixels.shape == (2, 2, 3)
    monkeypatch.setattr("lungseg_utils.dicom.MOST_PIXELS", 11)
    refused(content, "claims to be 2 x 2 pixels: export it again")


def test_pydicoms_words_are_kept_from_the_reader(monkeypatch, recwarn):
    def fail(*_, **__):
        raise IndexError("list index out of range")

    stored(WindowCenter=b"7,5 ", WindowWidth=b"x ", PatientAge=b"\xff")
    assert not recwarn.list
    monkeypatch.setattr("pydicom.filereader.read_partial", fail)
    refused(dicom()(), "^one.dcm cannot be read as DICOM: export it again$")


def test_without_pydicom_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    refused(b"", r'pip install "lungseg-utils\[dicom\]", or export it as PNG')


MIRRORED = "the picture is mirrored: the patient's sides change"
ASIDE = "the patient lies on the side of the picture"
SAID = [
    *(({"ViewPosition": view}, f"this is a side view ({view})")
      for view in [*sorted(SIDE_VIEWS), "ll", "Lateral", "L LATERAL", "LEFT LATERAL", "LAT_L"]),
    *(({"ViewPosition": view}, f"this is an oblique view ({view})")
      for view in ["RLO", "LLO", "LAO", "RAO", "LPO", "RPO", "oblique"]),
    ({"ViewPosition": b" LAT "}, "this is a side view (LAT)"),
    ({"ViewPosition": b"PA\\LL "}, "this is a side view (PA LL)"),
    ({"PatientOrientation": ["A", "F"]}, "this is a side view"),
    ({"PatientOrientation": ["P", "F"]}, "this is a side view"),
    ({"PatientOrientation": ["PL", "F"]}, "this is a side view"),
    ({"PatientOrientation": ["R", "F"]}, MIRRORED), ({"PatientOrientation": b"R "}, MIRRORED),
    ({"PatientOrientation": ["R", "H"]},
     "the picture is turned by 180 degrees: the patient's sides change"),
    ({"PatientOrientation": ["L", "H"]},
     "the picture is upside down, as in a mirror"),
    ({"PatientOrientation": ["H", "L"]}, ASIDE), ({"PatientOrientation": ["F", "R"]}, ASIDE),
    ({"PatientOrientation": ["A", "F"], "ViewPosition": "LL"}, "this is a side view (LL)"),
    ({"BodyPartExamined": "HAND"}, "this is not a chest (HAND)"),
    ({"BodyPartExamined": "ABDOMEN"}, "this is not a chest (ABDOMEN)"),
    ({"BodyPartExamined": "LEFT HAND AND WRIST"}, "this is not a chest (LEFT HAND AND WR)"),
    ({"BodyPartExamined": b"HA\0ND\r\n\t\x1b"}, "this is not a chest (HA ND)"),
    ({"ViewPosition": b"LL\0\1\x7f"}, "this is a side view (LL)"),
    ({"PresentationIntentType": "FOR PROCESSING"},
     "it is raw, meant for processing: greys may differ from what a reader sees"),
]  # fmt: skip


@pytest.mark.parametrize("fields, said", SAID)
def test_what_speaks_against_a_frontal_chest_is_told(fields, said):
    found = stored(**fields)
    assert found.notes == (f"the header says that {said}",)
    assert found.notes[0].isprintable()
    np.testing.assert_array_equal(found.pixels, PIXELS)


FRONTAL = [
    *({"ViewPosition": view} for view in
      ("PA", "AP", "LLD", "RLD", "", "AP LATERAL DECUB", b"\xff", b"PA\\AP ", "AP AXIAL")),
    *({"BodyPartExamined": part} for part in
      ("CHEST", "Thorax", "LUNGS", "TORAX", "THORACIC", "Brustkorb", "RIBS", "PULMONES", "",
       "CHEST PA", "T\xd3RAX".encode("latin-1"), "T\xd3RAX".encode(), b"HEAD\\CHEST")),
    *({"PatientOrientation": ways} for ways in
      (["L", "F"], [], None, ["L", "FP"], b"L ", b"\\F", b"\xff\\\xff ", b"?\\? ")),
    *({"BodyPartExamined": part.encode()} for part in
      ("грудь", "Грудная клетка", "лёгкие", "Θώρακας", "胸部", "肺", "가슴", "흉부", "صدر", "חזה",
       "ทรวงอก", "göğüs", "płuca")),
    *({"BodyPartExamined": part, "SpecificCharacterSet": sets} for part, sets in (
        ("грудь".encode("iso8859_5"), b"ISO_IR 144"), ("胸部".encode("gb18030"), b"GB18030"),
        ("صدر".encode("iso8859_6"), b"ISO_IR 127"), ("грудь".encode(), b"ISO_IR 192"),
        ("胸部".encode("iso2022_jp"), b"\\ISO 2022 IR 87"), (b"CHEST", b"\xff\\what"),
        ("T\xd3RAX".encode("latin-1"), b"ISO_IR 100"), ("TÓRAX".encode(), b"ISO_IR 100"),
        ("рука".encode("iso8859_5"), b"ISO_IR 144"), ("手".encode("gb18030"), b"GB18030"),
        (b"\x8b\xb9\x95\x94", None))),  # other letters than the standard's are not judged
    {"PresentationIntentType": "FOR PRESENTATION"},
]  # fmt: skip


@pytest.mark.parametrize("fields", FRONTAL, ids=str)
def test_a_frontal_chest_has_no_note(fields):
    assert stored(**fields).notes == ()


@pytest.mark.parametrize(
    "meaning, said",
    [("left lateral", "this is a side view (left lateral)"), ("postero-anterior", None),
     ("left lateral decubitus", None), ("Right oblique", "this is an oblique view (Right oblique)"),
     (None, None)],
)  # fmt: skip
def test_the_code_of_the_view_counts_too(meaning, said):
    from pydicom.dataset import Dataset

    code = Dataset()
    if meaning:
        code.CodeMeaning = meaning
    notes = stored(ViewPosition="", ViewCodeSequence=[code]).notes
    assert notes == ((f"the header says that {said}",) if said else ())


def test_the_code_of_the_region_counts_where_no_body_part_is_named():
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeMeaning = "Hand"
    said = ("the header says that this is not a chest (Hand)",)
    assert stored(BodyPartExamined=None, AnatomicRegionSequence=[code]).notes == said
    assert stored(BodyPartExamined="CHEST", AnatomicRegionSequence=[code]).notes == ()


def test_a_list_of_a_million_items_is_refused_before_it_is_read():
    content = dicom(BodyPartExamined="CHEST")()
    place = content.index(b"\x18\0\x15\0")  # of the body part
    start = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff"
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    for count, fine in ((1000, True), (1_000_000, False)):
        items = start + b"\xfe\xff\x00\xe0\0\0\0\0" * count + end
        odd = content[:place] + items + content[place:]
        if fine:
            np.testing.assert_array_equal(read_dicom(odd, "one.dcm").pixels, PIXELS)
        else:
            refused(odd, "one.dcm holds a list of over 100000 items: export it again")


def test_notes_stand_in_turn():
    found = stored(ViewPosition="LL", BodyPartExamined="HAND", PatientOrientation=["R", "F"],
                   ImagerPixelSpacing=b"0,7 ", WindowCenter=b"x ")  # fmt: skip
    assert [note[:30] for note in found.notes] == [
        "Imager Pixel Spacing is damage", "Window 1 is damaged and was le",
        "the header says that this is a", "the header says that this is n",
        "the header says that the pictu"]  # fmt: skip
    assert decode_xray(
        dicom(ViewPosition="LL")(), "one"
    ).notes == ("the header says that this is a side view (LL)",)  # fmt: skip
