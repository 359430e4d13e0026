"""To a square and back; records are decoded once, and again when a file has changed."""

import os

import cv2
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers
from laws import a_shape, every_case, some_squares
from sets import NAMES, SHAPE, ellipse, lungs, radiograph, write_pictures, write_set

from lungseg_utils import squares
from lungseg_utils.images import read_image
from lungseg_utils.masks import keep_two_lungs, read_lungs
from lungseg_utils.predict import mask_from_square, predict_mask
from lungseg_utils.radiographs import load_records
from lungseg_utils.squares import between_borders, load_squares, to_native, to_square


@pytest.fixture
def records(tmp_path):
    return load_records(write_set(tmp_path / "set"))


@pytest.fixture
def no_decoder(monkeypatch):
    """Whatever decodes from here on fails."""

    def decode(*_):
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(squares, "read_pair", decode)


def test_squares_are_the_files_squared(records, tmp_path):
    found = load_squares(records, 16, tmp_path / "cache")
    assert (found.images.shape, found.images.dtype) == ((4, 16, 16), np.float32)
    assert (found.masks.shape, found.masks.dtype) == ((4, 16, 16), np.float32)
    for record, image, mask in zip(records, found.images, found.masks, strict=True):
        expected = to_square(read_image(record.image_path), 16)
        np.testing.assert_allclose(image, expected, atol=1 / 65535)
        whole = read_lungs(record)
        np.testing.assert_allclose(mask, to_square(whole.astype(np.float32), 16), atol=1 / 65535)
        assert mask.mean() == pytest.approx(whole.mean(), rel=1e-3), "the area is another one"
        assert ((mask > 0.01) & (mask < 0.99)).any(), "outlines run along whole pixels"


def test_second_call_decodes_nothing(records, tmp_path, no_decoder):
    first = load_squares(records, 16, tmp_path)
    no_decoder()
    second = load_squares(records, 16, str(tmp_path))
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.masks, second.masks)
    for other, size in ((records, 17), (records[:3], 16), (records[::-1], 16)):
        with pytest.raises(AssertionError, match="decoded again"):
            load_squares(other, size, tmp_path)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["image", "left mask", "right mask"])
def test_a_changed_file_is_decoded_again(which, records, tmp_path):
    first = load_squares(records, 16, tmp_path / "cache")
    write_pictures(tmp_path / "other", NAMES[1], tilt=60)
    changed = (records[1].image_path, *records[1].mask_paths)[which]
    before = changed.stat()
    new = tmp_path / "other" / changed.relative_to(tmp_path / "set")
    changed.write_bytes(new.read_bytes())
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    second = load_squares(records, 16, tmp_path / "cache")
    kind = "masks" if which else "images"
    differ = (getattr(first, kind) != getattr(second, kind)).any(axis=(1, 2))
    assert differ.tolist() == [False, True, False, False]


def test_a_file_of_another_time_is_decoded_again(records, tmp_path, no_decoder):
    load_squares(records, 16, tmp_path)
    os.utime(records[2].mask_paths[0], ns=(0, 0))
    no_decoder()
    with pytest.raises(AssertionError, match="decoded again"):
        load_squares(records, 16, tmp_path)


def test_a_nanosecond_newer_is_another_file(records, tmp_path, no_decoder):
    load_squares(records, 16, tmp_path)
    path = records[0].image_path
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    no_decoder()
    with pytest.raises(AssertionError, match="decoded again"):
        load_squares(records, 16, tmp_path)


