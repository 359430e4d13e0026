"""The simulated patients: a thousand of human shape, and masks that are their anatomy exactly."""

from typing import NamedTuple

import cv2
import numpy as np
import pytest
from matplotlib.path import Path as Outline

from lungseg_utils.masks import lung_area_cm2
from lungseg_utils.metrics import dice
from lungseg_utils.phantom import acquisition, organs, person, radiograph, ranges, tissue
from lungseg_utils.phantom.canvas import Bend, View
from lungseg_utils.phantom.person import Person
from lungseg_utils.squares import to_square

SIZE = 96
PIXEL = np.ones((3, 3), np.uint8)  # what grows or shrinks a mask by one pixel


class Standing(NamedTuple):
    """One patient in front of the film."""

    seed: int
    index: int
    who: Person
    native: tuple[int, int]
    view: View
    masks: np.ndarray

    @property
    def areas_cm2(self) -> np.ndarray:
        """Areas of the image's left and right lung."""
        pixels = np.array(self.view.shape)
        spacing_mm = ranges.SPACING_MM * np.array(self.native[::-1]) / pixels
        return np.array([lung_area_cm2(mask, tuple(spacing_mm)) for mask in self.masks])


def stand(seed: int, index: int, size: int | None = SIZE) -> Standing:
    rng = np.random.default_rng([seed, index])
    return Standing(seed, index, *radiograph.position(seed, index, size, rng))


@pytest.fixture(scope="module")
def crowd():
    """A thousand patients of as many seeds, at all places of a set."""
    return [stand(seed, seed * 37 % 500) for seed in range(1000)]


def assert_all(people, is_human) -> None:
    """Names the seed and index of those who are not."""
    strange = [(one.seed, one.index) for one in people if not is_human(one)]
    assert not strange


def covered(view: View, outline: np.ndarray) -> np.ndarray:
    """Pixels whose centre lies inside an outline in mm, found from the pixels' own places."""
    places = view.places.reshape(2, -1).T
    return Outline(outline).contains_points(places).reshape(view.shape)


def grown(mask: np.ndarray) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), PIXEL) > 0


def test_a_lungs_area_is_that_of_a_child_or_an_adult(crowd):
    adults = [one for one in crowd if one.who.age > 16]
    children = [one for one in crowd if one.who.age < 9]
    assert len(children) > 20
    assert_all(adults, lambda one: all(75 < area < 390 for area in one.areas_cm2))
    assert_all(children, lambda one: all(45 < area < 200 for area in one.areas_cm2))


def test_median_areas_are_those_of_the_montgomery_masks(crowd):
    areas = [one.areas_cm2 for one in crowd if one.who.age > 16]
    assert np.median(areas, axis=0) == pytest.approx([208, 181], rel=0.08)


def test_the_patients_left_lung_is_smaller_but_not_by_half(crowd):
    assert_all(crowd, lambda one: 0.55 < one.areas_cm2[1] / one.areas_cm2[0] < 1.25)
    smaller = [one.areas_cm2[1] < one.areas_cm2[0] for one in crowd]
    assert 0.8 < np.mean(smaller) < 0.99


def test_lungs_are_wide_for_their_height_as_in_the_montgomery_masks(crowd):
    def shape(one):
        down, across = (np.ptp(found) + 1 for found in np.nonzero(one.masks.any(0)))
        return across * one.native[0] / down / one.native[1]

    assert_all(crowd, lambda one: 0.65 < shape(one) < 1.95)
    assert np.median([shape(one) for one in crowd]) == pytest.approx(1.10, rel=0.05)


def test_a_lung_is_one_piece_without_holes(crowd):
    def whole(mask):
        around = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
        pieces = cv2.connectedComponents(mask.astype(np.uint8))[0] - 1
        return pieces == cv2.connectedComponents(around, connectivity=4)[0] - 1 == 1

    assert_all(crowd, lambda one: all(whole(mask) for mask in one.masks))


def test_the_left_mask_lies_left_of_the_right_one_in_every_row(crowd):
    def apart(one):
        columns = np.arange(SIZE)
        last = np.where(one.masks[0], columns, -1).max(1)
        first = np.where(one.masks[1], columns, SIZE).min(1)
        return (last < first).all()

    assert_all(crowd, apart)


def test_lungs_lie_inside_the_body(crowd):
    def inside(one):
        return not (one.masks.any(0) & ~covered(one.view, tissue.silhouette(one.who))).any()

    assert_all(crowd[::10], inside)


def test_nearly_all_of_the_lungs_is_on_the_film(crowd):
    def on_film(one):
        matrix = one.view.matrix.copy()
        matrix[:, 2] += SIZE / 2
        around = View((2 * SIZE, 2 * SIZE), matrix, one.view.bend)
        whole = sum(organs.lung_area(one.who, side, around).sum() for side in (-1, 1))
        return one.masks.sum() > 0.9 * whole

    assert_all(crowd[::20], on_film)


