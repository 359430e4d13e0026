"""From stored numbers to an image: which depth is taken, and what hot pixels and borders change."""

import cv2
import numpy as np
import pytest
from hostile import chest

from lungseg_utils.grey import DEPTHS, LEAST_SHADED, scaled
from lungseg_utils.types import DataError, NotAnXray, Stored

CHEST = chest()
DEEP = CHEST.astype(np.uint16) * 16 + np.random.default_rng(0).integers(0, 16, CHEST.shape, "u2")
PLAIN = DEEP / 4095


def image(pixels, **more):
    return scaled(Stored(pixels, **more), "one").image


def notes(pixels, **more):
    return scaled(Stored(pixels, **more), "one").notes


def ramp(largest: int, kind=np.uint16):
    return np.linspace(0, largest, 64).round().astype(kind).reshape(8, 8)


@pytest.mark.parametrize("bits", DEPTHS)
def test_the_fewest_bits_that_hold_the_picture_are_taken(bits):
    for largest in (2**bits - 1, {8: 190, 10: 800, 12: 3200, 14: 12000, 16: 50000}[bits]):
        pixels = ramp(largest)
        np.testing.assert_allclose(image(pixels), pixels / (2**bits - 1), rtol=1e-6)
        assert notes(pixels) == ()
    eight = ramp(200, np.uint8)
    np.testing.assert_allclose(image(eight), eight / 255, rtol=1e-6)


def with_hot_pixels(pixels):
    pixels[5, 7], pixels[100, 100] = 65535, 40000
    return pixels


def with_label(value):
    def change(pixels):
        pixels[10:20, 10:30] = value
        return pixels

    return change


def with_border(value):
    def change(pixels):
        pixels[:8] = pixels[-8:] = value
        return pixels

    return change


def smooth(pixels):
    """The picture with no sharp edge, as a smaller copy that was made larger."""
    return cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 1).astype(pixels.dtype)