def test_a_crash_while_writing_leaves_no_cache(records, tmp_path, monkeypatch):
    def crash(path, **_):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", crash)
        with pytest.raises(KeyboardInterrupt):
            load_squares(records, 16, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npz"))
    assert len(load_squares(records, 16, tmp_path / "cache").images) == 4
    assert len(list((tmp_path / "cache").iterdir())) == 1


TALL, WIDE = (489, 402), (402, 489)


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


@pytest.mark.parametrize(
    ("before", "after"),
    [([[1, 0, 0, 0, 1, 1, 0, 1]] * 2, [[0.25, 0.75]] * 2),  # as high as the square, but wider
     ([[0, 1]], [[0, 1]] * 2), ([[0.0, 0.5], [1.0, 0.25]], [[0.0, 0.5], [1.0, 0.25]])],
)  # fmt: skip
def test_a_pixel_is_the_mean_of_what_it_covers(before, after):
    np.testing.assert_allclose(to_square(np.array(before, np.float32), 2), after)


def test_an_image_that_is_too_small_is_stretched_evenly():
    square = to_square(np.array([[0, 1], [0, 1]], np.float32), 4)
    np.testing.assert_allclose(square, [[0, 0.25, 0.75, 1]] * 4)


def test_a_pixel_that_is_lung_by_half_is_lung():
    half = np.array([[True, False], [False, True]])
    assert to_square(half, 1).tolist() == [[True]]


def test_the_edge_of_a_mask_is_where_the_probability_says_so():
    """Not where the squares of the network end."""
    square = np.zeros((32, 32), np.float32)
    square[4:28, 4:12] = square[4:28, 20:28] = 0.9
    square = cv2.GaussianBlur(square, (0, 0), 2)
    expected = to_native(square, (320, 320)) > 0.5
    np.testing.assert_array_equal(mask_from_square(square, (320, 320)), expected)


def test_pieces_that_only_touch_in_doubt_are_two_pieces():
    """Where the probability is the threshold itself."""
    square = np.zeros((32, 32), np.float32)
    square[2:30, 2:9] = square[2:14, 20:30] = square[17:28, 20:30] = 0.9
    square[14:17, 25] = 0.5
    expected = square > 0.5
    expected[17:28, 20:30] = False
    np.testing.assert_array_equal(mask_from_square(square, (32, 32)), expected)


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


@pytest.mark.parametrize("grey", [0, 0.5, 1])
def test_borders_of_one_grey_are_left_out_and_lines_that_are_within_the_picture_stay(grey):
    square = np.random.default_rng(0).random((20, 20), np.float32)
    square[:3], square[:, 16:], square[9] = grey, grey, grey
    rows, columns = between_borders(square, (200, 410))
    assert (rows, columns) == (slice(30, 200), slice(0, 328))
    everything = np.full((20, 20), grey, np.float32)
    assert between_borders(everything, (200, 410)) == (slice(0, 200), slice(0, 410))


@every_case
@given(some_squares(), a_shape, st.integers(1, 24))
def test_laws_of_the_square_and_back(image, shape, size):
    np.testing.assert_array_equal(to_square(image, len(image)), image)
    np.testing.assert_array_equal(to_native(image, image.shape), image)
    for made in (to_square(image, size), to_native(image, shape)):
        assert image.min() - 1e-5 <= made.min() <= made.max() <= image.max() + 1e-5
    for turned in (image[::-1], image[:, ::-1], image.T):
        turned = np.ascontiguousarray(turned)
        assert to_square(turned, size).mean() == pytest.approx(
            to_square(image, size).mean(), abs=1e-4
        )
    if size <= len(image):
        assert to_square(image, size).mean() == pytest.approx(image.mean(), abs=1e-4)


@every_case
@given(some_squares(), a_shape, st.floats(0.05, 0.95))
def test_laws_of_the_mask_from_a_square(probability, shape, threshold):
    mask = mask_from_square(probability, probability.shape, threshold)
    np.testing.assert_array_equal(keep_two_lungs(mask), mask)
    np.testing.assert_array_equal(mask, keep_two_lungs(probability > threshold))
    assert mask_from_square(probability, shape, threshold).shape == shape


def test_progress_is_shown_and_leaves_nothing(records, tmp_path, capsys):
    load_squares(records, 16, tmp_path)
    shown = capsys.readouterr().err
    assert "decoding: " in shown and "/4 [" in shown and "image/s" in shown
    assert shown.endswith("\r")


def test_squares_are_kept_in_16_bits(records, tmp_path):
    load_squares(records, 16, tmp_path)
    (path,) = tmp_path.glob("squares-16-*.npz")
    with np.load(path) as kept:
        assert {kept[name].dtype for name in kept} == {np.dtype(np.uint16)}