def test_borders_hide_little_of_the_lungs(crowd):
    def visible(one):
        lungs, picture = one.masks.any(0), np.ones(one.view.shape, np.float32)
        acquisition.borders(picture, lungs, np.random.default_rng([one.seed, 1]))
        return picture[lungs].mean() > 0.97

    assert_all(crowd, visible)


def test_a_body_bends_but_never_folds(crowd):
    def unfolded(one):
        bend = one.view.bend
        strain = np.linalg.norm(bend.size, axis=1) * np.linalg.norm(bend.wave, axis=1)
        down, across = np.gradient(one.view.places, axis=(1, 2))
        area = across[0] * down[1] - across[1] * down[0]
        return strain.sum() < 1 and area.min() > 0.2 * np.median(area)

    assert_all(crowd, unfolded)
    assert len({one.view.bend.size.tobytes() for one in crowd}) == len(crowd)


BENT = Bend(
    np.array([[8.0, 5.0], [-6.0, 9.0]]), np.array([[0.02, 0.01], [-0.01, 0.02]]), np.ones(2)
)
TURNED = np.array([[0.9, -0.2, 240.0], [0.35, 1.4, 30.0]])


def test_places_and_pixels_are_each_others_inverse(crowd):
    views = [View((300, 500), TURNED, BENT), View((300, 500), TURNED), stand(3, 4, 512).view]
    for view in [*views, *(one.view for one in crowd[::20])]:
        rows, columns = np.indices(view.shape)
        found = view.pixels(view.places.reshape(2, -1).T.astype(float))
        assert np.abs(found - np.column_stack([columns.ravel(), rows.ravel()])).max() < 0.02


def test_masks_are_the_anatomy_to_within_a_pixel(crowd):
    for one in crowd[::80]:
        for side, mask in zip((-1, 1), one.masks, strict=True):
            lung = covered(one.view, organs.half_cavity(one.who, side))
            lung &= ~covered(one.view, organs.below_diaphragm(one.who, side))
            for outline in (organs.heart, organs.aortic_arch, organs.mediastinum):
                lung &= ~covered(one.view, outline(one.who))
            assert not (mask & ~grown(lung)).any() and not (~mask & ~grown(~lung)).any()


def test_no_mask_holds_a_point_of_the_heart(crowd):
    def empty(one):
        core = ~grown(~covered(one.view, organs.heart(one.who)))
        return core.any() and not (core & one.masks.any(0)).any()

    assert_all(crowd[::10], empty)


@pytest.mark.parametrize("seed", range(8))
def test_masks_of_two_sizes_agree(seed):
    large, small = stand(seed, 11 * seed, 512), stand(seed, 11 * seed, 128)
    for side in (0, 1):
        assert dice(to_square(large.masks[side], 128), small.masks[side]) > 0.985


def test_native_masks_are_those_of_the_square_picture():
    native, square = stand(1, 3, None), stand(1, 3, 512)
    assert native.masks.shape == (2, *native.native[::-1])
    assert native.view.pixel_mm == pytest.approx(ranges.SPACING_MM)
    assert native.areas_cm2 == pytest.approx(square.areas_cm2, rel=0.01)
    for side in (0, 1):
        assert dice(to_square(native.masks[side], 512), square.masks[side]) > 0.99


def drawn(seeds, indices=range(40)) -> list[Person]:
    """People without view or mask."""
    return [
        person.draw_person(seed, index, np.random.default_rng([seed, index]))
        for seed in seeds
        for index in indices
    ]


def test_a_habit_shows_in_the_body():
    people = drawn(range(40))
    with_ = {name: [who for who in people if who.habit == name] for name in ("", *ranges.HABITS)}
    assert all(len(some) > 10 for some in with_.values())
    assert all(person.draw_label(seed, index) for seed in range(4) for index in range(40)
               if drawn([seed], [index])[0].habit)  # fmt: skip

    def heart(who):
        return np.ptp(organs.heart(who)[:, 0]) / 2 / who.half

    def bow(who):
        return np.ptp(who.middle(np.linspace(0, who.H, 30)))

    assert min(map(heart, with_["enlarged heart"])) > 0.5 > np.median([*map(heart, with_[""])])
    assert min(map(bow, with_["scoliosis"])) > 10 > np.median([*map(bow, with_[""])])
    domes = {name: [organs.dome_height(who, -1) / who.H for who in some]
             for name, some in with_.items()}  # fmt: skip
    assert max(domes["hyperinflation"]) < 0.125 < np.median(domes[""])


def test_a_patient_seen_again_keeps_habit_and_shape():
    for later, first in person.AGAIN.items():
        a, b = drawn([5], [first, later])
        assert a.habit == b.habit and (a.bend.size == b.bend.size).all()
        assert a.p["heart_ratio"] == b.p["heart_ratio"] and a.p["arm_angle"] != b.p["arm_angle"]


def test_breathing_and_posture_differ_from_visit_to_visit():
    first, later = (drawn([5], [index])[0] for index in (17, 22))
    assert {name for name in ranges.MOMENT if first.p[name] != later.p[name]} > {"turn", "rotation"}
