"""The metrics against hand-computed cases and against other people's code."""

import warnings

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import surface_distance
from hypothesis import given
from hypothesis import strategies as st
from laws import a_spacing, every_case, some_masks
from medpy.metric import binary
from packaging.version import Version
from scipy.ndimage import gaussian_filter

from lungseg_utils import metrics
from lungseg_utils.metrics import bootstrap_interval, score

OVERLAPS = ["dice", "iou", "precision", "recall"]
DISTANCES = ["hd", "hd95", "assd"]
# the same in MedPy, which takes (prediction, reference) too
MEDPY = {
    "dice": binary.dc,
    "iou": binary.jc,
    "precision": binary.precision,
    "recall": binary.recall,
    "hd": binary.hd,
    "hd95": binary.hd95,
    "assd": binary.assd,
}

RNG = "rng" if Version(scipy.__version__) >= Version("1.15") else "random_state"
NOTHING = np.zeros((4, 4), bool)
# . 1 1 .        . 1 1 1
# . 1 1 .        . 1 1 1     4 pixels, 6 pixels, all 4 shared
REFERENCE, LARGER = NOTHING.copy(), NOTHING.copy()
REFERENCE[:2, 1:3] = True
LARGER[:2, 1:4] = True


def blob(rng, shape):
    """A random mask of one or more smooth parts, small or large, that may touch the border."""
    field = gaussian_filter(rng.standard_normal(shape), rng.uniform(1, 9), mode="constant")
    return field > np.quantile(field, rng.uniform(0.3, 0.98))


def ellipse(centre, radii, shape=(96, 80)):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 <= 1


def blob_pairs():
    rng = np.random.default_rng(0)
    for number in range(200):
        shape = tuple(rng.integers(12, 90, 2))
        reference = blob(rng, shape)
        moved = np.roll(reference, rng.integers(-4, 5, 2), (0, 1))
        prediction = moved if number % 2 else blob(rng, shape)
        yield prediction, reference, tuple(rng.uniform(0.1, 2, 2))


def ellipse_pairs():
    rng = np.random.default_rng(1)
    for _ in range(100):
        centre, radii = rng.uniform(20, 60, 2), rng.uniform(4, 30, 2)
        other = ellipse(centre + rng.integers(-6, 7, 2), radii * rng.uniform(0.8, 1.2, 2))
        yield other, ellipse(centre, radii), tuple(rng.uniform(0.1, 2, 2))


BLOBS, ELLIPSES = list(blob_pairs()), list(ellipse_pairs())


@pytest.mark.parametrize("name", OVERLAPS)
def test_overlaps_agree_with_medpy(name):
    for prediction, reference, _ in BLOBS:
        ours = getattr(metrics, name)(prediction, reference)
        assert ours == pytest.approx(MEDPY[name](prediction, reference), abs=1e-6)


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_agree_with_medpy(name):
    for prediction, reference, spacing in BLOBS:
        ours = getattr(metrics, name)(prediction, reference, spacing)
        assert ours == pytest.approx(MEDPY[name](prediction, reference, spacing), abs=1e-6)


def test_score_is_the_functions_together():
    for prediction, reference, spacing in BLOBS[:20]:
        expected = {name: getattr(metrics, name)(prediction, reference) for name in OVERLAPS}
        for name, key in [("hd95", "hd95_mm"), ("assd", "assd_mm"), ("nsd", "nsd_2mm")]:
            expected[key] = getattr(metrics, name)(prediction, reference, spacing)
        assert score(prediction, reference, spacing) == expected
        assert list(score(prediction, reference, None)) == OVERLAPS


# surface-distance draws an outline between the pixels, and counts each piece of it by its length.
# Of convex shapes the farthest distance is the same; of any others it may differ by one diagonal of
# a pixel, half of one at each end. Percentiles, means and shares also feel the other weights.


def test_farthest_distance_agrees_with_surface_distance():
    for pairs, diagonals in [(ELLIPSES, 0), (BLOBS, 1)]:
        for prediction, reference, spacing in pairs:
            surfaces = surface_distance.compute_surface_distances(reference, prediction, spacing)
            theirs = surface_distance.compute_robust_hausdorff(surfaces, 100)
            assert metrics.hd(prediction, reference, spacing) == pytest.approx(
                theirs, abs=diagonals * np.hypot(*spacing) + 1e-6
            )


