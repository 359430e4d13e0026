"""Masks: every way to store two values, the union by hand, and to a square and back."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import a_spacing, every_case, some_masks
from PIL import Image
from scipy import ndimage
from sets import NAMES, bare_record, lungs, write_png, write_set

from lungseg_utils.masks import (
    keep_two_lungs,
    lung_area_cm2,
    lung_areas,
    mask_warnings,
    merge_masks,
    read_lungs,
    read_mask,
    read_sides,
)
from lungseg_utils.metrics import dice
from lungseg_utils.radiographs import load_records
from lungseg_utils.squares import to_square
from lungseg_utils.types import DataError

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
    ("one", "other", "says"),
    [((3, 4), bool, "the masks differ in shape: (2, 4) and (3, 4)"),
     ((1, 4), bool, "the masks differ in shape: (2, 4) and (1, 4)"),  # NumPy would stretch it
     ((2, 4), np.uint8, "the masks are bool and uint8, not bool"),
     ((2, 4), np.float32, "the masks are bool and float32, not bool")],
)  # fmt: skip
def test_what_cannot_be_merged_is_refused(one, other, says):
    with pytest.raises(ValueError) as caught:
        merge_masks(np.ones((2, 4), bool), np.ones(one, other))
    assert str(caught.value) == says
    with pytest.raises(ValueError, match=r"not bool|differ in shape"):
        merge_masks(np.ones(one, other), np.ones((2, 4), bool))


def test_lungs_of_a_record_are_its_own_two(tmp_path):
    for record in load_records(write_set(tmp_path)):
        image_left, image_right = lungs(tilt=5 * NAMES.index(record.name))
        np.testing.assert_array_equal(read_lungs(record), image_left | image_right)
        np.testing.assert_array_equal(read_mask(record.mask_paths[0]), image_left)


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


@pytest.mark.parametrize("shape", [(20, 40), (60, 40)], ids=["wide", "tall"])
@pytest.mark.parametrize(
    "columns, side",
    [((2, 8), "left"), ((12, 18), "left"), ((22, 28), "right"), ((30, 36), "right")],
)
def test_one_lung_belongs_to_its_side(columns, side, shape):
    mask = np.zeros(shape, bool)
    mask[4:9, slice(*columns)] = True
    assert [area.side for area in lung_areas(mask)] == [side]
    assert lung_areas(np.zeros((9, 9), bool)) == ()


HARDLY = "hardly any lung was found: is this a chest X-ray?"
ONE = "one lung is missing, very small, or joined to the other"


def warned(mask):
    return mask_warnings(mask, lung_areas(mask))


def test_warnings_of_masks():
    left, right = lungs((60, 80))
    both, small, cut = left | right, np.zeros_like(left), left | right
    small[30:34, 40:44] = cut[:, :20] = True
    assert warned(both) == []
    assert warned(left) == warned(right) == [ONE]
    assert warned(small) == warned(np.zeros_like(left)) == [HARDLY]
    border = "the mask touches the border (top, bottom, image left): lung may be cut off"
    assert warned(cut) == [border]
    assert warned(cut[:, ::-1].copy())[-1] == border.replace("image left", "image right")


@pytest.mark.parametrize(
    "shape, left, right, says",
    [((20, 100), (slice(5, 10), slice(20, 30)), (slice(5, 10), slice(60, 70)), HARDLY),
     ((30, 60), (slice(5, 25), slice(10, 20)), (slice(5, 12), slice(40, 50)), ONE)],
    ids=["a twentieth of the picture", "a lung of a third of the other"],
)  # fmt: skip
def test_what_is_just_large_enough_is_not_warned_of(shape, left, right, says):
    mask = np.zeros(shape, bool)
    mask[left] = mask[right] = True
    assert warned(mask) == []
    mask[right[0].start, right[1].start] = False
    assert warned(mask) == warned(mask[:, ::-1].copy()) == [says]


@pytest.mark.parametrize("side", range(4))
def test_a_tenth_of_the_border_may_be_touched(side):
    """The border is a hundredth within the picture, since networks stop short of it."""
    mask = np.zeros((100, 100), bool)
    mask[20:80, 10:40] = mask[20:80, 60:90] = True
    edge = [mask[1], mask[-2], mask[:, 1], mask[:, -2]][side]
    edge[45:55] = True
    assert warned(mask) == []
    edge[55] = True
    name = ("top", "bottom", "image left", "image right")[side]
    assert warned(mask) == [f"the mask touches the border ({name}): lung may be cut off"]


def test_a_lung_in_the_middle_belongs_to_the_right():
    mask = np.zeros((5, 9), bool)
    mask[2, 4:6] = True  # its centre is at 4.5 of 9 columns
    assert lung_areas(mask)[0].side == "right"
    mask[2, 3] = True
    assert lung_areas(mask)[0].side == "left"
    assert str(lung_areas(np.eye(1, 9, dtype=bool))[0]) == "image left (patient right): 1 pixel"


def test_a_hole_is_no_lung_and_another_piece_within_it_none_of_its_own():
    mask = np.zeros((20, 40), bool)
    mask[2:18, 2:18] = mask[5:12, 25:35] = True
    mask[5:15, 5:15] = False
    mask[8:10, 8:10] = True  # within the hole
    left, right = lung_areas(mask)
    assert (left.pixels, right.pixels) == (16 * 16 - 10 * 10 + 4, 70)


@every_case
@given(some_masks(count=3), a_spacing)
def test_laws_of_the_union(masks, spacing):
    one, other, third = masks
    union = merge_masks(one, other)
    np.testing.assert_array_equal(union, merge_masks(other, one))
    np.testing.assert_array_equal(merge_masks(union, third), merge_masks(one, other | third))
    np.testing.assert_array_equal(merge_masks(union, one), union)
    both = merge_masks(one, other & ~one)
    parts = lung_area_cm2(one, spacing) + lung_area_cm2(other & ~one, spacing)
    assert lung_area_cm2(both, spacing) == pytest.approx(parts)


@every_case
@given(some_masks(count=1))
def test_laws_of_the_two_pieces(masks):
    kept = keep_two_lungs(masks[0])
    np.testing.assert_array_equal(keep_two_lungs(kept), kept)
    pieces, before = ndimage.label(masks[0])
    areas = np.bincount(pieces.ravel(), minlength=before + 1)
    gone = np.setdiff1d(pieces, pieces[kept])
    assert ndimage.label(kept)[1] <= min(before, 2)
    assert all(area <= sorted(areas[1:])[-2] for area in areas[gone[gone > 0]])
    assert kept.any() == masks[0].any()


@every_case
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 5), st.integers(2, 30), a_spacing)
def test_a_mirror_changes_the_sides_of_the_lungs(width, other, margin, height, spacing):
    mask = np.zeros((height, 4 * margin + width + other + 2), bool)
    mask[1:, margin : margin + width] = True
    mask[1:, -margin - other - 1 : -margin - 1] = True
    left, right = lung_areas(mask, spacing)
    assert (left.side, right.side) == ("left", "right")
    assert [area.pixels for area in (left, right)] == [width * (height - 1), other * (height - 1)]
    assert left.cm2 + right.cm2 == pytest.approx(lung_area_cm2(mask, spacing))
    mirrored = lung_areas(mask[:, ::-1].copy(), spacing)
    assert [(area.side, area.pixels) for area in mirrored] == [
        ("left", right.pixels),
        ("right", left.pixels),
    ]


LUNG = np.zeros((96, 128), bool)
LUNG[20:80, 20:50] = LUNG[20:80, 78:108] = True
SIDES = LUNG * np.where(np.arange(128) < 64, 1, 2)  # 1 and 2, as in a file of labels


def rgb(*colours):
    return np.uint8(colours)[SIDES]


def soft(kind=".png"):
    """Lungs whose edge was smoothed, in a file's bytes."""
    pixels = cv2.GaussianBlur(np.uint8(255 * LUNG), (3, 3), 0)
    return cv2.imencode(kind, pixels, (cv2.IMWRITE_JPEG_QUALITY, 75) if kind == ".jpg" else ())[1]


