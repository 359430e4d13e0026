"""Exercises of notebook 05."""

import numpy as np

from lungseg_utils import metrics
from lungseg_utils.teaching.exercises.core import exercise, expect

COUNTS = "compute Dice, IoU, precision and recall from four counts, and turn one into another"
UNSAID = "say what a reported Dice leaves out: the threshold, the average, the empty masks"
DISTANCE = "measure the distance between two outlines in mm, and spot a fault that Dice hides"
PROMISE = (
    "tell from the pixels near the outline whether a network's probabilities keep their promise"
)
INTERVAL = "put an interval around a mean, and say why 13 images decide nothing"
PAIRED = "compare two methods on the same images, and say which is better or that nobody can tell"

NAMES = ("Dice", "IoU", "precision", "recall")
# the notebook's sentence answers these questions, and leaves d to g open
SAID = {
    "a": '"at threshold 0.5" says that it was computed after',
    "b": '"averaged over the images" says which',
    "c": "there are 13, it says",
}


def lungs() -> tuple[np.ndarray, tuple[float, float]]:
    """A reference to fool: a bool mask (200, 180) of two ovals and its spacing in mm."""
    row, column = np.mgrid[:200, :180]
    ovals = [((row - 100) / 75) ** 2 + ((column - middle) / 32) ** 2 < 1 for middle in (48, 132)]
    return ovals[0] | ovals[1], (1.5, 2.0)


@exercise(
    objective=COUNTS,
    expects="a function of the counts TP, FP and FN",
    hint="The table under the grid has the four formulas. Only Dice counts the TP twice.",
    answer="""
    def four_scores(TP, FP, FN):
        dice = 2 * TP / (2 * TP + FP + FN)
        iou = TP / (TP + FP + FN)
        return dice, iou, TP / (TP + FP), TP / (TP + FN)
    """,
)
def four_scores(answer):
    for hits, extra, missed in ((40, 10, 30), (5, 3, 1), (70, 0, 14)):
        found = np.asarray(answer(hits, extra, missed), float).ravel()
        expect(len(found) == 4, "return four numbers: Dice, IoU, precision, recall")
        dice, iou = 2 * hits / (2 * hits + extra + missed), hits / (hits + extra + missed)
        right = np.array([dice, iou, hits / (hits + extra), hits / (hits + missed)])
        where = f"for TP {hits}, FP {extra}, FN {missed}"
        expect(not np.allclose(found, right[[1, 0, 2, 3]]), "Dice comes first, then IoU")
        expect(not np.allclose(found, right[[0, 1, 3, 2]]), "precision and recall are swapped")
        expect(not np.isclose(found[0], dice / 2), "your Dice counts the shared pixels once")
        for name, yours, ours in zip(NAMES, found, right, strict=True):
            expect(np.isclose(yours, ours), f"{where} your {name} is {yours:.3f}, not {ours:.3f}")


@exercise(
    objective=COUNTS,
    expects="a function of a precision and a recall",
    hint="First the Dice, which is their harmonic mean; then solve Dice = 2 IoU / (1 + IoU) "
    "for IoU.",
    answer="""
    def iou_from(precision, recall):
        dice = 2 / (1 / precision + 1 / recall)
        return dice / (2 - dice)
    """,
)
def iou_from(answer):
    for precision, recall in ((0.5, 0.8), (0.9577, 0.9629), (0.97, 0.6)):
        dice = 2 * precision * recall / (precision + recall)
        found, where = float(answer(precision, recall)), f"precision {precision}, recall {recall}"
        expect(not np.isclose(found, dice), f"{where}: {found:.4f} is the Dice; go on to IoU")
        expect(not np.isclose(found, precision * recall), "do not multiply the two: count pixels")
        expect(not np.isclose(found, 2 * dice / (1 + dice)), "that turns IoU into Dice: turn back")
        expect(np.isclose(found, dice / (2 - dice)), f"{where}: {found:.4f} is not the IoU")


