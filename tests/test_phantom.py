"""The simulated radiographs: reproducible, human in shape, exact in mask, readable on disk."""

import json
import re

import cv2
import numpy as np
import pytest

from lungseg_utils import phantom
from lungseg_utils.phantom import dataset, person, radiograph, ranges
from lungseg_utils.radiographs import load_records

SIZE = 128


def stand(seed, index, size=SIZE):
    """Patient, native size, view and masks of one radiograph, without its picture."""
    rng = np.random.default_rng([seed, index])
    return radiograph.stand(seed, index, size, rng)


@pytest.fixture(scope="module")
def thirty():
    """Thirty simulated radiographs of 128 x 128."""
    return [phantom.simulate(5, index, SIZE) for index in range(30)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A written set of forty radiographs of 64 x 64."""
    return phantom.write_phantom_set(tmp_path_factory.mktemp("sets") / "forty", 40, 64, seed=2)


def areas_cm2(native, masks):
    """Areas of the image's left and right lung."""
    pixel = native[0] * native[1] * ranges.SPACING_MM**2 / 100 / masks[0].size
    return masks[0].sum() * pixel, masks[1].sum() * pixel


def test_a_radiograph_depends_on_seed_and_index_alone(thirty):
    for index in (21, 3, 17):
        again = phantom.simulate(5, index, SIZE)
        assert (again.image == thirty[index].image).all()
        assert (again.mask_left == thirty[index].mask_left).all()
        assert again.reading == thirty[index].reading
    assert (phantom.simulate(6, 3, SIZE).image != thirty[3].image).any()


def test_arrays_have_the_promised_types(thirty):
    one = thirty[0]
    assert one.image.dtype == np.uint8 and one.image.shape == (SIZE, SIZE)
    assert one.mask_left.dtype == one.mask_right.dtype == bool
    assert all(one.sex in "FM" and one.label in (0, 1) and 3 < one.age < 91 for one in thirty)
    assert all({one.native_width, one.native_height} == {4020, 4892} for one in thirty)


def test_masks_are_human():
    for index in range(200):
        _, native, _, masks = stand(5, index)
        left, right = areas_cm2(native, masks)
        assert not (masks[0] & masks[1]).any()
        assert 40 < right < 340 and 50 < left < 360
        assert 0.6 < right / left < 1.2
        assert 0.08 < masks.any(0).mean() < 0.5
        assert np.nonzero(masks[0])[1].mean() < np.nonzero(masks[1])[1].mean()
        assert all(cv2.connectedComponents(mask.astype(np.uint8))[0] == 2 for mask in masks)


def test_median_areas_are_those_of_the_real_masks():
    adults = [found for found in (stand(8, index, 64) for index in range(200)) if found[0].age > 16]
    medians = np.median([areas_cm2(native, masks) for _, native, _, masks in adults], axis=0)
    assert medians == pytest.approx([208, 181], rel=0.08)  # measured on the Montgomery masks


def test_the_masks_of_the_picture_are_those_of_the_patient(thirty):
    assert (np.stack([thirty[4].mask_left, thirty[4].mask_right]) == stand(5, 4)[3]).all()


def test_lungs_are_darker_than_what_surrounds_them(thirty):
    for one in thirty:
        lungs = one.mask_left | one.mask_right
        ring = cv2.dilate(lungs.astype(np.uint8), np.ones((9, 9))).astype(bool) & ~lungs
        assert np.median(one.image[lungs]) < np.median(one.image[ring])


@pytest.mark.parametrize("index", range(4))
def test_the_mask_is_where_the_lung_attenuates(thirty, index):
    layers, one = phantom.explain(5, index, SIZE), thirty[index]
    assert ((layers["lungs"] > 0) == (one.mask_left | one.mask_right)).all()
    assert all(layer.dtype == np.float32 for layer in layers.values())
    negative = {name for name, layer in layers.items() if layer.min() < 0}
    assert negative <= {"airways", "belly_gas", "interstitium"}


def test_the_bones_are_named_and_present():
    layers = phantom.explain(0, 0, SIZE)
    for name in ("posterior_ribs", "anterior_ribs", "clavicles", "scapulae", "spine"):
        assert layers[name].max() > 0.05


def test_about_two_in_five_are_abnormal():
    for count in (40, 138, 500):
        share = np.mean([person.draw_label(0, index) for index in range(count)])
        assert 0.36 < share < 0.5


def sides_named(reading):
    """Sides of the image (0 left, 1 right) that a reading names."""
    found = set()
    if re.search(r"\bR[UML]L\b|right|both", reading):
        found.add(0)
    if re.search(r"\bL[UL]L\b|lingula|left|both", reading):
        found.add(1)
    return found


def test_readings_name_the_side_on_which_disease_is_drawn(thirty):
    for index, one in enumerate(thirty):
        layers = phantom.explain(5, index, SIZE)["disease"] if one.label else None
        assert sides_named(one.reading) if one.label else one.reading == "normal"
        if layers is not None:
            drawn = {
                side
                for side, mask in enumerate((one.mask_left, one.mask_right))
                if layers[mask].sum() > 0
            }
            assert drawn == sides_named(one.reading.split(";")[0])


def test_a_patient_seen_again_keeps_sex_and_about_the_age(thirty):
    for later, first in person.AGAIN.items():
        if later < 30:
            assert thirty[later].sex == thirty[first].sex
            assert thirty[later].age - thirty[first].age in (0, 1)
            assert f"(same pt as SIM_{first + 1:04d}_1)" in thirty[later].reading
            assert (thirty[later].image != thirty[first].image).any()


def test_a_small_size_is_refused():
    with pytest.raises(ValueError, match="64 or more"):
        phantom.simulate(0, 0, 8)


def test_a_written_set_reads_as_the_montgomery_layout(folder):
    records = load_records(folder)
    assert len(records) == 40
    assert (
        sum(count > 1 for count in np.unique([r.patient for r in records], return_counts=True)[1])
        >= 2
    )
    one = phantom.simulate(2, 0, 64)
    name = f"SIM_0001_{one.label}"
    assert (cv2.imread(str(folder / "CXR_png" / f"{name}.png"), -1) == one.image).all()
    mask = cv2.imread(str(folder / "ManualMask" / "leftMask" / f"{name}.png"), -1)
    assert set(np.unique(mask)) == {0, 255} and ((mask > 0) == one.mask_left).all()
    text = (folder / "ClinicalReadings" / f"{name}.txt").read_text()
    assert text == f"Patient's Sex: {one.sex} \nPatient's Age: {one.age:03.0f}Y\n{one.reading}\n"


def test_masks_are_stored_with_one_bit(folder):
    path = next((folder / "ManualMask" / "rightMask").iterdir())
    assert path.read_bytes()[24] == 1  # bit depth in the PNG header


def test_the_number_of_workers_changes_nothing(tmp_path):
    one = phantom.write_phantom_set(tmp_path / "one", 6, 64, seed=3, workers=1)
    three = phantom.write_phantom_set(tmp_path / "three", 6, 64, seed=3, workers=3)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(three) for p in three.rglob("*") if p.is_file())
    assert all((one / name).read_bytes() == (three / name).read_bytes() for name in files)


def test_a_whole_set_is_not_written_again(folder):
    before = (folder / "metadata.csv").stat().st_mtime_ns
    assert phantom.write_phantom_set(folder, 40, 64, seed=2) == folder
    assert (folder / "metadata.csv").stat().st_mtime_ns == before


def test_another_recipe_replaces_the_set(tmp_path):
    root = phantom.write_phantom_set(tmp_path / "set", 3, 64)
    phantom.write_phantom_set(root, 2, 64)
    assert len(list((root / "CXR_png").iterdir())) == 2
    assert json.loads((root / "phantom.json").read_text())["count"] == 2


def test_an_interrupted_run_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    def stop(root, index, made):
        if index == 2:
            raise KeyboardInterrupt
        return write(root, index, made)

    write = dataset.write_phantom
    monkeypatch.setattr(dataset, "write_phantom", stop)
    with pytest.raises(KeyboardInterrupt):
        phantom.write_phantom_set(tmp_path / "set", 4, 64)
    assert not (tmp_path / "set").exists() and not list(tmp_path.iterdir())


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(ValueError, match="holds other files"):
        phantom.write_phantom_set(tmp_path, 2, 64)
    assert (tmp_path / "mine.txt").read_text() == "keep me"