def test_other_distances_are_near_surface_distance():
    for prediction, reference, spacing in ELLIPSES:
        surfaces = surface_distance.compute_surface_distances(reference, prediction, spacing)
        diagonal = np.hypot(*spacing)
        assert metrics.hd95(prediction, reference, spacing) == pytest.approx(
            surface_distance.compute_robust_hausdorff(surfaces, 95), abs=2 * diagonal
        )
        both_ways = surface_distance.compute_average_surface_distance(surfaces)
        assert metrics.assd(prediction, reference, spacing) == pytest.approx(
            np.mean(both_ways), abs=0.6 * diagonal
        )
        assert metrics.nsd(prediction, reference, spacing, diagonal) == pytest.approx(
            surface_distance.compute_surface_dice_at_tolerance(surfaces, diagonal), abs=0.25
        )


def test_overlaps_of_a_grid_by_hand():
    assert metrics.dice(LARGER, REFERENCE) == 8 / 10
    assert metrics.iou(LARGER, REFERENCE) == 4 / 6
    assert metrics.precision(LARGER, REFERENCE) == 4 / 6
    assert metrics.recall(LARGER, REFERENCE) == 1
    assert metrics.precision(REFERENCE, LARGER) == 1
    assert metrics.recall(REFERENCE, LARGER) == 4 / 6


def test_distances_of_a_grid_by_hand():
    """Every pixel of either mask lies on its outline; two of ten are a column from the other."""
    forth, back = metrics.surface_distances(LARGER, REFERENCE, (2.0, 0.5))
    assert sorted(forth) == [0, 0, 0, 0, 0.5, 0.5]
    assert list(back) == [0, 0, 0, 0]
    assert metrics.hd(LARGER, REFERENCE, (2.0, 0.5)) == 0.5
    assert metrics.assd(LARGER, REFERENCE, (2.0, 0.5)) == pytest.approx(2 * 0.5 / 10)
    assert metrics.nsd(LARGER, REFERENCE, (2.0, 0.5), 0.4) == 0.8
    assert metrics.nsd(LARGER, REFERENCE, (2.0, 0.5), 0.5) == 1


def test_an_outline_leaves_out_the_inside_and_keeps_the_border():
    forth, back = metrics.surface_distances(
        np.ones((5, 6), bool), ellipse((2, 2), (1, 1), (5, 6)), (1.0, 1.0)
    )
    assert len(forth) == 5 * 6 - 3 * 4
    assert len(back) == 4


@pytest.mark.parametrize(
    "place, expected",
    [((0, 7), 7 * 0.2), ((6, 0), 6 * 1.5), ((6, 7), np.hypot(6 * 1.5, 7 * 0.2)), ((0, 0), 0)],
)
def test_two_single_pixels(place, expected):
    prediction, reference = np.zeros((2, 8, 9), bool)
    prediction[0, 0] = reference[place] = True
    for name in DISTANCES:
        distance = getattr(metrics, name)(prediction, reference, (1.5, 0.2))
        assert distance == pytest.approx(expected)


def test_both_empty_is_agreement():
    assert score(NOTHING, NOTHING, (1.0, 1.0)) == {
        "dice": 1,
        "iou": 1,
        "precision": 1,
        "recall": 1,
        "hd95_mm": 0,
        "assd_mm": 0,
        "nsd_2mm": 1,
    }
    assert metrics.hd(NOTHING, NOTHING, (1.0, 1.0)) == 0
    assert metrics.soft_dice(np.zeros((4, 4), np.float32), NOTHING) == 1
    assert metrics.pooled_dice([NOTHING], [NOTHING]) == 1


@pytest.mark.parametrize("pair", [(NOTHING, REFERENCE), (REFERENCE, NOTHING)])
def test_one_empty_is_failure(pair):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert score(*pair, (1.0, 1.0)) == {
            "dice": 0,
            "iou": 0,
            "precision": 0,
            "recall": 0,
            "hd95_mm": np.inf,
            "assd_mm": np.inf,
            "nsd_2mm": 0,
        }
        assert metrics.hd(*pair, (1.0, 1.0)) == np.inf
        assert metrics.pooled_dice([pair[0]], [pair[1]]) == 0


