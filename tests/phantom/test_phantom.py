"""The simulated radiographs: reproducible, exact in mask, honest in reading, readable on disk."""

import contextlib
import gc
import json
import re
import shutil
import tracemalloc

import cv2
import drawn
import numpy as np
import pytest

from lungseg_utils import phantom
from lungseg_utils.images import read_image
from lungseg_utils.phantom import (
    acquisition,
    dataset,
    disease,
    organs,
    person,
    radiograph,
    ranges,
    tissue,
)
from lungseg_utils.radiographs import load_records

SIZE = 128


@pytest.fixture(scope="module")
def thirty():
    """Thirty simulated radiographs of 128 x 128."""
    return [phantom.simulate(5, index, SIZE) for index in range(30)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A written set of 24 radiographs of 64 x 64, two of them of patients seen before."""
    return phantom.write_phantom_set(tmp_path_factory.mktemp("sets") / "some", 24, 64, seed=2)


@pytest.fixture(scope="module")
def patients():
    """The thirty's patients before the film, masks and disease drawn, without their pictures."""
    return [radiograph.Exposure(5, index, SIZE) for index in range(30)]


def test_a_radiograph_depends_on_seed_and_index_alone(thirty):
    for index in (21, 3, 17):
        again = phantom.simulate(5, index, SIZE)
        assert (again.image == thirty[index].image).all()
        assert (again.mask_left == thirty[index].mask_left).all()
        assert again.reading == thirty[index].reading
    assert (phantom.simulate(6, 3, SIZE).image != thirty[3].image).any()


@pytest.mark.parametrize("place", drawn.PATIENTS, ids=str)
def test_a_patient_is_drawn_as_ever(place):
    """Shipped weights, figures and numbers in the text are of these patients."""
    kept = json.loads(drawn.KEPT.read_text(encoding="utf-8"))["{} {}".format(*place)]
    found = drawn.describe(*place)
    assert found["known"] == kept["known"]
    assert found["parts"].keys() == kept["parts"].keys()
    for name, moments in kept["parts"].items():
        assert found["parts"][name] == pytest.approx(moments, rel=2e-3, abs=2e-5), name
    np.testing.assert_allclose(found["masks"], kept["masks"], atol=2e-4)
    np.testing.assert_allclose(found["tiles"], kept["tiles"], atol=0.3)


def test_arrays_have_the_promised_types(thirty):
    one = thirty[0]
    assert one.image.dtype == np.uint8 and one.image.shape == (SIZE, SIZE)
    assert one.mask_left.dtype == one.mask_right.dtype == bool
    assert all(one.sex in "FM" and one.label in (0, 1) and 3 < one.age < 91 for one in thirty)
    assert all({one.native_width, one.native_height} == {4020, 4892} for one in thirty)


def test_the_masks_of_the_picture_are_those_of_the_patient(thirty, patients):
    for one, patient in zip(thirty, patients, strict=True):
        assert (np.stack([one.mask_left, one.mask_right]) == patient.masks).all()
        assert (one.native_width, one.native_height) == patient.native


def lungs_are_darker(one, disease=0.0):
    """Where healthy, than the ring of pixels round them."""
    lungs = one.mask_left | one.mask_right
    ring = cv2.dilate(lungs.astype(np.uint8), np.ones((9, 9))).astype(bool) & ~lungs
    healthy = np.broadcast_to(disease, lungs.shape) < 0.1
    return np.median(one.image[lungs & healthy]) < np.median(one.image[ring & healthy])


def test_lungs_are_darker_than_what_surrounds_them(thirty, patients):
    assert all(lungs_are_darker(one, patient.disease)
               for one, patient in zip(thirty, patients, strict=True))  # fmt: skip


def test_a_part_is_left_out_of_a_patient_who_is_otherwise_the_same(thirty):
    index = next(index for index, one in enumerate(thirty) if "effusion" in one.reading)
    ill, well = thirty[index], phantom.simulate(5, index, SIZE, without={"disease"})
    lungs = ill.mask_left | ill.mask_right
    assert (well.mask_left == ill.mask_left).all() and (well.mask_right == ill.mask_right).all()
    assert (well.image != ill.image)[lungs].mean() > 0.1
    normal = next(index for index, one in enumerate(thirty) if one.label == 0)
    same = phantom.simulate(5, normal, SIZE, without={"disease"})
    assert (same.image == thirty[normal].image).all()


def test_an_inverted_radiograph_is_the_negative():
    plain, inverted = (phantom.simulate(5, 1, SIZE, kind=kind) for kind in ("", "inverted"))
    lungs = plain.mask_left | plain.mask_right
    both = plain.image[lungs].astype(int) + inverted.image[lungs]
    assert np.mean(abs(both - 255) <= 1) > 0.95
    assert lungs_are_darker(plain) and not lungs_are_darker(inverted)


@pytest.mark.parametrize(("seed", "index"), [(5, 0), (5, 3), (11, 40), (12, 205), (13, 77)])
@pytest.mark.parametrize("size", [64, SIZE])
def test_the_mask_is_where_the_lung_attenuates(seed, index, size):
    patient = radiograph.Exposure(seed, index, size)
    layers, lungs = phantom.explain(seed, index, size), patient.masks.any(0)
    assert ((layers["lungs"] > 0) == lungs).all()
    assert all(layer.dtype == np.float32 for layer in layers.values())
    assert all(layer.shape == (size, size) for layer in layers.values())
    negative = {name for name, layer in layers.items() if layer.min() < 0}
    assert negative <= {"airways", "belly_gas", "interstitium"}
    assert layers["body"][lungs].min() > 8 * tissue.WATER


def test_layers_are_the_same_twice():
    first, again = (sum(phantom.explain(9, 14, 64).values()) for _ in range(2))
    assert (first == again).all() and first.std() > 0.1


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


def test_readings_name_the_side_on_which_disease_is_drawn(patients):
    for patient in patients:
        drawn = {side for side in (0, 1) if np.sum(patient.disease * patient.masks[side]) > 0}
        assert drawn == sides_named(patient.reading.split(";")[0])
        assert bool(drawn) == bool(patient.label)
        assert patient.label or patient.reading == "normal"


def test_readings_name_each_finding_once(monkeypatch):
    """Also where it is drawn twice."""
    for draw in ("second", "third"):
        monkeypatch.setitem(ranges.SHARES, draw, 1.0)
    for index in range(30):
        findings = radiograph.Exposure(5, index, SIZE).reading.split(";")[0].split(", ")
        assert len(set(findings)) == len(findings)


def test_readings_begin_with_the_habit(patients):
    assert any(patient.who.habit for patient in patients)
    for patient in patients:
        assert patient.reading.startswith(patient.who.habit)


def test_disease_outside_the_masks_is_fluid_alone(patients):
    for patient in patients:
        outside = np.any(patient.disease * ~patient.masks.any(0))
        assert not outside or "effusion" in patient.reading


def test_disease_fills_no_more_than_the_air_there_was(patients):
    for patient in patients:
        full = disease.FLUID * patient.air.clip(20)
        added = np.broadcast_to(patient.disease, full.shape)
        assert np.percentile((added / full)[patient.masks.any(0)], 95) < 1.15


def chest(index):
    """The thirty's patient, with a generator of its own."""
    patient = radiograph.Exposure(5, index, SIZE)
    rng = np.random.default_rng(index)
    return disease.Chest(patient.who, patient.view, patient.masks, patient.air, rng)


@pytest.mark.parametrize("kind", [kind for kind, _ in disease.PATTERNS])
@pytest.mark.parametrize("side", [0, 1])
def test_each_disease_is_drawn_in_the_lung_it_names(kind, side):
    for index in range(6):
        lungs = chest(index)
        layer, text = kind(lungs, side)
        assert layer.shape == (SIZE, SIZE) and np.isfinite(layer).all() and layer.min() >= 0
        assert layer[lungs.masks[side]].max() > 0.02
        assert sides_named(text) == {side}


def test_a_nodule_is_as_large_as_its_reading_says():
    said, drawn = [], []
    for index in range(16):
        patient = radiograph.Exposure(5, index, 384)
        lungs = disease.Chest(patient.who, patient.view, patient.masks, patient.air, patient.rng)
        layer, text = disease.nodule(lungs, 0)
        if found := re.match(r"(\d+) mm nodule", text):
            mm2 = (layer > layer.max() / 2).sum() / abs(np.linalg.det(patient.view.matrix[:, :2]))
            said.append(int(found[1]))
            drawn.append(2 * np.sqrt(mm2 / np.pi))
    assert len(said) > 2
    np.testing.assert_allclose(drawn, said, rtol=0.15)


def test_fluid_stays_on_its_side():
    for index in range(6):
        layer, _ = disease.effusion(chest(index), index % 2)
        assert not layer[chest(index).masks[1 - index % 2]].any()


def test_a_collapsed_upper_lobe_lies_at_the_apex():
    lungs = chest(2)
    collapse, _ = disease.collapse(lungs, 0)
    airless = (collapse * lungs.masks[0]).any(1)
    rows = np.flatnonzero(lungs.masks[0].any(1))
    assert airless[rows[0]] and not airless[round(rows.mean()) :].any()


def test_miliary_seeds_lie_in_both_lungs():
    lungs = chest(2)
    layer, text = disease.miliary(lungs)
    assert sides_named(text) == {0, 1}
    assert all(0.02 < (layer[mask] > 0.02).mean() < 0.9 for mask in lungs.masks)


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


def test_other_bits_than_8_and_12_are_refused(tmp_path):
    with pytest.raises(ValueError, match="use 8 or 12"):
        phantom.simulate(0, 0, 64, bits=16)
    with pytest.raises(ValueError, match="8 or 12 bits"):
        phantom.write_phantom_set(tmp_path / "set", 1, 64, bits=10)
    assert not (tmp_path / "set").exists()


def test_patients_come_again_in_every_138():
    again = {index: person.first_visit(index) for index in range(3 * 138)}
    again = {index: first for index, first in again.items() if first != index}
    assert all(first < index and index // 138 == first // 138 for index, first in again.items())
    blocks = [{(index % 138, first % 138) for index, first in again.items() if index // 138 == one}
              for one in range(3)]  # fmt: skip
    assert blocks[0] == blocks[1] == blocks[2] and blocks[0]
    later = next(index for index in again if index > 138)
    rng = np.random.default_rng(0)
    who, before = (person.draw_person(5, index, rng) for index in (later, again[later]))
    assert (who.sex, who.habit) == (before.sex, before.habit) and 0 <= who.age - before.age <= 1


def test_by_default_a_set_is_as_large_as_the_montgomery_set(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(dataset, "is_whole", lambda root, recipe: asked.append(recipe) or True)
    assert phantom.write_phantom_set(tmp_path) == tmp_path
    (recipe,) = asked
    del recipe["version"]
    assert recipe == {"count": 138, "size": 512, "seed": 0, "bits": 8}


def test_a_written_set_reads_as_the_montgomery_layout(folder):
    records = load_records(folder)
    assert len(records) == 24
    assert len({record.patient for record in records}) == 22
    one = phantom.simulate(2, 0, 64)
    name = f"SIM_0001_{one.label}"
    assert (cv2.imread(str(folder / "CXR_png" / f"{name}.png"), -1) == one.image).all()
    mask = cv2.imread(str(folder / "ManualMask" / "leftMask" / f"{name}.png"), -1)
    assert set(np.unique(mask)) == {0, 255} and ((mask > 0) == one.mask_left).all()
    text = (folder / "ClinicalReadings" / f"{name}.txt").read_text(encoding="utf-8")
    assert text == f"Patient's Sex: {one.sex} \nPatient's Age: {one.age:03.0f}Y\n{one.reading}\n"


def test_masks_are_stored_with_one_bit(folder):
    path = next((folder / "ManualMask" / "rightMask").iterdir())
    assert path.read_bytes()[24] == 1  # bit depth in the PNG header


def test_a_set_of_12_bits_shows_the_same_in_finer_steps(folder, tmp_path):
    root = phantom.write_phantom_set(tmp_path / "fine", 3, 64, seed=2, bits=12)
    for fine, coarse in zip(load_records(root), load_records(folder), strict=False):
        stored = cv2.imread(str(fine.image_path), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint16 and 255 < stored.max() <= 4095
        assert len(np.unique(stored)) > 300
        assert np.abs(read_image(fine.image_path) - read_image(coarse.image_path)).max() < 1 / 200
        assert fine.mask_paths[0].read_bytes() == coarse.mask_paths[0].read_bytes()


def test_a_set_of_12_bits_is_written_in_16(tmp_path):
    root = phantom.write_phantom_set(tmp_path / "deep", 1, 64, bits=12)
    assert next((root / "CXR_png").iterdir()).read_bytes()[24] == 16


def test_memory_does_not_grow_from_radiograph_to_radiograph(tmp_path, monkeypatch):
    held = []

    def simulate(*arguments):
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        return phantom.simulate(*arguments)

    monkeypatch.setattr(dataset, "simulate", simulate)
    monkeypatch.setattr(dataset.os, "cpu_count", lambda: 1)
    tracemalloc.start()
    try:
        phantom.write_phantom_set(tmp_path / "set", 8, 64)
    finally:
        tracemalloc.stop()
    assert (held[-1] - held[2]) / 5 < 4096  # bytes a radiograph; one mask is as large


def test_the_number_of_processor_cores_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset.os, "cpu_count", lambda: 1)
    one = phantom.write_phantom_set(tmp_path / "one", 4, 64, seed=3)
    monkeypatch.setattr(dataset.os, "cpu_count", lambda: 3)
    three = phantom.write_phantom_set(tmp_path / "three", 4, 64, seed=3)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(three) for p in three.rglob("*") if p.is_file())
    assert all((one / name).read_bytes() == (three / name).read_bytes() for name in files)


def test_a_whole_set_is_not_written_again(folder):
    before = (folder / "metadata.csv").stat().st_mtime_ns
    assert phantom.write_phantom_set(folder, 24, 64, seed=2) == folder
    assert (folder / "metadata.csv").stat().st_mtime_ns == before


def test_a_set_of_an_earlier_version_is_replaced_and_any_other_is_kept(tmp_path):
    root = phantom.write_phantom_set(tmp_path / "set", 2, 64)
    made = sorted(root.rglob("*"))
    for other in ({"count": 3}, {"seed": 1}, {"bits": 12}):
        with pytest.raises(ValueError, match="holds other files"):
            phantom.write_phantom_set(root, **{"count": 2, "size": 64} | other)
    recipe = json.loads((root / "phantom.json").read_text(encoding="utf-8"))
    (root / "phantom.json").write_text(json.dumps(recipe | {"version": 1}), encoding="utf-8")
    (root / "mine.txt").write_text("a note", encoding="utf-8")
    with pytest.raises(ValueError, match="holds other files"):
        phantom.write_phantom_set(root, 2, 64)
    (root / "mine.txt").unlink()
    phantom.write_phantom_set(root, 2, 64)
    assert json.loads((root / "phantom.json").read_text(encoding="utf-8")) == recipe
    assert sorted(root.rglob("*")) == made


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


@pytest.mark.parametrize("whole", [True, False])
def test_a_set_that_another_process_finished_first_is_taken(whole, tmp_path, monkeypatch):
    fill = dataset.fill_folder

    def fill_both(half, recipe):
        fill(half, recipe)
        monkeypatch.setattr(dataset.Path, "rename", late)

    def late(half, root):
        if whole:
            shutil.copytree(half, root)
        raise FileExistsError(17, "as Windows says it", str(root))

    monkeypatch.setattr(dataset, "fill_folder", fill_both)
    expected = contextlib.nullcontext() if whole else pytest.raises(FileExistsError)
    with expected:
        assert len(load_records(phantom.write_phantom_set(tmp_path / "set", 2, 64))) == 2
    assert len(list(tmp_path.iterdir())) == whole, "the half is gone"


@pytest.mark.parametrize("name", ["mine.txt", "metadata.csv", "CXR_png/a.png", ".hidden"])
def test_a_folder_of_other_files_is_left_alone(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("keep me", encoding="utf-8")
    with pytest.raises(ValueError, match="holds other files"):
        phantom.write_phantom_set(tmp_path, 2, 64)
    assert (tmp_path / name).read_text(encoding="utf-8") == "keep me"


@pytest.mark.parametrize("kind", ranges.RARE)
def test_a_rare_kind_differs_from_the_default_and_is_drawn_as_ever(kind):
    first, again, plain = (phantom.simulate(5, 3, SIZE, kind=one) for one in (kind, kind, ""))
    assert (first.image == again.image).all() and (first.image != plain.image).mean() > 0.3
    layers = phantom.explain(5, 3, SIZE, kind)
    assert ((layers["lungs"] > 0) == (first.mask_left | first.mask_right)).all()


@pytest.mark.parametrize("kind", ["white lung", "lung removed"])
@pytest.mark.parametrize("index", range(4))
def test_half_a_chest_is_without_air(kind, index):
    patient = radiograph.Exposure(6, index, SIZE, kind)
    side, one = int(patient.who.side > 0), phantom.simulate(6, index, SIZE, kind=kind)
    masks = one.mask_left, one.mask_right
    full = disease.FLUID * patient.path
    lower = patient.view.places[1] / patient.who.H > 0.4
    halves = [(patient.view.places[0] - 0.5 * patient.who.turn) * way > 4 for way in (-1, 1)]
    white, other = ((patient.disease / full.clip(0.1))[half & lower & (patient.path > 40)]
                    for half in (halves[side], halves[1 - side]))  # fmt: skip
    assert np.quantile(white, 0.95) > 0.6 and other.max() < 0.1
    assert masks[1 - side].any() and masks[side].any() == (kind == "white lung")
    assert one.label == 1 and ("right", "left")[side] in one.reading
    assert re.search("collapse|effusion" if kind == "white lung" else "removed", one.reading)


def test_a_lung_that_came_off_leaves_air_without_vessels():
    exposure = radiograph.Exposure(6, 2, 256, "pneumothorax")
    layers = dict(exposure.layers())
    air = exposure.masks[int(exposure.who.side > 0)] & (
        disease.Chest(exposure.who, exposure.view, exposure.masks, exposure.air, None).rim < -2
    )
    assert air.sum() > 200 and layers["vessels"][air].max() == 0
    assert layers["disease"][air].max() < 0
    assert "pneumothorax" in exposure.reading


def test_a_lying_child_is_small_and_young():
    for index in range(6):
        one = radiograph.Exposure(8, index, SIZE, "lying child")
        assert one.who.age <= 7
        assert one.who.H < 230 and one.native[0] < 1.3 * ranges.SHORT
    infant = person.GROWN[1][0] * np.mean(ranges.PERSON["lung_height"][:2])
    assert 80 < infant < 110  # mm, of a newborn's lungs on a film


def test_raised_domes_and_bent_spines_are_out_of_the_ordinary():
    domes = [radiograph.Exposure(8, index, 64, "raised domes").who for index in range(8)]
    assert np.median([organs.dome_height(who, 1) / who.H for who in domes]) > 0.22
    bent = [radiograph.Exposure(8, index, 64, "bent spine").who.scoliosis for index in range(8)]
    assert np.abs(bent).min() > 20 and min(bent) < 0 < max(bent)


def test_a_cropped_film_cuts_lungs_off():
    def touches(one):
        lungs = one.mask_left | one.mask_right
        return lungs[0].any() or lungs[-1].any() or lungs[:, 0].any() or lungs[:, -1].any()

    cut, whole = ([touches(phantom.simulate(4, index, 64, kind=kind)) for index in range(16)]
                  for kind in ("cropped", ""))  # fmt: skip
    assert np.mean(cut) > 0.6 and np.mean(whole) < 0.3


def test_rare_kinds_come_in_their_shares():
    drawn = [radiograph.draw_kind(1, index, ranges.RARE) for index in range(4000)]
    for kind, share in ranges.RARE.items():
        assert drawn.count(kind) / 4000 == pytest.approx(share, abs=0.015)
    assert set(drawn) == {"", *ranges.RARE}
    assert {radiograph.draw_kind(1, index, {}) for index in range(50)} == {""}
    assert {radiograph.draw_kind(1, index, {"bedside": 1}) for index in range(50)} == {"bedside"}


def test_a_patient_seen_again_is_of_the_same_rare_kind():
    for later, first in person.AGAIN.items():
        assert (radiograph.draw_kind(1, later, ranges.RARE)
                == radiograph.draw_kind(1, first, ranges.RARE))  # fmt: skip
        one, again = (radiograph.Exposure(1, index, 64, "lung removed") for index in (first, later))
        assert one.who.side == again.who.side


@pytest.mark.parametrize("kind, words", [("", {"PA", "ERECT"}), ("bedside", {"AP", "SUPINE"}),
                                         ("lying child", {"AP", "SUPINE"})])  # fmt: skip
def test_the_film_says_how_the_patient_was_placed(kind, words, monkeypatch):
    written = set()
    monkeypatch.setattr(acquisition, "letter", lambda _, text, *more: written.add(text))
    for index in range(6):
        phantom.simulate(5, index, 64, kind=kind)
    assert written & {"PA", "AP", "ERECT", "SUPINE"} == words


def test_a_kind_that_is_not_known_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no kind of radiograph is called sideways"):
        phantom.simulate(0, 0, 64, kind="sideways")
    for rare, words in (({"sideways": 0.1}, "no kind is called sideways"),
                        ({"bedside": 0.7, "cropped": 0.5}, "add up to 1.2"),
                        ({"bedside": -0.7}, "add up to -0.7")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            phantom.write_phantom_set(tmp_path / "set", 1, 64, rare=rare)
    assert not (tmp_path / "set").exists()


def test_a_set_with_rare_kinds_is_another_set(tmp_path):
    root = phantom.write_phantom_set(tmp_path / "set", 2, 64, rare={"lung removed": 1})
    assert all(not all(cv2.imread(str(path), -1).any() for path in record.mask_paths)
               for record in load_records(root))  # fmt: skip
    assert phantom.write_phantom_set(root, 2, 64, rare={"lung removed": 1}) == root
    with pytest.raises(ValueError, match="holds other files"):
        phantom.write_phantom_set(root, 2, 64)


@pytest.mark.parametrize("index", range(6))
def test_the_lung_behind_the_heart_is_counted_where_that_is_asked_for(index, tmp_path):
    plain, whole = (phantom.simulate(7, index, 256, lung_behind_heart=behind)
                    for behind in (False, True))  # fmt: skip
    assert (plain.image == whole.image).all()
    who, _, view, _ = radiograph.position(7, index, 256, np.random.default_rng([7, index]))
    hidden = view.fill(organs.heart(who), organs.aortic_arch(who))
    for small, large in ((plain.mask_left, whole.mask_left), (plain.mask_right, whole.mask_right)):
        assert not (small & ~large).any()
        assert hidden[large & ~small].min() > 0.3
    more = (whole.mask_left | whole.mask_right).sum() / (plain.mask_left | plain.mask_right).sum()
    assert 1.05 < more < 1.6
    left = whole.mask_right & ~plain.mask_right  # most of the heart is on the patient's left
    assert left.sum() > (whole.mask_left & ~plain.mask_left).sum()
