"""Masks: every way to store two values, the union by hand, and to a square and back."""

import cv2
import keras
import numpy as np
import pytest
from keras import layers
from sets import NAMES, SHAPE, ellipse, lungs, radiograph, write_png, write_set

from lungseg_utils.masks import (
    keep_two_lungs,
    lung_area_cm2,
    merge_masks,
    read_lungs,
    read_mask,
    to_native,
    to_square,
)
from lungseg_utils.metrics import dice
from lungseg_utils.predict import (
    lung_areas,
    predict_mask,
)
from lungseg_utils.radiographs import load_records

BILEVEL = (cv2.IMWRITE_PNG_BILEVEL, 1)
TALL, WIDE = (489, 402), (402, 489)


def stored(mask, white, kind=np.uint8, channels=0):
    pixels = mask.astype(kind) * kind(white)
    return np.stack([pixels] * channels, axis=2) if channels else pixels


def opaque(mask):
    return np.dstack([stored(mask, 255, channels=3), np.full(mask.shape, 255, np.uint8)])


FORMATS = {
    "1 bit": (lambda mask: stored(mask, 255), *BILEVEL),
    "0 and 1": (lambda mask: stored(mask, 1),),
    "0 and 255": (lambda mask: stored(mask, 255),),
    "0 and 100": (lambda mask: stored(mask, 100),),
    "16 bit": (lambda mask: stored(mask, 65535, np.uint16),),
    "16 bit, 0 and 256": (lambda mask: stored(mask, 256, np.uint16),),
    "three channels": (lambda mask: stored(mask, 255, channels=3),),
    "with alpha": (opaque,),
}


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_mask_is_the_same_in_every_format(form, tmp_path):
    coded, *options = form
    mask = lungs()[0]
    write_png(tmp_path / "mask.png", coded(mask), *options)
    found = read_mask(tmp_path / "mask.png")
    assert found.dtype == bool
    np.testing.assert_array_equal(found, mask)


def test_one_bit_files_have_one_bit(tmp_path):
    write_png(tmp_path / "mask.png", stored(lungs()[0], 255), *BILEVEL)
    assert (tmp_path / "mask.png").read_bytes()[24] == 1


def test_merge_by_hand():
    image_left = np.array([[1, 1, 0, 0], [0, 1, 0, 0]], bool)
    image_right = np.array([[0, 1, 0, 1], [0, 0, 0, 1]], bool)
    kept = image_left.copy(), image_right.copy()
    merged = merge_masks(image_left, image_right)
    np.testing.assert_array_equal(merged, np.array([[1, 1, 0, 1], [0, 1, 0, 1]], bool))
    assert merged.dtype == bool
    np.testing.assert_array_equal((image_left, image_right), kept)
    np.testing.assert_array_equal(merge_masks(image_right, image_left), merged)
    np.testing.assert_array_equal(merge_masks(image_left, image_left), image_left)
    np.testing.assert_array_equal(merge_masks(image_left, np.zeros((2, 4), bool)), image_left)


@pytest.mark.parametrize(
    ("shape", "kind", "says"),
    [((3, 4), bool, r"differ in shape: \(2, 4\) and \(3, 4\)"),
     ((1, 4), bool, "differ in shape"),  # NumPy would stretch it
     ((2, 4), np.uint8, "are bool and uint8, not bool"),
     ((2, 4), np.float32, "are bool and float32, not bool")],
)  # fmt: skip
def test_what_cannot_be_merged_is_refused(shape, kind, says):
    with pytest.raises(ValueError, match=says):
        merge_masks(np.ones((2, 4), bool), np.ones(shape, kind))


def test_lungs_of_a_record_are_its_own_two(tmp_path):
    for record in load_records(write_set(tmp_path)):
        image_left, image_right = lungs(tilt=5 * NAMES.index(record.name))
        np.testing.assert_array_equal(read_lungs(record), image_left | image_right)
        np.testing.assert_array_equal(read_mask(record.mask_left_path), image_left)


@pytest.mark.parametrize("size", [16, 64, 256, 1000])
@pytest.mark.parametrize("shape", [SHAPE, TALL, WIDE])
def test_square_has_type_and_range_of_what_it_came_from(shape, size):
    image, mask = radiograph(shape).astype(np.float32), ellipse(shape, 0.5)
    square = to_square(image, size), to_square(mask, size)
    assert [array.shape for array in square] == [(size, size)] * 2
    assert [array.dtype for array in square] == [np.float32, bool]
    assert 0 <= square[0].min() < square[0].max() <= 1
    assert square[0].mean() == pytest.approx(image.mean(), rel=0.02)


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("shape", [TALL, WIDE, (512, 256), (256, 512)])
def test_square_and_back_keep_the_area(shape, size):
    mask = np.logical_or(*lungs(shape, tilt=8))
    square = to_square(mask, size)
    assert square.mean() == pytest.approx(mask.mean(), rel=0.015)
    back = to_native(square.astype(np.float32), shape)
    assert (back.shape, back.dtype) == (shape, np.float32)
    assert 0 <= back.min() < back.max() <= 1
    assert (back >= 0.5).mean() == pytest.approx(mask.mean(), rel=0.015)
    assert 2 * (mask & (back >= 0.5)).sum() / (mask.sum() + (back >= 0.5).sum()) > 0.98


