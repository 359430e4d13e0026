"""Hospitals' files: which field wins, what is dark, and what padding may not change."""

import numpy as np
import pytest
from hostile import chest, dicom

from lungseg_utils.dicom import read_dicom
from lungseg_utils.images import decode_xray

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