@exercise(
    objective=UNSAID,
    expects="a function of two lists of bool masks",
    hint="Score each image by itself, deal with the empty ones by the two rules, average last.",
    answer="""
    def mean_dice(predictions, references):
        scores = []
        for prediction, reference in zip(predictions, references):
            total = prediction.sum() + reference.sum()
            scores.append(2 * (prediction & reference).sum() / total if total else 1.0)
        return sum(scores) / len(scores)
    """,
)
def mean_dice(answer):
    large, small, nothing = np.zeros((3, 24, 24), bool)
    large[2:22, 3:21], small[10:14, 10:15] = True, True
    pairs = [(np.roll(large, 2, 0), large), (np.roll(small, 1, 1), small)]
    one = np.mean([metrics.dice(*pair) for pair in pairs])
    found = float(answer(*zip(*pairs, strict=True)))
    pooled = metrics.pooled_dice(*zip(*pairs, strict=True))
    expect(not np.isclose(found, pooled), "you pooled the pixels: score each image by itself")
    expect(np.isclose(found, one), f"of a large and a small lung you make {found:.3f}: {one:.3f}")
    both = float(answer(*zip(*pairs, (nothing, nothing), strict=True)))
    expect(np.isfinite(both), "two empty masks give 0/0: say yourself what it counts")
    left_out = "an empty pair is missing from your mean: two empty masks agree, and count 1"
    expect(not np.isclose(both, one), left_out)
    expect(np.isclose(both, (2 * one + 1) / 3), "two empty masks agree: their Dice counts 1")
    lost = float(answer(*zip(*pairs, (nothing, small), strict=True)))
    expect(not np.isclose(lost, one), "a lung that was missed is missing from your mean too")
    expect(np.isclose(lost, 2 * one / 3), "where only one mask is empty, Dice is 0")


@exercise(
    objective=UNSAID,
    expects='letters such as "ab"',
    hint="Take the questions one by one, and point at the word that answers each.",
    answer='answer = "defg"',
)
def unsaid(answer):
    chosen = set("".join(answer).lower()) & set("abcdefg")
    expect(len(chosen) > 0, "name the letters of the questions that stay open")
    for letter in sorted(chosen & SAID.keys()):
        expect(False, f"{letter} is answered: {SAID[letter]}")
    missing = len("defg") - len(chosen)
    expect(missing == 0, f"true, and {missing} more stay open: no word answers them")


@exercise(
    objective=DISTANCE,
    expects="a bool mask of the shape of `exercise.lungs()`",
    hint="HD95 looks past the worst twentieth of the outline pixels. Which shape has a long "
    "outline and hardly any area?",
    answer="""
    reference, spacing_mm = exercise.lungs()
    answer = reference.copy()
    answer[5, 10:170] = True
    """,
)
def fool_dice(answer):
    reference, spacing_mm = lungs()
    expect(getattr(answer, "shape", None) == reference.shape, f"a mask of shape {reference.shape}")
    expect(answer.dtype == bool, f"a mask is bool, and yours is {answer.dtype}")
    expect((answer != reference).any(), "that is the reference itself: change something")
    scores = metrics.score(answer, reference, spacing_mm)
    dice, far = scores["dice"], scores["hd95_mm"]
    expect(dice >= 0.98, f"Dice is {dice:.3f} and notices: less area")
    worst = metrics.hd(answer, reference, spacing_mm)
    speck = f"HD is {worst:.0f} mm but HD95 {far:.1f} mm: too short a stretch of outline is off"
    expect(far >= 10 or worst < 10, speck)
    expect(far >= 10, f"HD95 is {far:.1f} mm: take the fault farther from the reference")


