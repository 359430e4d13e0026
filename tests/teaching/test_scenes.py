"""Scenes: what they draw and say, for every state of their controls."""

import base64
import io
import math
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from keras import ops
from matplotlib.colors import to_hex
from PIL import Image
from sets import lungs, radiograph, write_set

from lungseg_utils import losses, metrics
from lungseg_utils.augmentation import MILD, Augmentation
from lungseg_utils.masks import lung_area_cm2
from lungseg_utils.radiographs import load_records
from lungseg_utils.teaching import plots, scenes
from lungseg_utils.teaching.scenes import Case, Lung, receptive_span
from lungseg_utils.unet import build_unet

SHAPE, SPACING = (48, 64), (2.0, 1.5)
STILL = Augmentation(rotation=0, zoom=0, shift=0, gamma=0, contrast=0, noise=0)
READINGS = ("normal", "Effusion, LLL.", "large effusion RUL", "")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Four records that differ in all that a filter looks at."""
    found = load_records(write_set(tmp_path_factory.mktemp("scenes") / "set"))
    known = (("F", 27, 0), ("M", 0.5, 1), ("", None, None), ("F", 70, 1))
    return tuple(
        replace(record, sex=sex, age=age, label=label, reading=reading)
        for record, (sex, age, label), reading in zip(found, known, READINGS, strict=True)
    )


@pytest.fixture(scope="module")
def probability():
    """A soft probability with a blob of nonsense, of every height from 0 to 1."""
    rng = np.random.default_rng(0)
    soft = 0.15 + 0.7 * np.logical_or(*lungs(SHAPE, 8)) + rng.uniform(-0.15, 0.15, SHAPE)
    soft[2:6, 30:36] = 0.55
    soft[0, :2] = 0, 1
    return soft.astype(np.float32)


@pytest.fixture(scope="module")
def reference():
    return np.logical_or(*lungs(SHAPE))


def drawn(scene, panel=0):
    """The array that a panel of the scene shows."""
    return scene.figure.axes[panel].images[0].get_array().data


def outlines(scene):
    """How many outlines and filled areas the first panel holds."""
    return len(scene.figure.axes[0].collections)


def test_neither_scenes_nor_widgets_import_tensorflow():
    code = "import sys, lungseg_utils.teaching.widgets; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# 01


@pytest.mark.parametrize("words", ["", "effusion", "EFFUSION rul", "lll effusion", "pneumonia"])
def test_matching_keeps_exactly_what_fits(records, words):
    states = product(("", "F", "M", "O"), (None, 0, 1), ((0, 120), (0, 27), (27, 70), (28, 69)))
    for sex, label, ages in states:
        expected = [
            record
            for record in records
            if (not sex or record.sex == sex)
            and (label is None or record.label == label)
            and (ages == (0, 120) or (record.age is not None and ages[0] <= record.age <= ages[1]))
            and not set(words.lower().split()) - set(re.findall(r"\w+", record.reading.lower()))
        ]
        assert list(scenes.matching(records, sex, label, ages, words)) == expected


def test_matching_nothing_asked_keeps_all(records):
    assert scenes.matching(records) == records
    assert scenes.matching(records, ages=[0, 120]) == records


def test_browse_says_all_that_is_known(records):
    for place, record in enumerate(records):
        scene = scenes.browse(records, place)
        assert record.name in scene.alt and record.reading in scene.alt
        assert f"{place + 1} of 4" in scene.caption
        assert "24 x 32 pixels" in scene.alt
    assert "sex: F; age: 27 years; label: normal" in scenes.browse(records, 0).alt
    assert "sex: not known; age: not known; label: not known" in scenes.browse(records, 2).alt
    assert scenes.browse(records, 2).caption.startswith(f"3 of 4: {records[2].name}.")


def test_browse_of_nothing_says_so():
    scene = scenes.browse((), 0)
    assert "No radiograph matches" in scene.alt and "No radiograph matches" in scene.caption


def test_browse_without_spacing(records):
    assert "pixel: not known" in scenes.browse([replace(records[0], spacing_mm=None)], 0).alt


# 02


@pytest.mark.parametrize("style", ["filled", "outlines", "off"])
def test_overlay_says_the_areas(style):
    left, right = lungs(SHAPE)
    scene = scenes.overlay(radiograph(SHAPE), left, right, SPACING, 0.25, style)
    for mask, side in ((left, "left"), (right, "right")):
        area = f"{lung_area_cm2(mask, SPACING):.0f} cm2 at image {side}"
        assert area in scene.alt and area in scene.caption
    assert "0 pixels in both" in scene.caption
    assert outlines(scene) == (0 if style == "off" else 2)
    assert ("opacity 0.25" in scene.alt) == (style == "filled")


def test_overlay_counts_shared_pixels_and_needs_no_spacing():
    left, right = lungs(SHAPE)
    left = left | right
    scene = scenes.overlay(radiograph(SHAPE), left, right, None)
    assert f"{left.sum():,} pixels at image left" in scene.caption
    assert f"{right.sum():,} pixels in both" in scene.caption


def test_an_empty_mask_is_drawn_as_nothing():
    nothing = np.zeros(SHAPE, bool)
    for style in ("filled", "outlines"):
        assert (
            outlines(scenes.overlay(radiograph(SHAPE), nothing, nothing, SPACING, 0.4, style)) == 0
        )


# 03


@pytest.mark.parametrize("depth", range(4))
def test_receptive_field_is_what_a_network_sees(depth):
    """Each pixel is lit in turn: the answers that change are those whose field holds it."""
    size = 32
    network = build_unet(size, filters=1, depth=depth)
    ones = [np.ones_like(array) if array.ndim == 4 else array for array in network.get_weights()]
    network.set_weights(ones)  # nothing cancels
    lit = np.eye(size * size, dtype=np.float32).reshape(-1, size, size, 1)
    answers = ops.convert_to_numpy(network.predict(lit, verbose=0))[..., 0] != 0.5
    answers = answers.reshape(size, size, size, size)
    spans = [receptive_span(place, depth) for place in range(size)]
    sees = np.array([[first <= place <= last for place in range(size)] for first, last in spans])
    assert np.array_equal(answers, np.einsum("yr,xc->rcyx", sees, sees))


def test_receptive_field_is_bright_and_the_rest_dimmed():
    size, image = 64, np.ones((64, 64), np.float32)
    states = product((0, 0.3, 0.5, 1), (0, 0.35, 1), range(6))
    for row, column, depth in states:
        scene = scenes.receptive_field(image, row, column, depth)
        y, x = (min(int(share * size), size - 1) for share in (row, column))
        (top, bottom), (first, last) = receptive_span(y, depth), receptive_span(x, depth)
        expected = np.zeros((size, size), bool)
        expected[max(top, 0) : bottom + 1, max(first, 0) : last + 1] = True
        assert np.array_equal(drawn(scene) == 1, expected) and expected[y, x]
        assert f"{bottom - top + 1} x {last - first + 1} pixels" in scene.caption
        assert f"{expected.mean():.2%}" in scene.caption


# 04


def test_copies_without_changes_are_the_original():
    image, mask = radiograph((32, 32)), np.logical_or(*lungs((32, 32)))
    for seed in range(21):
        images, masks = scenes.augmented_copies(image, mask, STILL, seed)
        assert images.shape == masks.shape == (3, 32, 32)
        assert np.abs(images - image).max() < 1e-5 and np.array_equal(masks > 0.5, [mask] * 3)


def test_copies_depend_on_the_seed_alone_and_differ():
    image, mask = radiograph((32, 32)), np.logical_or(*lungs((32, 32)))
    first, again = (scenes.augmented_copies(image, mask, MILD, 7)[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert np.ptp(first, axis=0).max() > 0.05
    assert not np.allclose(first, scenes.augmented_copies(image, mask, MILD, 8)[0])


def test_image_and_mask_of_a_copy_move_alike():
    mask = np.logical_or(*lungs((32, 32))).astype(np.float32)
    moves = replace(STILL, rotation=30, zoom=0.3, shift=0.2)
    images, masks = scenes.augmented_copies(mask, mask, moves, 1)
    assert np.allclose(images, masks, atol=1e-5) and not np.allclose(masks, mask)


def test_augmented_says_the_share_of_lung():
    image, mask = radiograph((32, 32)), np.logical_or(*lungs((32, 32)))
    scene = scenes.augmented(image, mask, STILL, 0)
    share = f"{mask.mean():.0%}"
    assert f"{share} of the original and {share}, {share}, {share} of the copies" in scene.caption
    assert len(scene.figure.axes) == 4


def test_moved_lungs_move_and_grow_without_loss():
    still = scenes.moved_lungs(0, 0)
    for shift in range(-16, 17):
        assert np.array_equal(scenes.moved_lungs(shift, 0), np.roll(still, shift, 1))
        assert scenes.moved_lungs(shift, 6).sum() == scenes.moved_lungs(0, 6).sum()
    grown = [scenes.moved_lungs(0, growth) for growth in range(-6, 7)]
    assert all(
        (small <= large).all() and small.sum() < large.sum() for small, large in pairwise(grown)
    )
    assert grown[0].any()


def said_losses(scene):
    return {
        name: float(value)
        for name, value in re.findall(r"([a-zA-Z -]+) (\d\.\d{3})", scene.caption)
    }


def test_loss_values_are_the_package_s_and_as_worked_by_hand():
    still = scenes.moved_lungs(0, 0)
    states = [*product(range(-16, 17), range(-6, 7), [0.9])]
    states += [(4, 0, confidence / 100) for confidence in range(50, 100)]
    for shift, growth, confidence in states:
        moved = scenes.moved_lungs(shift, growth)
        probability = np.where(moved, confidence, 1 - confidence).astype(np.float32)
        values = scenes.loss_values(still, probability)
        right = (moved == still).mean()
        entropy = -right * math.log(confidence) - (1 - right) * math.log(1 - confidence)
        shared = 2 * probability[still].sum() + 1
        dice_loss = 1 - shared / (probability.sum() + still.sum() + 1)
        assert values["cross-entropy"] == pytest.approx(entropy, abs=1e-5)
        assert values["Dice loss"] == pytest.approx(dice_loss, abs=1e-5)
        batch = (array[None, ..., None].astype("f4") for array in (still, probability))
        assert values["their sum"] == pytest.approx(float(losses.bce_dice_loss(*batch)[0]))
        assert values["their sum"] == pytest.approx(entropy + dice_loss, abs=1e-5)


def test_losses_says_its_values_and_keeps_its_bars_inside():
    for state in product((-16, 0, 16), (-6, 0, 6), (0.5, 0.9, 0.99)):
        scene = scenes.losses(*state)
        bars = [bar.get_width() for bar in scene.figure.axes[1].patches]
        assert list(said_losses(scene).values()) == [round(width, 3) for width in bars]
        assert max(bars) < scene.figure.axes[1].get_xlim()[1]
    assert "0.0% of the pixels" in scenes.losses(0, 0, 0.9).caption


# 05


@pytest.mark.parametrize("threshold", scenes.THRESHOLDS)
def test_thresholded_counts_as_the_metrics_do(probability, reference, threshold):
    image, prediction = radiograph(SHAPE), probability > threshold
    parts = scenes.confusion(prediction, reference)
    tp, fp, fn = (int(parts[name].sum()) for name in ("TP", "FP", "FN"))
    scores = metrics.score(prediction, reference, SPACING)
    assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(scores["dice"])
    assert tp / (tp + fp) == pytest.approx(scores["precision"])
    assert tp / (tp + fn) == pytest.approx(scores["recall"])
    scene = scenes.thresholded(image, probability, reference, SPACING, threshold)
    counts = f"{tp:,} TP, {fp:,} FP, {fn:,} FN pixels"
    assert counts in scene.alt and counts in scene.caption
    dice, hd95 = scores["dice"], scores["hd95_mm"]
    assert f"Dice {dice:.3f}, precision" in scene.caption and f"HD95 {hd95:.1f} mm" in scene.caption


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dice_by_threshold_is_dice_at_each(probability, reference, dtype):
    probability = np.round(probability.astype(dtype), 2)  # many pixels at a threshold exactly
    curve = scenes.dice_by_threshold(probability, reference)
    cuts = scenes.THRESHOLDS.astype(dtype)
    assert np.allclose(curve, [metrics.dice(probability > cut, reference) for cut in cuts])


def test_thresholded_without_lung_or_spacing(probability):
    image, nothing = radiograph(SHAPE), np.zeros(SHAPE, bool)
    empty = np.zeros(SHAPE, np.float32)
    assert "Dice 1.000" in scenes.thresholded(image, empty, nothing, SPACING, 0.5).caption
    assert (scenes.dice_by_threshold(empty, nothing) == 1).all()
    missed = scenes.thresholded(image, probability, nothing, SPACING, 0.5)
    assert "Dice 0.000" in missed.caption and "HD95 infinite" in missed.caption
    assert "HD95" not in scenes.thresholded(image, probability, nothing, None, 0.5).caption


def test_areas_do_not_overlap_and_cover_both_masks(probability, reference):
    parts = scenes.confusion(probability > 0.5, reference)
    assert (sum(part.astype(int) for part in parts.values()) <= 1).all()
    assert np.array_equal(parts["TP"] | parts["FP"], probability > 0.5)
    assert np.array_equal(parts["TP"] | parts["FN"], reference)


# 06


def inside(lung, row, column, shape):
    """The formula of `lung_mask` for one pixel, in plain numbers."""
    down, across = row + 0.5 - lung.row * shape[0], column + 0.5 - lung.column * shape[1]
    cosine, sine = math.cos(math.radians(lung.tilt)), math.sin(math.radians(lung.tilt))
    v = 2 * (down * cosine - across * sine) / (lung.height * shape[0])
    u = 2 * (across * cosine + down * sine) / (lung.width * shape[1])
    return abs(v) < 1 and abs(u) < 0.92 * (1 + 0.33 * v) * (1 - abs(v) ** 2.5) ** (1 / 2.5)


def test_lung_mask_is_its_formula():
    rng = np.random.default_rng(0)
    for _ in range(40):
        low, high = (0, 0, 0.05, 0.05, -30), (1, 1, 0.95, 0.95, 30)
        lung, shape = Lung(*rng.uniform(low, high)), tuple(rng.integers(1, 30, 2))
        places = product(range(shape[0]), range(shape[1]))
        expected = [inside(lung, row, column, shape) for row, column in places]
        mask = scenes.lung_mask(lung, shape)
        assert mask.dtype == bool and mask.shape == shape
        assert mask.ravel().tolist() == expected


def test_a_lung_is_as_tall_and_wide_as_it_says_narrower_above_and_turns_with_the_clock():
    mask = scenes.lung_mask(Lung(0.5, 0.5, 0.8, 0.4), (400, 300))
    assert mask.any(1).sum() == pytest.approx(320, abs=3)
    assert mask.any(0).sum() == pytest.approx(120, abs=2)
    assert np.array_equal(mask, mask[:, ::-1])
    assert mask[100].sum() < 0.8 * mask[300].sum()
    tilted = scenes.lung_mask(Lung(0.5, 0.5, 0.8, 0.4, 20), (400, 300))
    assert np.nonzero(tilted[100])[0].mean() > np.nonzero(tilted[300])[0].mean()
    assert tilted.sum() == pytest.approx(mask.sum(), rel=0.01)


def test_a_lung_beyond_the_picture_is_cut_off_there():
    for row, column in product((-2, 0, 1, 3), repeat=2):
        mask = scenes.lung_mask(Lung(row, column, 0.3, 0.3), SHAPE)
        assert mask.shape == SHAPE and mask.any() == (row in (0, 1) and column in (0, 1))


def test_drawn_by_hand_scores_and_ranks(reference):
    image, pair = radiograph(SHAPE), (Lung(0.5, 0.27, 0.6, 0.2), Lung(0.5, 0.73, 0.6, 0.2))
    mask = scenes.lung_mask(pair[0], SHAPE) | scenes.lung_mask(pair[1], SHAPE)
    scores = metrics.score(mask, reference, SPACING)
    dice = scores["dice"]
    cases = {(): 1, (dice + 0.01,): 2, (dice - 0.01,): 1, (dice,): 1, (0, dice + 0.01, 1): 3}
    for others, rank in cases.items():
        named = {f"method {number}": value for number, value in enumerate(others)}
        scene = scenes.drawn_by_hand(image, reference, SPACING, *pair, named)
        assert f"rank {rank} of {len(others) + 1}" in scene.caption
        assert f"Dice {dice:.3f}, HD95 {scores['hd95_mm']:.1f} mm" in scene.caption
        assert len(scene.figure.axes[1].patches) == len(others) + 1
    assert outlines(scene) == 1
    assert outlines(scenes.drawn_by_hand(image, reference, SPACING, *pair, named, True)) == 2
    assert " mm" not in scenes.drawn_by_hand(image, reference, None, *pair, {}).caption


def test_a_large_radiograph_is_scored_as_a_small_one():
    pair = Lung(0.5, 0.27, 0.6, 0.2), Lung(0.5, 0.73, 0.6, 0.2)
    scores = {}
    for side, spacing in ((500, (0.8, 0.6)), (2000, (0.2, 0.15))):
        image, reference = radiograph((side, side)), np.logical_or(*lungs((side, side)))
        scene = scenes.drawn_by_hand(image, reference, spacing, *pair, {}, True)
        assert drawn(scene).shape[0] <= 1000
        scores[side] = [float(number) for number in re.findall(r"\d+\.\d+", scene.caption)]
    assert scores[500] == pytest.approx(scores[2000], rel=0.03)


def cases(reference, probability):
    masks = [probability > cut for cut in (0.999, 0.9, 0.5, 0.1)] + [np.zeros(SHAPE, bool)]
    return [
        Case(f"case {number}", radiograph(SHAPE), reference, mask, SPACING,
             metrics.score(mask, reference, SPACING))
        for number, mask in enumerate(masks)
    ]  # fmt: skip


def test_worst_first_by_every_score(reference, probability):
    pool = cases(reference, probability)
    for name in pool[0].scores:
        values = [case.scores[name] for case in scenes.worst_first(pool, name)]
        assert values == sorted(values, reverse=name in ("hd95_mm", "assd_mm"))
    assert scenes.worst_first(pool, "dice")[0].name == "case 4"
    unmeasured = replace(pool[0], spacing_mm=None, scores={"dice": 1.0})
    shown = scenes.worst_first([unmeasured, *pool], "hd95_mm")
    assert len(shown) == len(pool) and all(case is not unmeasured for case in shown)


def test_failure_says_the_scores_of_each_case(reference, probability):
    pool = cases(reference, probability)
    for place, case in enumerate(pool):
        scene = scenes.failure(pool, place)
        assert f"{case.name}, {place + 1} of 5, worst first" in scene.caption
        assert f"Dice {case.scores['dice']:.3f}" in scene.caption
        counts = [f"{part.sum():,} {name}" for name, part in
                  scenes.confusion(case.prediction, reference).items()]  # fmt: skip
        assert ", ".join(counts) in scene.alt
    assert "HD95 infinite, ASSD infinite" in scenes.failure(pool, 4).caption
    assert "no case" in scenes.failure([], 0).caption


# the picture of a scene


def test_rare_colours_survive_the_palette_and_greys_stay_grey(reference):
    """A legend, a thin outline and a hatch hold few pixels; a radiograph holds all greys."""
    image = np.linspace(0, 1, 512 * 512, dtype=np.float32).reshape(512, 512)
    image = np.roll(image, 99, axis=1) + 0.02 * np.random.default_rng(0).normal(size=image.shape)
    left, right = lungs((512, 512))
    case = Case("one", image, left | right, np.roll(left | right, 9, 1), SPACING, {})
    for scene in (scenes.overlay(image, left, right, SPACING), scenes.failure([case], 0)):
        html = plots.picture(*scene).html
        png = base64.b64decode(re.search(r'base64,([^"]+)"', html)[1])
        shown = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
        exact = np.asarray(scene.figure.canvas.buffer_rgba())[:, :, :3].astype(int)
        assert np.percentile(np.abs(shown - exact).max(axis=2), 99.9) <= 10
        grey = np.ptp(exact, axis=2) == 0
        assert np.ptp(shown[grey], axis=1).mean() < 0.1


# two at a time: JupyterLab moves widgets in a thread of their own, beside the cells


def test_pictures_drawn_at_the_same_time_look_as_alone():
    image, masks = radiograph(SHAPE), lungs(SHAPE)

    def drawn(_=None):
        return plots.picture(*scenes.overlay(image, *masks, SPACING)).html

    alone = drawn()
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(drawn, range(20))) == {alone}


# what a legend says is what its colour shows


def shown_as(panel) -> dict[str, np.ndarray]:
    """By label of the legend, the pixels of SHAPE that are filled or outlined in its colour."""
    rows, columns = np.indices(SHAPE)
    places = np.stack([columns.ravel(), rows.ravel()], axis=1)
    regions = {}
    for area in panel.collections:
        edge = area.get_facecolor() if len(area.get_facecolor()) else area.get_edgecolor()
        inside = np.zeros(len(places), bool)
        for path in area.get_paths():
            inside |= path.contains_points(places)
        regions[to_hex(edge[0])] = inside.reshape(SHAPE)
    found = {}
    for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
        drawn = handle.get_facecolor() if hasattr(handle, "get_facecolor") else handle.get_color()
        found[label] = regions[to_hex(drawn)]
    return found


PREDICTED, TRUE = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
PREDICTED[10:40, 5:25] = TRUE[10:40, 15:45] = True
PARTS = {"both (TP)": PREDICTED & TRUE, "prediction only (FP)": PREDICTED & ~TRUE,
         "reference only (FN)": TRUE & ~PREDICTED}  # fmt: skip


def test_the_legend_of_what_is_wrong_is_true():
    image = radiograph(SHAPE).astype(np.float32)
    scores = metrics.score(PREDICTED, TRUE, SPACING)
    case = Case("one", image, TRUE, PREDICTED, SPACING, scores)
    panels = [
        scenes.thresholded(image, PREDICTED.astype(np.float32), TRUE, SPACING, 0.5).figure.axes[0],
        scenes.failure([case], 0).figure.axes[2],
    ]
    for panel in panels:
        found = shown_as(panel)
        assert found.keys() == PARTS.keys()
        for label, part in PARTS.items():
            assert metrics.dice(found[label], part) > 0.93, label


@pytest.mark.parametrize("style", ["filled", "outlines"])
def test_the_legend_of_the_two_lungs_is_true(style):
    left, right = lungs(SHAPE)
    scene = scenes.overlay(radiograph(SHAPE), left, right, SPACING, style=style)
    found = shown_as(scene.figure.axes[0])
    assert found.keys() == {"image left", "image right"}
    for label, lung in (("image left", left), ("image right", right)):
        assert metrics.dice(found[label], lung) > 0.9


def test_a_thinned_picture_keeps_the_size_of_the_patient():
    image = np.zeros((2400, 1300), np.float32)
    mask = image == 0
    thin, thin_mask, spacing = scenes.frame.thinned(image, mask, (0.1, 0.2))
    assert thin.shape == thin_mask.shape == (1200, 650) and spacing == (0.2, 0.4)
    assert lung_area_cm2(thin_mask, spacing) == pytest.approx(lung_area_cm2(mask, (0.1, 0.2)))
    assert scenes.frame.thinned(image, mask, None)[2] is None
    assert scenes.frame.thinned(image[:9], mask[:9, :9], (0.1, 0.2))[2] == (0.1, 0.2)


@pytest.mark.parametrize("workers, rate", [(1, 5), (8, 40), (20, 100), (64, 100)])
def test_more_workers_help_until_the_folder_delivers_no_more(workers, rate):
    scene = scenes.throughput(workers, seconds=0.2, megabytes=1, folder=100)
    assert (
        f": {rate:.1f} files a second, a million in {1e6 / rate / 3600:.1f} hours" in scene.caption
    )
    assert ("The folder is the limit" in scene.caption) == (workers > 20)
    line = next(one for one in scene.figure.axes[0].lines if one.get_label() == "files a second")
    assert line.get_ydata()[workers - 1] == rate and line.get_ydata().max() == 100


@pytest.mark.parametrize("size", [1, 7, 20, 80])
@pytest.mark.parametrize("killed_at", [0, 33, 80])
def test_every_file_of_the_drawn_run_is_done_once_whoever_is_killed(size, killed_at):
    turns = scenes.shard_turns(size, killed_at)
    whole = [turn for turn in turns if not turn.lost]
    assert sum(turn.end - turn.begin - 1 for turn in whole) == 240
    assert [(turn.worker, turn.end) for turn in turns if turn.lost] == [(0, killed_at)]
    for worker in range(3):
        own = [turn for turn in turns if turn.worker == worker]
        assert all(one.end == other.begin for one, other in pairwise(own))


def test_a_shard_that_was_lost_is_drawn_and_counted():
    scene = scenes.shards(20, 50)
    assert "done after 92 s. 13 s went into handing out 13 shards, 8 s of work" in scene.caption
    hatched = [patch for patch in scene.figure.axes[0].patches if patch.get_hatch()]
    assert [(patch.get_x(), patch.get_width()) for patch in hatched] == [(42, 8)]