def test_a_speck_ruins_hd_but_not_hd95():
    """A 10x10 speck far from two lungs drawn without fault."""
    reference = ellipse((256, 150), (170, 70), (512, 512)) | ellipse(
        (256, 362), (170, 70), (512, 512)
    )
    prediction = reference.copy()
    prediction[2:12, 251:261] = True
    spacing = (0.8, 0.7)
    to_lung = scipy.ndimage.distance_transform_edt(~reference, sampling=spacing)
    assert metrics.hd(prediction, reference, spacing) == to_lung[2:12, 251:261].max() > 50
    assert metrics.hd95(prediction, reference, spacing) == 0
    assert metrics.dice(prediction, reference) > 0.999
    assert 0 < metrics.assd(prediction, reference, spacing) < 5


def test_soft_dice_by_hand():
    probability = np.array([[0.9, 0.6], [0.4, 0.0]], np.float32)
    reference = np.array([[True, True], [False, False]])
    assert metrics.soft_dice(probability, reference) == pytest.approx(2 * 1.5 / (1.9 + 2))
    assert metrics.dice(probability > 0.5, reference) == 1
    assert metrics.soft_dice(reference.astype(np.float32), reference) == 1
    assert metrics.soft_dice(np.zeros((2, 2), np.float32), reference) == 0


def test_pooled_dice_by_hand():
    """Dice 8/10 and 0: pooled (8 + 0) / (10 + 4), where the mean over images is 4/10."""
    predictions, references = [LARGER, NOTHING], [REFERENCE, REFERENCE]
    assert metrics.pooled_dice(predictions, references) == pytest.approx(8 / 14)
    with pytest.raises(ValueError):
        metrics.pooled_dice(predictions, references[:1])


def test_masks_are_bool_and_of_one_shape():
    spaced = [metrics.surface_distances, metrics.hd, metrics.hd95, metrics.assd, metrics.nsd]
    calls = [getattr(metrics, name) for name in OVERLAPS]
    calls += [lambda *pair, one=one: one(*pair, (1.0, 1.0)) for one in [*spaced, score]]
    calls += [lambda *pair: metrics.pooled_dice(pair[:1], pair[1:])]
    for call in calls:
        for pair in [(REFERENCE.astype(np.uint8), LARGER), (REFERENCE, LARGER * 255)]:
            with pytest.raises(ValueError, match="not bool"):
                call(*pair)
        with pytest.raises(ValueError, match=r"\(4, 4\) and \(3, 4\)"):
            call(REFERENCE, LARGER[:3])


def test_soft_dice_wants_a_mask_of_its_shape():
    probability = np.full((4, 4), 0.5, np.float32)
    with pytest.raises(ValueError, match="not bool"):
        metrics.soft_dice(probability, REFERENCE.astype(np.float32))
    with pytest.raises(ValueError, match=r"\(4, 4\) and \(3, 4\)"):
        metrics.soft_dice(probability, REFERENCE[:3])


def scores_of(count, seed=0):
    return np.random.default_rng(seed).beta(30, 2, count)


@pytest.mark.parametrize("count, level", [(60, 0.95), (400, 0.95), (400, 0.8)])
def test_interval_of_a_normal_law_is_student_s(count, level, monkeypatch):
    """Its own tails cut at n / (n + 100), which SciPy is asked for."""
    monkeypatch.setattr(metrics, "ROUNDS", 20_000)
    monkeypatch.setattr(metrics, "CONFIDENCE_LEVEL", level)
    values = scipy.stats.norm.ppf((np.arange(count) + 0.5) / count, 0.97, 0.01)
    cut = 1 - (1 - level) * count / (count + 100)
    theirs = scipy.stats.t.interval(cut, count - 1, values.mean(), scipy.stats.sem(values))
    ours = bootstrap_interval(values, np.arange(count))
    assert ours == pytest.approx(theirs, abs=0.03 * (theirs[1] - theirs[0]))


