"""The picture of an X-ray and what was found on it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lungseg_utils import overlay
from lungseg_utils.overlay import DASH, GAP, PREDICTION, TEXT_WIDTH, draw, outlined, to_grey_picture
from lungseg_utils.predict import predict

COLOUR = tuple(bytes.fromhex(PREDICTION[1:]))


def orange(picture):
    return (picture == COLOUR).all(axis=2)


def test_the_picture_has_the_chest_s_proportions(trained, patient):
    found = predict(trained, patient.image / np.float32(255), (1.0, 1.25))
    picture = draw(patient.image / np.float32(255), found, side=250)
    assert picture.dtype == np.uint8 and picture.shape[1:] == (TEXT_WIDTH, 3)
    assert (picture[:200, 250:] == 255).all() and (picture[:200, :250] < 255).mean() > 0.9
    assert orange(picture)[:200].any() and not orange(picture)[200:].any()
    assert (picture[200:] == 0).any(), "the areas are written below"


@pytest.mark.parametrize(
    "shape, spacing, expected",
    [((10, 20), None, (50, 100)), ((20, 10), None, (100, 50)), ((10, 20), (4.0, 1.0), (100, 50)),
     ((10, 20), (1.0, 2.0), (25, 100)), ((1, 500), None, (1, 100))],
)  # fmt: skip
def test_greys_become_bytes_in_true_proportions(shape, spacing, expected):
    image = np.tile(np.linspace(0, 1, shape[1], dtype=np.float32), (shape[0], 1))
    picture = to_grey_picture(image, spacing, side=100)
    assert (picture.dtype, picture.shape) == (np.uint8, expected)
    assert picture[0, 0] == 0 or shape[1] == 500
    wanted = cv2.resize(255 * image, expected[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(picture - wanted).max() <= 0.51
    assert max(to_grey_picture(image, spacing).shape) == 800


def test_the_outline_is_dashed_along_the_mask_whatever_its_size():
    grey = np.full((200, 300), 100, np.uint8)
    mask = np.zeros((200, 300), bool)
    mask[50:150, 60:240] = True
    for size in (mask, mask[::2, ::2], mask.repeat(3, 0).repeat(3, 1)):
        picture = outlined(grey, np.ascontiguousarray(size))
        assert picture.shape == (200, 300, 3) and picture.dtype == np.uint8
        assert (picture[70:130, 80:220] == 100).all() and (picture[:45] == 100).all()
        top = orange(picture)[46:54, 70:230].any(axis=0)
        assert 0.4 < top.mean() < 0.95, "dashes and gaps"
        assert np.count_nonzero(np.diff(top.astype(int)) == 1) == pytest.approx(
            160 / (DASH + GAP), abs=2
        )
        for row, column in ((100, slice(56, 64)), (100, slice(236, 244))):
            assert orange(picture)[row - 14 : row + 14, column].any()
    assert (outlined(grey, mask & False) == 100).all()


def test_every_line_is_written_once_below(trained, patient, monkeypatch):
    image = patient.image / np.float32(255)
    found = replace(predict(trained, image, (1.0, 1.0)), notes=("a note",))
    written = []
    put = overlay.cv2.putText
    monkeypatch.setattr(
        overlay.cv2, "putText", lambda *more: written.append(more[1:]) or put(*more)
    )
    picture = draw(image, found, side=700)
    expected = [*map(str, found.areas), f"expected Dice {found.quality:.2f}", *found.warnings]
    font = cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA
    assert "a note" in expected and written == [
        (text, (8, 700 + 26 * number), *font) for number, text in enumerate(expected, start=1)
    ]
    assert picture.shape == (700 + 26 * len(expected) + 12, 700, 3)
    assert (picture[-8:] == 255).all() and (picture[:700] == outlined(
        to_grey_picture(image, (1.0, 1.0), 700), found.mask)).all()  # fmt: skip
    assert draw(image, found).shape == (800 + 26 * len(expected) + 12, 800, 3)


def test_dashes_begin_with_the_outline_and_do_not_close(monkeypatch):
    drawn = []
    monkeypatch.setattr(overlay.cv2, "polylines", lambda *more: drawn.append(more[1:]))
    mask = np.zeros((200, 300), bool)
    mask[50:150, 60:240] = True
    outlined(np.zeros((200, 300), np.uint8), mask)
    around = 2 * (100 + 180) - 4
    assert len(drawn) == -(-around // (DASH + GAP))
    assert [more[1:] for more in drawn] == [(False, tuple(COLOUR), 2, cv2.LINE_AA)] * len(drawn)
    dashes = [more[0][0][:, 0] for more in drawn]
    assert {len(dash) for dash in dashes[:-1]} == {DASH}
    assert dashes[0][0].tolist() == [60, 50] and dashes[1][0].tolist() == [60, 50 + DASH + GAP]


def test_a_pixel_of_the_picture_is_lung_where_half_of_it_is(monkeypatch):
    seen = []
    find = overlay.cv2.findContours
    monkeypatch.setattr(
        overlay.cv2, "findContours", lambda *more: seen.append(more[0] > 0) or find(*more)
    )
    mask = np.random.default_rng(0).random((80, 120)) < 0.5
    outlined(np.zeros((20, 30), np.uint8), mask)
    halves = mask.reshape(20, 4, 30, 4).mean(axis=(1, 3)) >= 0.5
    np.testing.assert_array_equal(seen[0], halves)