def pillow(pixels, kind="PNG", palette=None):
    picture, file = Image.fromarray(pixels), io.BytesIO()
    if palette:
        picture.putpalette(palette)
    picture.save(file, kind)
    return file.getvalue()


BLACK, RED, GREEN, WHITE = (0, 0, 0), (255, 0, 0), (0, 255, 0), (255, 255, 255)
MEANT = {
    "1 bit": pillow(LUNG),
    "0 and 1": pillow(np.uint8(LUNG)),
    "0 and 255": pillow(np.uint8(255 * LUNG)),
    "0 and 65535": pillow(np.uint16(65535 * LUNG)),
    "a label for each lung": pillow(np.uint8(SIDES)),
    "a grey for each lung": pillow(np.uint8(SIDES * 127)),
    "a palette of two greys": pillow(np.uint8(LUNG), "GIF", [*BLACK, *WHITE]),
    "a palette of colours": pillow(np.uint8(SIDES), "PNG", [*BLACK, *RED, *GREEN]),
    "a palette that begins with white": pillow(np.uint8(SIDES), "PNG", [*WHITE, *RED, *GREEN]),
    "a colour for each lung": pillow(rgb(BLACK, RED, GREEN)),
    "red lungs": pillow(rgb(BLACK, RED, RED)),
    "what is opaque": pillow(rgb((*WHITE, 0), (*WHITE, 255), (*WHITE, 255))),
    "white, opaque everywhere": pillow(rgb((*BLACK, 255), (*WHITE, 255), (*WHITE, 255))),
    "a TIFF": pillow(np.uint8(255 * LUNG), "TIFF"),
    "a BMP": pillow(np.uint8(255 * LUNG), "BMP"),
    "a flag in the highest of 16 bits": pillow(np.uint16(0x8000 * LUNG)),
    "a flag beside other bits": pillow(np.uint16(10 + 0x8000 * LUNG)),
    "16 bits, the large byte first": pillow(np.array(300 + 0x8000 * LUNG, ">u2"), "TIFF"),
    "a flag in the highest of 32 bits": pillow(np.int32(-(2**31) * LUNG), "TIFF"),
    "32 bits": pillow(np.int32(10**9 * LUNG), "TIFF"),
    "a TIFF of 1 bit": pillow(LUNG, "TIFF"),
    "floats": pillow(np.float32(LUNG), "TIFF"),
    "floats, nothing around": pillow(np.where(LUNG, 0.3, np.nan).astype(np.float32), "TIFF"),
    "floats on both sides of 0": pillow(np.float32(2 * LUNG - 1.0), "TIFF"),
    "a smooth edge": soft(),
    "a JPEG": soft(".jpg"),
}  # fmt: skip