def test_interval_is_the_studentised_one_by_hand(monkeypatch):
    """Patient by patient and draw by draw; patients of one to three images."""
    monkeypatch.setattr(metrics, "ROUNDS", 400)
    values, patients = scores_of(18), list("aabcccdeefghiijklm")
    names = sorted(set(patients))
    images = {name: [v for v, p in zip(values, patients, strict=True) if p == name]
              for name in names}  # fmt: skip

    def mean_and_error(chosen):
        """Of a ratio: Cochran, Sampling Techniques, 1977, section 6.4, without its correction."""
        total, count = sum(map(sum, chosen)), sum(map(len, chosen))
        mean, n = total / count, len(chosen)
        squares = sum((sum(one) - mean * len(one)) ** 2 for one in chosen)
        return mean, (n / (n - 1) * squares) ** 0.5 / count

    mean, error = mean_and_error([images[name] for name in names])
    steps = []
    for places in np.random.default_rng(metrics.BOOTSTRAP_SEED).integers(13, size=(400, 13)):
        drawn, its_error = mean_and_error([images[names[place]] for place in places])
        steps.append((drawn - mean) / max(its_error, error / 13**0.5))
    tail = 0.025 * 13 / 113
    expected = mean - error * np.quantile(steps, 1 - tail), mean - error * np.quantile(steps, tail)
    expected = max(expected[0], min(values)), min(expected[1], max(values))
    assert bootstrap_interval(values, patients) == pytest.approx(expected, abs=1e-12)


def test_interval_holds_the_truth_of_a_few_patients_with_a_rare_bad_one():
    """Percentiles of resampled means hold it in 68 % of these studies."""
    rng = np.random.default_rng(3)
    studies = 0.98 - 0.1 * (rng.random((200, 13)) < 0.08) - rng.exponential(0.005, (200, 13))
    ends = [bootstrap_interval(study, range(13)) for study in studies]
    assert np.mean([low <= 0.967 <= high for low, high in ends]) > 0.75


def test_interval_draws_patients_not_images():
    """Ten images each of four patients who differ: hardly more is known than from four images."""
    values = np.repeat([0.90, 0.93, 0.96, 0.99], 10)
    patients = np.repeat(["a", "b", "c", "d"], 10)
    low, high = bootstrap_interval(values, patients)
    image_low, image_high = bootstrap_interval(values, np.arange(40))
    assert high - low > 2.5 * (image_high - image_low)
    assert (low, high) == pytest.approx(bootstrap_interval(values[::10], patients[::10]))


def test_interval_depends_on_its_seed_alone(monkeypatch):
    monkeypatch.setattr(metrics, "ROUNDS", 500)
    values, patients = scores_of(20), np.arange(20)
    np.random.seed(0)
    first = bootstrap_interval(values, patients)
    np.random.seed(1)
    assert bootstrap_interval(values, patients) == first
    monkeypatch.setattr(metrics, "BOOTSTRAP_SEED", 1)
    assert bootstrap_interval(values, patients) != first


def test_interval_keeps_what_is_infinite():
    """Of 28 images a failed one is drawn in 64 % of the rounds, so the upper bound is infinite."""
    values = np.append(np.linspace(2, 6, 27), np.inf)
    low, high = bootstrap_interval(values, np.arange(28))
    assert high == np.inf
    assert low == pytest.approx(3.5, abs=0.3)
    assert bootstrap_interval([np.inf] * 3, range(3)) == (np.inf, np.inf)


def test_interval_of_equal_values_is_a_point():
    assert bootstrap_interval([0.5], ["a"]) == (0.5, 0.5)
    assert bootstrap_interval([0.5] * 9, range(9)) == (0.5, 0.5)


@pytest.mark.parametrize("values", [[], [0.9, np.nan], [np.nan]])
def test_interval_refuses_nothing_and_nan(values):
    with pytest.raises(ValueError, match="NaN"):
        bootstrap_interval(values, range(len(values)))


@pytest.mark.parametrize("odd", [np.inf, -np.inf])
@pytest.mark.parametrize("rounds, first", [(39, 0), (40, 1), (79, 1), (80, 2)])
def test_the_ends_of_the_interval_are_these_two_of_the_sorted_means(
    rounds, first, odd, monkeypatch
):
    """Of 40 rounds 2.5 % are one at either end: from the second to the last but one."""
    monkeypatch.setattr(metrics, "ROUNDS", rounds)
    values, patients = scores_of(9), ["a", "a", "b", "c", "c", "c", "d", "e", "e"]
    values[3] = odd  # where no interval is studentised
    drawn = np.random.default_rng(metrics.BOOTSTRAP_SEED).integers(5, size=(rounds, 5))
    names, means = np.unique(patients), []
    for chosen in drawn:
        scores = [values[np.array(patients) == names[place]] for place in chosen]
        means.append(np.concatenate(scores).mean())
    ordered = sorted(means)
    assert bootstrap_interval(values, patients) == pytest.approx(
        (ordered[first], ordered[-1 - first])
    )