INNER = np.s_[11:-11]
SHIFTED = np.uint16(DEEP // 4 + 30000)
DAMAGED = {
    # what is stored, and where it is compared
    "shifted to 14 bits": (np.uint16(CHEST) << 6, ...),
    "shifted to 10 bits": (np.uint16(CHEST) << 2, ...),
    "two hot pixels": (with_hot_pixels(DEEP.copy()), ...),
    "a label of the type's maximum": (with_label(65535)(DEEP.copy()), np.s_[20:]),
    "a border of the type's maximum": (with_border(65535)(DEEP.copy()), np.s_[8:-8]),
    "an offset": (SHIFTED, ...),
    "an offset and a black border": (with_border(0)(SHIFTED.copy()), np.s_[8:-8]),
    "smooth labels": (smooth(with_label(65535)(DEEP.copy())), np.s_[25:]),
    "a smooth border of the type's maximum": (smooth(with_border(65535)(DEEP.copy())), INNER),
    "an offset and a smooth black border": (smooth(with_border(0)(SHIFTED.copy())), INNER),
    "low contrast and a smooth label": (smooth(with_label(255)(CHEST // 3)), np.s_[25:]),
    "half the contrast and a smooth border": (smooth(with_border(255)(CHEST // 2)), INNER),
    "an offset below zero": (np.int16(DEEP // 4) - np.int16(2000), ...),
    "an offset of 32 bits": (np.int32(DEEP) + 10**9, ...),
    "low contrast in 8 bits": (np.uint8(CHEST // 3 + 100), ...),
    "a dark picture with a white label": (with_label(255)(CHEST // 3), np.s_[20:]),
    "floating point from 0 to 1": (CHEST / np.float32(255), ...),
    "floating point of any range": (CHEST * 17.3 - 500, ...),
    "a border far below": (with_border(-9999)(CHEST / np.float32(255)), np.s_[8:-8]),
    "a border of the largest number": (with_border(2**32 - 1)(DEEP.astype(np.uint32)), np.s_[8:-8]),
    "floating point with holes": (np.where(CHEST == 40, np.nan, CHEST / 255), CHEST != 40),
}


@pytest.mark.parametrize("pixels, where", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_picture_looks_like_the_undamaged_one(pixels, where):
    """As far as black and white can be told, for nearly all of the pixels."""
    difference = np.abs(image(pixels) - PLAIN)[where]
    assert np.quantile(difference, 0.97) < 0.06
    assert np.isfinite(image(pixels)).all() and 0 <= image(pixels).min() < image(pixels).max() <= 1


GUESSED = {
    "an offset": (SHIFTED, "its grey values from 30"),
    "hot pixels": (with_label(65535)(DEEP.copy()), "grey values beyond 4095 were treated as"),
    "a border": (with_border(65535)(DEEP.copy()), "grey values beyond 4095 were treated as"),
    "low contrast": (np.uint8(CHEST // 3 + 100), "were treated as black to white: a guess"),
    "negative numbers": (np.int16(DEEP) - np.int16(900), "were treated as black to white: a guess"),
}


@pytest.mark.parametrize("pixels, says", GUESSED.values(), ids=GUESSED)
def test_a_guess_is_told(pixels, says):
    (note,) = notes(pixels)
    assert says in note


@pytest.mark.parametrize(
    "low, high, lost",
    [(0, 64, ["white"]), (150, 255, ["black"]), (75, 105, ["black", "white"])],
)
def test_a_picture_that_is_clipped_says_so(low, high, lost):
    clipped = np.uint8(255 * np.clip((CHEST.astype(float) - low) / (high - low), 0, 1))
    shaded = (clipped > 0) & (clipped < 255)
    down, across = (np.flatnonzero(shaded.mean(axis) > LEAST_SHADED)[[0, -1]] for axis in (1, 0))
    inner = clipped[down[0] : down[1] + 1, across[0] : across[1] + 1]  # without black borders
    fifth, tenth = inner.shape[0] // 5, inner.shape[1] // 10
    middle = inner[fifth:-fifth, tenth:-tenth]
    shares = {"black": (middle == 0).mean(), "white": (middle == 255).mean()}
    for note, colour in zip(notes(clipped), lost, strict=True):
        percent, rest = note.split("% of its middle is ")
        assert abs(int(percent) - 100 * shares[colour]) < 1
        assert rest == f"pure {colour}: lung may be lost in it"
    mild = np.uint8(np.clip(CHEST * 1.2 - 20, 0, 255))
    assert notes(mild) == notes(with_border(0)(mild)) == ()


@pytest.mark.parametrize("colour, value", [("white", 255), ("black", 0)])
@pytest.mark.parametrize("rows, told", [((100, 140), True), ((100, 104), False)])
def test_a_rectangle_that_covers_a_part_is_told(colour, value, rows, told):
    covered = CHEST.copy()
    covered[slice(*rows), 60:100] = value
    said = f"a {colour} rectangle covers a part of it: lung may be lost in it"
    assert notes(covered) == (said,) * told
    border = CHEST.copy()
    border[rows[0] :] = value
    border[:, :20] = CHEST[:, :20]  # beside which there is some of the picture
    assert said not in notes(border)
    slanted = np.tril(np.ones((40, 40), bool))
    covered = CHEST.copy()
    covered[100:140, 60:100][slanted] = value
    assert notes(covered) == ()


@pytest.mark.parametrize("times, told", [(1, False), (1.3, True), (1.6, True), (2, True)])
def test_numbers_that_overflowed_are_told(times, told):
    said = "black lies beside white in many places: its numbers may have overflowed"
    assert (said in notes((CHEST * times).astype(np.uint16).astype(np.uint8))) == told


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("grey, told", [(128, True), (40, True), (0, False), (255, False)])
def test_where_a_picture_broke_off_is_told(grey, told, turns):
    broken = np.rot90(CHEST, turns).copy()
    broken[160:] = grey
    broken = np.rot90(broken, -turns)
    said = f"{96 / 256:.0%} of it is one grey up to an edge: part of it may be missing"
    assert (said in notes(broken)) == told


def test_a_wide_border_becomes_black_and_a_label_stays_white():
    assert image(with_border(65535)(DEEP.copy()))[:8].max() == 0
    assert image(with_label(65535)(DEEP.copy()))[10:20, 10:30].min() == 1


def test_what_the_file_calls_black_and_white_is_taken():
    np.testing.assert_allclose(image(DEEP, full=(0, 4095)), PLAIN, rtol=1e-6)
    np.testing.assert_allclose(image(DEEP / 4095, full=(0, 1)), PLAIN, atol=1e-6)
    assert notes(DEEP, full=(0, 4095)) == ()
    assert "a guess" in notes(DEEP, full=(0, 65535))[0]


def test_where_large_numbers_are_dark_it_is_turned_and_padding_is_black_in_both():
    used = np.ones(DEEP.shape, bool)
    used[:5] = False
    padded = np.where(used, DEEP, 60000).astype(np.uint16)
    found = image(padded, used=used)
    np.testing.assert_allclose(found[5:], PLAIN[5:], rtol=1e-6)
    turned = image(padded, used=used, inverted=True)
    np.testing.assert_allclose(turned[5:], 1 - PLAIN[5:], rtol=1e-5, atol=1e-6)
    assert found[:5].max() == turned[:5].max() == 0


MASKS = {
    "two values": np.where(CHEST > 90, 255, 0).astype(np.uint8),
    "any two values": np.where(CHEST > 90, 7, 5).astype(np.uint16),
    "a smooth edge": np.uint8(255 * np.clip((np.hypot(*np.ogrid[-64:64, -64:64]) - 40) / 3, 0, 1)),
}


@pytest.mark.parametrize("pixels", MASKS.values(), ids=MASKS)
def test_a_mask_is_no_x_ray(pixels):
    with pytest.raises(NotAnXray, match="one is a mask, its pixels have two values: choose the"):
        image(pixels)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_an_image_that_shows_nothing_says_what_all_its_pixels_are(value):
    with pytest.raises(DataError) as caught:
        image(np.full((3, 3), value, np.uint8))
    said = f"one shows nothing, all its pixels are {value}: choose another file"
    assert str(caught.value) == said
    with pytest.raises(DataError, match="all its pixels are no numbers"):
        image(np.full((3, 3), np.nan))


def test_a_picture_whose_sample_is_alike_is_looked_at_whole():
    large = np.full((1500, 1500), 3, np.uint8)
    large[1::2, 1::2] = np.arange(750) % 200  # between the pixels that are sampled
    assert image(large).max() > 0.7