@pytest.mark.parametrize("content", MEANT.values(), ids=MEANT)
def test_a_mask_is_read_as_what_it_means(content, tmp_path):
    (tmp_path / "mask.png").write_bytes(content)
    found = read_mask(tmp_path / "mask.png")
    assert found.dtype == bool and found.shape == LUNG.shape
    assert (found != LUNG).mean() < (0.002 if content is MEANT["a JPEG"] else 1e-9)


def test_labels_of_small_lungs_are_no_soft_edges(tmp_path):
    """Each takes less than a tenth of the picture."""
    (tmp_path / "mask.png").write_bytes(pillow(np.uint8(np.pad(SIDES, 40))))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), np.pad(LUNG, 40))


NOT_MEANT = {
    "five labels": (np.uint8(SIDES + 2 * (np.arange(128) % 3 == 0)), "holds 5 grey values: make"),
    "a background of 90": (np.uint8(90 + LUNG * 100), "holds 90 and 190, not 0: make the"),
    "an inverted mask": (np.uint8(255 * ~LUNG), "marks 71% of the picture: invert it"),
    "white everywhere": (np.full((96, 128), 255, np.uint8), "marks the whole picture: draw it, or"),
    "a photo": (np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8),
                "is a picture in colour: export the mask alone"),
    "a gradient": (np.uint8(np.add.outer(np.arange(96), np.arange(128))), "grey values: make"),
}  # fmt: skip