@every_case
@given(some_masks())
def test_overlaps_agree_with_scikit_learn(masks):
    prediction, reference = (mask.ravel() for mask in masks)
    theirs = {"dice": "f1_score", "iou": "jaccard_score"}
    for name in OVERLAPS:
        compute = getattr(sklearn.metrics, theirs.get(name, f"{name}_score"))
        # what a score is where its denominator is 0 depends on whether both masks are empty
        agree = float(not prediction.any() and not reference.any())
        ours = getattr(metrics, name)(*masks)
        assert ours == pytest.approx(compute(reference, prediction, zero_division=agree), abs=1e-12)


@every_case
@given(some_masks())
def test_laws_of_the_overlaps(masks):
    one, other = masks
    found = {name: getattr(metrics, name)(one, other) for name in OVERLAPS}
    turned = {name: getattr(metrics, name)(other, one) for name in OVERLAPS}
    assert all(0 <= value <= 1 for value in found.values())
    assert (turned["dice"], turned["iou"]) == (found["dice"], found["iou"])
    assert (turned["precision"], turned["recall"]) == (found["recall"], found["precision"])
    assert found["dice"] == pytest.approx(2 * found["iou"] / (1 + found["iou"]))
    assert (found["dice"] == 1) == (one == other).all()
    assert metrics.soft_dice(one.astype(float), other) == pytest.approx(found["dice"])
    assert metrics.pooled_dice([one, one], [other, other]) == pytest.approx(found["dice"])


@every_case
@given(some_masks(), a_spacing, st.floats(0.1, 10))
def test_laws_of_the_distances(masks, spacing, scale):
    one, other = masks
    for name in DISTANCES:
        compute = getattr(metrics, name)
        found = compute(one, other, spacing)
        assert found >= 0
        assert compute(other, one, spacing) == pytest.approx(found)
        assert compute(one.T, other.T, spacing[::-1]) == pytest.approx(found)
        assert compute(one[::-1], other[::-1], spacing) == pytest.approx(found)
        larger = tuple(scale * side for side in spacing)
        assert compute(one, other, larger) == pytest.approx(scale * found)
        assert compute(one, one, spacing) == 0
    hd = metrics.hd(one, other, spacing)
    assert metrics.assd(one, other, spacing) <= hd * (1 + 1e-9)
    assert metrics.hd95(one, other, spacing) <= hd
    if hd < np.inf:
        assert metrics.nsd(one, other, spacing, hd) == 1
    at = [metrics.nsd(one, other, spacing, tolerance) for tolerance in (0.0, 0.5, 2.0, 8.0)]
    assert at == sorted(at) and at[0] >= 0
    assert metrics.nsd(one, other, spacing) == at[2]


@every_case
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=30))
def test_laws_of_the_interval(drawn):
    values = [value for value, _ in drawn]
    groups = [f"patient {patient}" for _, patient in drawn]
    low, high = bootstrap_interval(values, groups)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    moved = bootstrap_interval([value + 3 for value in values], groups)
    assert moved == pytest.approx((low + 3, high + 3))
    assert bootstrap_interval(values[::-1], groups[::-1]) == pytest.approx((low, high))
    if len(set(groups)) == 1:
        assert (low, high) == pytest.approx((np.mean(values), np.mean(values)))


def test_an_interval_of_a_table_s_column_of_any_type():
    values = [0, 1, 0, 1, 1]
    expected = bootstrap_interval(np.array(values, float), list("abcde"))
    for kind in (int, object, np.float32):
        assert bootstrap_interval(np.array(values, kind), list("abcde")) == expected


@pytest.mark.parametrize("swap", [False, True])
def test_distances_to_an_empty_mask_are_one_infinite_number_each_way(swap):
    masks = [np.zeros((4, 4), bool), np.ones((4, 4), bool)][:: -1 if swap else 1]
    assert [each.tolist() for each in metrics.surface_distances(*masks, (1, 1))] == [
        [np.inf],
        [np.inf],
    ]
    empty = np.zeros((4, 4), bool)
    assert [each.tolist() for each in metrics.surface_distances(empty, empty, (1, 1))] == [[0], [0]]