@exercise(
    objective=PROMISE,
    expects="a function of a probability map and a bool mask",
    hint="`np.minimum((10 * probability).astype(int), 9)` is the bin of each pixel; then "
    "`np.bincount`, with and without weights. A bin without pixels has no say.",
    answer="""
    def calibration_error(probability, reference):
        p, lung = probability.ravel(), reference.ravel()
        bins = np.minimum((10 * p).astype(int), 9)
        error = 0.0
        for number in np.unique(bins):
            inside = bins == number
            error += inside.mean() * abs(p[inside].mean() - lung[inside].mean())
        return error
    """,
)
def calibration_error(answer):
    for seed, sharp in ((0, 3.0), (1, 0.4), (2, 1.6)):
        rng = np.random.default_rng(seed)
        probability = rng.beta(0.3, 0.6, (40, 50))
        probability[:6] = 1.0
        probability[(probability > 0.4) & (probability < 0.6)] = 0.33  # empty bins
        share = probability**sharp / (probability**sharp + (1 - probability) ** sharp)
        reference = rng.random(probability.shape) < share
        found = float(answer(probability, reference))
        right, even = _calibration_errors(probability, reference)
        expect(np.isfinite(found), "your error is not a number: leave bins without pixels out")
        expect(not np.isclose(found, even), "weigh each bin by its share of the pixels")
        off = np.abs(probability - reference).mean()
        expect(not np.isclose(found, off), "compare the means of a bin, not pixel with pixel")
        cancelled = np.isclose(abs(found), abs((probability - reference).mean()))
        expect(not cancelled, "your bins cancel: take the size of each difference, then add")
        expect(np.isclose(found, right, atol=1e-4), f"{found:.4f}, where {right:.4f} is right")


def _calibration_errors(probability: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    bins = np.minimum((10 * probability).astype(int), 9).ravel()
    pixels = np.bincount(bins, minlength=10)
    off = np.bincount(bins, (probability - reference).ravel(), 10)
    return np.abs(off).sum() / pixels.sum(), np.mean(np.abs(off[pixels > 0] / pixels[pixels > 0]))


@exercise(
    objective=INTERVAL,
    expects="a function of a count of images, a width and the width you want",
    hint="The width falls as one over the square root of the images: half the width takes four "
    "times as many.",
    answer="""
    def images_needed(images, width, wanted):
        return images * (width / wanted) ** 2
    """,
)
def images_needed(answer):
    for images, width, wanted in ((13, 0.04, 0.01), (28, 0.018, 0.004), (500, 0.002, 0.006)):
        found, ratio = float(answer(images, width, wanted)), width / wanted
        what = f"from {width} at {images} images to {wanted}"
        expect(not np.isclose(found, images * ratio), "a third of the width takes nine times")
        expect(not np.isclose(found, images / ratio**2), "a narrower interval takes more images")
        right = images * ratio**2
        expect(right - 1 < found < right + 1.01, f"{what}: {found:.0f}, and {right:.0f} is right")


@exercise(
    objective=PAIRED,
    expects="a function of two lists of scores and the patients",
    hint="Subtract image by image first. `metrics.bootstrap_interval(difference, patients)` then "
    "says whether 0 is among the plausible means.",
    answer="""
    from lungseg_utils import metrics

    def better_of_two(first, second, patients):
        difference = np.asarray(first) - np.asarray(second)
        low, high = metrics.bootstrap_interval(difference, patients)
        if low > 0:
            return "first"
        return "second" if high < 0 else "cannot tell"
    """,
)
def better(answer):
    rng = np.random.default_rng(5)
    hard, alone = rng.uniform(0.85, 0.99, 20), [f"patient {number}" for number in range(20)]
    steady = hard + rng.normal(0.004, 0.002, 20)
    words = "the gain is small, and the same on all images: compare image by image"
    expect(_told(answer(steady, hard, alone)) == "first", words)
    swapped = "the second is better by a little on every image"
    expect(_told(answer(hard, steady, alone)) == "second", swapped)
    lucky = hard + 0.03 * np.array([3, -2, 2, -2.5, 1.5] * 4)
    words = "the larger mean owes it to a few images: look at the interval, not at the mean"
    expect(_told(answer(lucky, hard, alone)) == "cannot tell", words)
    often = hard + np.where(np.arange(20) < 14, 0.02, -0.004) + rng.normal(0, 0.001, 20)
    same = ["patient 0"] * 14 + [f"patient {number}" for number in (1, 1, 2, 2, 3, 3)]
    words = "one patient has 14 of the 20 images: draw patients, not images"
    expect(_told(answer(often, hard, same)) == "cannot tell", words)


def _told(answer) -> str:
    choices = ("first", "second", "cannot tell")
    known = isinstance(answer, str) and answer in choices
    expect(known, f'return "first", "second" or "cannot tell", not {answer!r}')
    return answer
