"""Hospitals' files: which field wins, what is dark, and what padding may not change."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hostile import chest, dataset, dicom

from lungseg_utils.dicom import DEFLATED, OTHER_MODALITIES, SIDE_VIEWS, _image, read_dicom
from lungseg_utils.images import decode_xray
from lungseg_utils.types import DataError

FIRST, SECOND, THIRD = "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacing"


def test_the_image_is_the_stored_one_from_its_darkest_to_its_brightest():
    stored = chest().astype(np.float32)
    found = read_dicom(dicom()(), "one")
    expected = (stored - stored.min()) / np.ptp(stored)
    np.testing.assert_allclose(found.image, expected, atol=2e-3)
    assert found.image.dtype == np.float32 and found.notes == ()
    np.testing.assert_array_equal(decode_xray(dicom()(), "one").image, found.image)


@pytest.mark.parametrize(
    "fields, spacing",
    [({FIRST: [0.1, 0.2], SECOND: [0.3, 0.4], THIRD: [0.5, 0.6]}, (0.1, 0.2)),
     ({FIRST: None, SECOND: [0.3, 0.4], THIRD: [0.5, 0.6]}, (0.3, 0.4)),
     ({FIRST: None, SECOND: None, THIRD: [0.5, 0.6]}, (0.5, 0.6)),
     ({FIRST: [0.0, 0.2], THIRD: [0.5, 0.6]}, (0.5, 0.6)),
     ({FIRST: None, SECOND: None, THIRD: None}, None)],
)  # fmt: skip
def test_the_spacing_on_the_detector_comes_first(fields, spacing):
    assert read_dicom(dicom(**fields)(), "one").spacing_mm == spacing


def test_where_large_numbers_are_dark_the_image_is_turned():
    plain = read_dicom(dicom()(), "one").image
    turned = read_dicom(dicom(PhotometricInterpretation="MONOCHROME1")(), "one").image
    np.testing.assert_allclose(turned, 1 - plain, atol=1e-6)


def test_padding_is_black_and_leaves_the_other_greys_as_they_were():
    def padded(image):
        image = image.copy()
        image[:, :3] = 4095
        return image

    plain = read_dicom(dicom()(), "one").image
    found = read_dicom(dicom(padded, PixelPaddingValue=4095)(), "one").image
    assert (found[:, :3] == 0).all()
    inside = plain[:, 3:]
    expected = (inside - inside.min()) / np.ptp(inside)
    np.testing.assert_allclose(found[:, 3:], expected, atol=2e-3)


def refused(content, says):
    with pytest.raises(DataError, match=says) as caught:
        read_dicom(content, "one.dcm")
    assert str(caught.value).startswith("one.dcm ")


SMALL = np.array([[0, 100, 200], [300, 400, 1000]], np.uint16)


def small(pixels=SMALL, **fields):
    return dicom(lambda _: pixels, **fields)()


def test_slope_and_intercept_come_before_the_window():
    """The window is of rescaled numbers: here, of 2 * stored - 1000."""
    found = read_dicom(
        small(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=-400, WindowWidth=401), "one"
    )
    # PS3.3 C.11.2.1.2: from center - 0.5 - (width - 1) / 2 up to center - 0.5 + (width - 1) / 2
    expected = ((2.0 * SMALL - 1000 + 400.5) / 400 + 0.5).clip(0, 1)
    np.testing.assert_allclose(found.image, expected, atol=1e-6)
    assert np.unique(expected).size > 3


def test_the_first_of_several_windows_is_applied():
    first, both, other = (
        read_dicom(small(WindowCenter=center, WindowWidth=width), "one").image
        for center, width in ((200, 201), ([200, 800], [201, 101]), (800, 101))
    )
    np.testing.assert_array_equal(first, both)
    assert (first != other).any()


def test_a_table_comes_before_the_window():
    from pydicom.dataset import Dataset

    table = Dataset()
    table.LUTDescriptor = [1001, 0, 16]
    table.LUTData = np.arange(1000, -1, -1, dtype=np.uint16).tobytes()
    made = dataset(SMALL, VOILUTSequence=[table], WindowCenter=200, WindowWidth=201)
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    found = read_dicom(file.getvalue(), "one").image
    np.testing.assert_allclose(found, 1 - SMALL / 1000, atol=1e-6)


def test_colour_is_weighed_as_the_eye_does_and_has_no_padding():
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0,
              "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}  # fmt: skip
    expected = np.array([[76, 150], [29, 0]]) / 150  # 0.299, 0.587, 0.114 of 255
    for more in ({}, {"PixelPaddingValue": 0}):
        found = read_dicom(small(pixels, **colour, **more), "one").image
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_palette_is_looked_up():
    levels = (np.arange(256) * 257).astype(np.uint16)
    palette = {f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16]
               for name in ("Red", "Green", "Blue")}  # fmt: skip
    data = {f"{name}PaletteColorLookupTableData": levels[::-1].tobytes()
            for name in ("Red", "Green", "Blue")}  # fmt: skip
    pixels = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
    found = read_dicom(
        small(pixels, PhotometricInterpretation="PALETTE COLOR", BitsAllocated=8, BitsStored=8,
              HighBit=7, **palette, **data), "one")  # fmt: skip
    np.testing.assert_allclose(found.image, 1 - pixels / 230, atol=0.01)


@pytest.mark.parametrize(
    "fields",
    [{"RescaleSlope": 2, "RescaleIntercept": -900}, {"WindowCenter": 200, "WindowWidth": 401}],
    ids=["rescaled", "windowed"],
)
def test_padding_is_a_number_as_it_is_stored(fields):
    """Not as rescaled, nor as the window shows it."""
    image = read_dicom(small(PixelPaddingValue=1000, **fields), "one").image
    np.testing.assert_allclose(image, [[0, 0.25, 0.5], [0.75, 1, 0]], atol=2e-3)


def test_padding_of_a_turned_image_is_black_too():
    found = read_dicom(
        small(PixelPaddingValue=1000, PhotometricInterpretation="MONOCHROME1"), "one"
    ).image
    np.testing.assert_allclose(found, [[1, 0.75, 0.5], [0.25, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("modality", sorted(OTHER_MODALITIES))
def test_other_modalities_are_refused(modality):
    refused(small(Modality=modality), f"is of modality {modality}, not a radiograph")


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "", None])
def test_radiographs_are_read_and_those_that_do_not_say(modality):
    assert read_dicom(small(Modality=modality), "one").image.shape == SMALL.shape


@pytest.mark.parametrize("frames, fine", [(None, True), (0, True), (1, True), (2, False)])
def test_one_picture_is_read_and_not_several(frames, fine):
    content = small(NumberOfFrames=frames, PixelData=SMALL.tobytes() * max(1, frames or 1))
    if fine:
        assert read_dicom(content, "one").image.shape == SMALL.shape
    else:
        refused(content, "holds 2 pictures: export one of them")


def test_what_is_no_picture_is_refused(monkeypatch):
    refused(small(PixelData=None), "a DICOM file without a picture")
    refused(small(np.full((2, 3), 7, np.uint16)), "shows nothing, all its pixels are alike")
    refused(b"text", "cannot be read as DICOM: ")
    refused(small()[:132] + DEFLATED + small()[132:], "is a deflated DICOM file: export it")
    monkeypatch.setattr("lungseg_utils.dicom.MOST_PIXELS", 6)
    assert read_dicom(small(), "one").image.shape == (2, 3)
    monkeypatch.setattr("lungseg_utils.dicom.MOST_PIXELS", 5)
    refused(small(), "claims to be 2 x 3 pixels: export it again")


def test_no_pixels_at_all_are_refused():
    refused(small(Rows=0), "claims to be 0 x 3 pixels")


def test_the_end_of_a_long_error_is_left_out(monkeypatch):
    def fail(_):
        raise ValueError("a word " * 50)

    monkeypatch.setattr("pydicom.dcmread", fail)
    with pytest.raises(DataError) as caught:
        read_dicom(b"", "one.dcm")
    start = "one.dcm cannot be read as DICOM: "
    said = str(caught.value).removeprefix(start)
    assert said.startswith("a word a word") and said.endswith("...") and 100 < len(said) <= 120


def test_without_pydicom_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    refused(b"", r'pip install "lungseg-utils\[dicom\]", or export it as PNG')


@pytest.mark.parametrize(
    "mm, fine", [(0.01, True), (10.0, True), (0.00999, False), (10.01, False), (0.0, False)]
)
def test_a_spacing_that_no_detector_has_is_none(mm, fine):
    for pair in ([mm, 1.0], [1.0, mm]):
        assert read_dicom(small(ImagerPixelSpacing=pair), "one").spacing_mm == (
            tuple(pair) if fine else None
        )
    assert read_dicom(small(ImagerPixelSpacing=[1.0]), "one").spacing_mm is None


@pytest.mark.parametrize("view", [*sorted(SIDE_VIEWS), "ll", "Lateral"])
def test_side_views_are_told(view):
    notes = read_dicom(small(ViewPosition=view), "one").notes
    assert notes == (f"the header says that this is a side view ({view})",)


@pytest.mark.parametrize(
    "fields",
    [{"ViewPosition": "PA"}, {"ViewPosition": "AP"}, {"BodyPartExamined": "CHEST"},
     {"BodyPartExamined": "Thorax"}, {"BodyPartExamined": "LUNGS"}, {"BodyPartExamined": ""},
     {"PatientOrientation": ["L", "F"]}, {"PatientOrientation": []}, {"PatientOrientation": None}],
    ids=str,
)  # fmt: skip
def test_a_frontal_chest_has_no_note(fields):
    assert read_dicom(small(**fields), "one").notes == ()


def test_other_parts_and_mirrored_pictures_are_told_in_turn():
    found = read_dicom(
        small(ViewPosition="LL", BodyPartExamined="LEFT HAND AND WRIST",
              PatientOrientation=["R", "F"]), "one")  # fmt: skip
    assert found.notes == (
        "the header says that this is a side view (LL)",
        "the header says that this is not a chest (LEFT HAND AND WR)",
        "the header says that the picture is mirrored: the patient's sides change",
    )


@pytest.mark.parametrize("shape", [(2, 5), (4, 3), (2, 5, 3)])
def test_a_picture_of_another_size_than_the_header_says_is_damaged(shape):
    header = SimpleNamespace(pixel_array=np.ones(shape), Rows=2, Columns=3,
                             PhotometricInterpretation="MONOCHROME2")  # fmt: skip
    with pytest.raises(ValueError) as caught:
        _image(header)
    assert str(caught.value) == f"the picture is {shape[:2]}, not what the header says"


def test_every_channel_counts_for_the_limit(monkeypatch):
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0,
              "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}  # fmt: skip
    content = small(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), **colour)
    monkeypatch.setattr("lungseg_utils.dicom.MOST_PIXELS", 12)
    assert read_dicom(content, "one").image.shape == (2, 2)
    monkeypatch.setattr("lungseg_utils.dicom.MOST_PIXELS", 11)
    refused(content, "claims to be 2 x 2 pixels: export it again")
    refused(small(np.ones((1, 1), np.uint16)), "shows nothing, all its pixels are alike")


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padding", [None, 1000])
def test_an_image_spans_black_to_white(kind, padding):
    rng = np.random.default_rng(0)
    for _ in range(20):
        pixels = rng.integers(0, 4096, (9, 7)).astype(np.uint16)
        pixels[0, 0] = 1000
        fields = {"PhotometricInterpretation": kind, "PixelPaddingValue": padding}
        image = read_dicom(small(pixels, RescaleSlope=1.7, **fields), "one").image
        assert (image.min(), image.max(), image.dtype) == (0, 1, np.float32)


def test_compression_is_looked_for_in_the_head_of_a_file():
    """A file that is long may hold the name of a transfer syntax by chance."""
    head = bytes(4096 - len(DEFLATED))
    refused(head + DEFLATED, "is a deflated DICOM file")
    refused(head + b"\0" + DEFLATED, "cannot be read as DICOM")
