"""The reader on sets as people have them, against the simulated patients they were made from."""

import numpy as np
import pytest
from layouts import LAYOUTS, ONE_LUNG, TOUCHING, expected, has_mask, write_layout

from lungseg_utils.app.checks import check_set
from lungseg_utils.masks import read_lungs, read_sides
from lungseg_utils.metrics import dice
from lungseg_utils.phantom.ranges import SPACING_MM
from lungseg_utils.radiographs import load_set
from lungseg_utils.squares import to_square

LABELLED = "montgomery", "shenzhen", "kaggle"  # by their names
READ = LABELLED  # have clinical readings
SAME_PATIENT = "montgomery", "nih"  # say whose X-ray it is
COUNT = {name: 12 if name == "jsrt" else 24 for name in LAYOUTS}
SIDE = 256  # JSRT's masks are compared at this size


@pytest.fixture(scope="module", params=LAYOUTS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def folder(name, tmp_path_factory):
    return write_layout(name, tmp_path_factory.mktemp(name), COUNT[name])


@pytest.fixture(scope="module")
def found(folder):
    return load_set(folder)


@pytest.fixture(scope="module")
def truth(name):
    """What each record shows, by its name."""
    named = expected(name, COUNT[name])
    return {stem: one for index, (stem, one) in enumerate(named.items()) if has_mask(name, index)}


def test_every_image_with_a_mask_is_a_record(name, found, truth):
    assert [record.name for record in found.records] == sorted(truth)
    assert found.without_mask == COUNT[name] - len(truth)


def test_what_the_set_tells_is_known_and_nothing_else(name, found, truth):
    for record in found.records:
        one = truth[record.name]
        assert record.label == (one.label if name in LABELLED else None)
        age, sex = (round(one.age), one.sex) if name in READ else (None, "")
        assert (record.age, record.sex) == (age, sex)
        assert bool(record.reading) == (name in READ)
        assert one.reading.startswith(record.reading.partition(" (same pt")[0])


def test_patients_are_those_that_the_set_tells(name, found):
    patients = {record.patient for record in found.records}
    seen_again = 2 if name in SAME_PATIENT else 0
    assert len(found.records) - len(patients) == seen_again
    assert patients <= {record.name for record in found.records}


def test_spacing_is_known_where_the_set_tells_it(name, found, truth):
    for record in found.records:
        one = truth[record.name]
        if name == "montgomery":
            native = one.native_height, one.native_width
            assert record.spacing_mm == pytest.approx(np.multiply(native, SPACING_MM) / 256)
        else:
            assert record.spacing_mm == ((0.175, 0.175) if name == "jsrt" else None)


def test_lungs_and_sides_are_those_of_the_patient(name, found, truth):
    for place, record in enumerate(found.records):
        one, lungs = truth[record.name], read_lungs(record)
        assert lungs.shape == record.shape
        true, sides = (one.mask_left, one.mask_right), read_sides(record)
        if name == "one-mask" and place in (TOUCHING, ONE_LUNG):
            assert sides is None
            true = [one.mask_left] if place == ONE_LUNG else true
        else:
            assert all(alike(*pair) for pair in zip(sides, true, strict=True))
        assert alike(lungs, np.logical_or.reduce(true))


def alike(found, true):
    return dice(to_square(found, SIDE), to_square(true, SIDE)) > 0.98


def test_nothing_is_wrong_with_it(name, folder):
    said = [(fault.file.stem, fault.fault) for fault in check_set(folder).faults]
    one = "case03", "marks lung on only one side of the picture"
    assert said == [one] * (name == "one-mask")