def test_a_place_comes_back_where_it_was():
    """Row and column are not swapped, and nothing drifts by half a pixel."""
    mask = np.zeros((400, 200), bool)
    mask[40:80, 150:170] = True
    square = to_square(mask, 100)
    np.testing.assert_array_equal(np.argwhere(square).min(axis=0), (10, 75))
    np.testing.assert_array_equal(np.argwhere(square).max(axis=0), (19, 84))
    back = to_native(square.astype(np.float32), mask.shape) >= 0.5
    for rows, columns in (np.nonzero(mask), np.nonzero(back)):
        assert (rows.mean(), columns.mean()) == pytest.approx((59.5, 159.5), abs=0.51)


def test_a_thin_line_fades_rather_than_flickers():
    image = np.zeros((64, 64), np.float32)
    image[:, 21] = 1
    assert set(to_square(image, 16).sum(axis=1)) == {0.25}


def test_area_by_hand():
    mask = np.zeros((10, 10), bool)
    mask[2:6, 3:8] = True  # 4 rows and 5 columns
    assert lung_area_cm2(mask, (10, 10)) == pytest.approx(20)
    assert lung_area_cm2(mask, (2, 5)) == pytest.approx(2)  # 8 mm x 25 mm
    assert lung_area_cm2(~mask, (2, 5)) == pytest.approx(8)
    assert lung_area_cm2(mask & False, (2, 5)) == 0


def test_area_is_the_same_at_every_size():
    mask = np.logical_or(*lungs((489, 402)))
    native = lung_area_cm2(mask, (0.9, 0.9))
    square = lung_area_cm2(to_square(mask, 128), (0.9 * 489 / 128, 0.9 * 402 / 128))
    assert square == pytest.approx(native, rel=0.01)


@pytest.mark.real
def test_real_lungs_have_the_size_of_lungs(real_data):
    for record in load_records(real_data / "montgomery_512")[:5]:
        assert 150 < lung_area_cm2(read_lungs(record), record.spacing_mm) < 900


@pytest.mark.real
def test_real_one_bit_masks_at_native_size(real_data):
    path = next((real_data / "montgomery_native_masks" / "leftMask").iterdir())
    mask = read_mask(path)
    assert path.read_bytes()[24] == 1
    assert sorted(mask.shape) == [4020, 4892]
    assert to_square(mask, 256).mean() == pytest.approx(mask.mean(), rel=0.005)


def test_the_two_largest_pieces_stay_and_holes_are_filled():
    picture = np.array([list(row) for row in (
        "aaaa..bbbb.",
        "a..a..bbbb.",
        "aaaa..bbbb.",
        "...........",
        "cc.c....c.c",
    )])  # fmt: skip
    expected = (picture == "a") | (picture == "b")
    expected[1, 1:3] = True
    np.testing.assert_array_equal(keep_two_lungs(picture != "."), expected)


@pytest.mark.parametrize("pieces", [0, 1, 2])
def test_no_more_than_two_pieces_stay_as_they_are(pieces):
    mask = np.zeros((5, 9), bool)
    mask[1:4, [1, 5][:pieces]] = True
    np.testing.assert_array_equal(keep_two_lungs(mask), mask)


@pytest.mark.real
def test_real_lungs_lose_nothing(real_data):
    for record in load_records(real_data / "montgomery_512"):
        mask = read_lungs(record)
        assert dice(keep_two_lungs(mask), mask) > 0.9995, record.name


def test_areas_and_sides_by_hand():
    mask = np.zeros((20, 40), bool)
    mask[5:15, 4:10], mask[5:10, 30:36], mask[0, 0] = True, True, True  # 60, 30, and a speck
    left, right = lung_areas(mask, (2.0, 0.5))
    assert (left.side, left.pixels, left.cm2) == ("left", 60, pytest.approx(0.6))
    assert (right.side, right.pixels, right.cm2) == ("right", 30, pytest.approx(0.3))
    assert str(left) == "image left (patient right): 1 cm2"
    assert str(lung_areas(mask)[1]) == "image right (patient left): 30 pixels"


@pytest.mark.parametrize("columns, side", [((2, 8), "left"), ((30, 36), "right")])
def test_one_lung_belongs_to_its_side(columns, side):
    mask = np.zeros((20, 40), bool)
    mask[4:9, slice(*columns)] = True
    assert [area.side for area in lung_areas(mask)] == [side]
    assert lung_areas(np.zeros((9, 9), bool)) == ()


def test_a_mask_is_what_is_above_half_in_two_pieces_without_holes():
    """A network that hands the image through, given two blocks, a speck and a hole."""
    inputs = keras.Input((32, 32, 1))
    model = keras.Model(inputs, layers.Activation("linear")(inputs))
    image = np.full((32, 32), 0.2, np.float32)
    image[4:28, 3:13] = image[4:28, 18:29] = image[1:3, 15:17] = 0.8
    image[10:13, 5:8] = 0.3
    expected = np.zeros((32, 32), bool)
    expected[4:28, 3:13] = expected[4:28, 18:29] = True
    np.testing.assert_array_equal(predict_mask(model, image), expected)
    large = predict_mask(model, image, (320, 160))
    scaled = np.kron(expected, np.ones((10, 5), bool))
    assert (large != scaled).mean() < 0.03
    assert keep_two_lungs(large).sum() == large.sum()