@pytest.mark.parametrize("pixels, says", NOT_MEANT.values(), ids=NOT_MEANT)
def test_a_mask_that_leaves_its_meaning_open_is_refused(pixels, says, tmp_path):
    (tmp_path / "mask.png").write_bytes(pillow(pixels))
    with pytest.raises(DataError, match=says):
        read_mask(tmp_path / "mask.png")


@pytest.mark.parametrize("scale", [0.5, 2, 3])
def test_a_mask_of_another_size_is_brought_to_the_image_s(scale, tmp_path):
    height, width = (round(scale * side) for side in LUNG.shape)
    large = cv2.resize(np.uint8(255 * LUNG), (width, height), interpolation=cv2.INTER_NEAREST)
    (tmp_path / "mask.png").write_bytes(pillow(large))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", LUNG.shape), LUNG)


def record_of(tmp_path, *masks):
    paths = []
    for number, mask in enumerate(masks):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(pillow(np.uint8(255 * mask)))
    return replace(bare_record("one"), mask_paths=tuple(paths), shape=LUNG.shape)


LEFT, RIGHT, SPECK = SIDES == 1, SIDES == 2, np.zeros_like(LUNG)
SPECK[5:8, 100:103] = True
JOINED = LUNG.copy()
JOINED[48:52] = True
TOLD_APART = {
    "a file for each": ((LEFT, RIGHT), (LEFT, RIGHT)),
    "in the other order": ((RIGHT, LEFT), (LEFT, RIGHT)),
    "both in one": ((LUNG,), (LEFT, RIGHT)),
    "both in the first of two": ((LUNG, np.zeros_like(LUNG)), (LEFT, RIGHT)),
    "a speck goes with the nearer one": ((LUNG | SPECK,), (LEFT, RIGHT | SPECK)),
    "a lung missing": ((LEFT, np.zeros_like(LUNG)), None),
    "lungs that touch": ((JOINED,), None),
}


@pytest.mark.parametrize("masks, sides", TOLD_APART.values(), ids=TOLD_APART)
def test_sides_are_told_by_where_the_lungs_lie(masks, sides, tmp_path):
    record = record_of(tmp_path, *masks)
    found = read_sides(record)
    assert (found is None) == (sides is None)
    for one, expected in zip(found or (), sides or (), strict=True):
        np.testing.assert_array_equal(one, expected)
    np.testing.assert_array_equal(read_lungs(record), np.logical_or.reduce(masks))


def test_a_piece_in_the_corner_of_another_counts_for_itself():
    mask = np.zeros((30, 60), bool)
    mask[2:28, 2:6] = mask[24:28, 2:26] = True  # an L
    mask[4:10, 14:20] = True  # within its box
    found = lung_areas(mask)
    assert sorted(area.pixels for area in found) == [36, 26 * 4 + 4 * 20]


def test_a_lung_is_a_large_piece_and_not_a_long_one():
    """A sliver that runs round half the picture is no lung, nor is a ragged one."""
    mask = np.zeros((60, 60), bool)
    mask[20:40, 10:25] = mask[20:40, 35:50] = True
    mask[2, 2:58] = mask[2:58, 58] = True
    mask[50:58:2, 2:50] = mask[50:58, 2] = True
    found = lung_areas(mask)
    assert [(area.side, area.pixels) for area in found] == [("left", 300), ("right", 300)]
