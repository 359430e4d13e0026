"""Exercises of notebook 05."""

import numpy as np

from lungseg_utils import metrics
from lungseg_utils.teaching.exercises.core import (
    by_name,
    exercise,
    expect,
    read_choice,
    read_letters,
    read_mask,
    read_number,
    read_numbers,
)

COUNTS = "compute Dice, IoU, precision and recall from four counts, and turn one into another"
UNSAID = "say what a reported Dice leaves out: the threshold, the average, the empty masks"
DISTANCE = "measure the distance between two outlines in mm, and spot a fault that Dice hides"
CALIBRATED = (
    "tell from the pixels near the outline whether a network's probabilities are calibrated"
)
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
    expects="a function of three counts that returns four numbers: Dice, IoU, precision, recall",
    hint="TP is `shared`. FP is what was predicted and not shared; FN is what is missing from "
    "`shared` in the reference. Then the table under the grid has the four formulas.",
    answer="""
    def four_scores(predicted, reference, shared):
        dice = 2 * shared / (predicted + reference)
        iou = shared / (predicted + reference - shared)
        return dice, iou, shared / predicted, shared / reference
    """,
)
def four_scores(answer):
    for predicted, reference, shared in ((50, 70, 40), (8, 6, 5), (70, 84, 70), (9, 5, 0)):
        found = by_name(answer(predicted, reference, shared), NAMES)
        found = read_numbers(found, 4, f"four numbers: {', '.join(NAMES)}")
        either, twice = predicted + reference - shared, shared / (predicted + reference)
        right = np.array([2 * twice, shared / either, shared / predicted, shared / reference])
        where = f"for {predicted} predicted, {reference} in the reference, {shared} shared"
        for yours, slip, said in (
            (found, right[[1, 0, 2, 3]], "Dice comes first"),
            (found, right[[0, 1, 3, 2]], "precision, over the prediction, and recall are swapped"),
            (found[0], twice, "Dice counts shared pixels twice"),
            (found[1], twice, "your IoU counts the shared pixels twice below the line"),
        ):
            expect(not shared or not np.allclose(yours, slip), said)
        for name, yours, ours in zip(NAMES, found, right, strict=True):
            said = f"{where}, your {name} is {yours:.4g}; {ours:.4g} was expected"
            expect(np.isclose(yours, ours, rtol=1e-4), said)


@exercise(
    objective=COUNTS,
    expects="a function of a precision and a recall that returns one number, the IoU",
    hint="First the Dice, which is their harmonic mean; then solve Dice = 2 IoU / (1 + IoU) "
    "for IoU.",
    answer="""
    def iou_from(precision, recall):
        dice = 2 / (1 / precision + 1 / recall)
        return dice / (2 - dice)
    """,
)
def iou_from(answer):
    for precision, recall in ((0.5, 0.8), (0.9577, 0.9629), (0.97, 0.6), (0.3, 0.35)):
        dice = 2 * precision * recall / (precision + recall)
        found = read_number(answer(precision, recall), "one number, the IoU", share=True)
        where = f"for precision {precision} and recall {recall}"
        expect(not np.isclose(found, dice), f"{where}, {found:.4f} is the Dice; go on to IoU")
        expect(not np.isclose(found, precision * recall), "do not multiply the two: count pixels")
        expect(not np.isclose(found, 2 * dice / (1 + dice)), "that formula turns IoU into Dice")
        said = f"{where}, {found:.4f} is not the IoU; {dice / (2 - dice):.4f} was expected"
        expect(np.isclose(found, dice / (2 - dice), rtol=1e-4), said)


@exercise(
    objective=UNSAID,
    expects="a function of two lists of bool masks that returns one number, the mean Dice",
    hint="Score each image separately, treat empty masks by the two rules, and average last.",
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

    def of(*more):
        said = "one number, the mean Dice of all the images"
        return read_number(answer(*map(list, zip(*pairs, *more, strict=True))), said, nan=True)

    found, pooled = of(), metrics.pooled_dice(*zip(*pairs, strict=True))
    expect(not np.isclose(found, pooled), "you pooled the pixels: score each image separately")
    said = f"for a large and a small lung your mean is {found:.4f}; {one:.4f} was expected"
    expect(np.isclose(found, one, rtol=1e-4), said)
    expect(np.isfinite(of((nothing, nothing))), "two empty masks give 0/0: decide what that is")
    agree, fails = "two empty masks agree: their Dice counts as 1", "only two empty masks score 1"
    for more, right, said in (
        ([(nothing, nothing)], 1, agree),
        ([(nothing, small)], 0, f"a lung that was missed altogether scores 0: {fails}"),
        ([(small, nothing)], 0, f"a lung predicted where there is none scores 0: {fails}"),
        ([(large, large), (nothing, large), (nothing, nothing)], 2, "all five images count"),
    ):
        found, whole = of(*more), 2 + len(more)
        expect(not np.isclose(found, one), f"an image is missing from your mean: {said}")
        expect(np.isclose(found, (2 * one + right) / whole, rtol=1e-4), said)


@exercise(
    objective=UNSAID,
    expects='letters from a to g, such as "ab"',
    hint="Take the questions one by one, and point at the word that answers each.",
    answer='answer = "defg"',
)
def unsaid(answer):
    chosen = set(read_letters(answer, "abcdefg"))
    expect(len(chosen) > 0, "name the letters of the questions that stay open")
    for letter, said in SAID.items():
        expect(letter not in chosen, f"{letter} is answered: {said}")
    missing = len("defg") - len(chosen)
    more = "1 more stays" if missing == 1 else f"{missing} more stay"
    expect(missing == 0, f"true, and {more} open: nothing in the sentence answers them")


@exercise(
    objective=DISTANCE,
    expects="a bool mask of the shape of `exercise.lungs()`",
    hint="HD95 ignores the worst 5 % of the outline pixels. Which shape has a long outline "
    "and hardly any area?",
    answer="""
    reference, spacing_mm = exercise.lungs()
    answer = reference.copy()
    answer[5, 10:170] = True
    """,
)
def fool_dice(answer):
    reference, spacing_mm = lungs()
    answer = read_mask(answer, reference.shape)
    expect((answer != reference).any(), "that is the reference itself: change something")
    scores = metrics.score(answer, reference, spacing_mm)
    dice, far = scores["dice"], scores["hd95_mm"]
    expect(dice >= 0.98, f"Dice is {dice:.3f}, below 0.98: change a smaller area")
    speck = f"HD95 is only {far:.1f} mm, though HD is larger: too few outline pixels are off"
    expect(far >= 10 or metrics.hd(answer, reference, spacing_mm) < 10, speck)
    expect(far >= 10, f"HD95 is {far:.1f} mm: move the fault farther from the reference")


@exercise(
    objective=CALIBRATED,
    expects="a function of a probability map and a bool mask that returns one number, the error",
    hint="`np.minimum((10 * probability).astype(int), 9)` is the bin of each pixel; then "
    "`np.bincount`, with and without weights. Skip bins without pixels.",
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
    for seed, bins in ((0, 10), (1, 20), (2, 5)):
        rng = np.random.default_rng(seed)
        probability = rng.beta(0.5, 0.6, (40, 50))
        probability[(probability > 0.4) & (probability < 0.6)] = 0.33  # empty bins
        odd = (bins * probability).astype(int) % 2  # too little lung, then too much
        share = np.clip(probability + np.where(odd, 0.3, -0.1), 0, 1)
        probability[:6], share[:6] = 1.0, 0.4  # what the last bin does with them matters
        reference = rng.random(probability.shape) < share
        found = answer(probability, reference)
        found = read_number(found, "one number, the expected calibration error", nan=True)
        right, even, eleven = _calibration_errors(probability, reference)
        expect(np.isfinite(found), "your error is not a number: leave bins without pixels out")
        expect(not np.isclose(found, even), "weigh each bin by its share of the pixels")
        slip = not np.isclose(found, right) and any(np.isclose(found, eleven))
        expect(not slip, "1.0 belongs to the last of ten bins, and counts there")
        off = np.abs(probability - reference).mean()
        expect(not np.isclose(found, off), "compare the means of a bin, not pixel with pixel")
        cancelled = abs((probability - reference).mean())
        expect(not np.isclose(abs(found), cancelled), "your bins cancel: add up their sizes")
        said = f"your error is {found:.4f}; {right:.4f} was expected, from ten bins"
        expect(np.isclose(found, right, rtol=1e-3), said)


def _calibration_errors(probability: np.ndarray, reference: np.ndarray) -> tuple:
    bins, off = (10 * probability).astype(int).ravel(), (probability - reference).ravel()
    eleven = np.abs(np.bincount(bins, off, 11))
    pixels = np.bincount(np.minimum(bins, 9), minlength=10)
    ten = np.abs(np.bincount(np.minimum(bins, 9), off, 10))
    even = np.mean(ten[pixels > 0] / pixels[pixels > 0])
    own = eleven.sum() / len(off), eleven[:10].sum() / len(off), eleven[:10].sum() / sum(bins < 10)
    return ten.sum() / len(off), even, own


@exercise(
    objective="put an interval around a mean, and say why 13 images decide little",
    expects="a function of a count and two widths that returns one number, the images needed",
    hint="The width falls as one over the square root of the number of images: half the width "
    "takes four times as many.",
    answer="""
    def images_needed(images, width, wanted):
        return images * (width / wanted) ** 2
    """,
)
def images_needed(answer):
    for images, width, wanted in ((13, 0.04, 0.01), (28, 0.018, 0.004), (500, 0.002, 0.006)):
        found = read_number(answer(images, width, wanted), "one number, the images needed")
        ratio, right = width / wanted, images * (width / wanted) ** 2
        expect(not np.isclose(found, images * ratio), "a third of the width takes nine times")
        expect(not np.isclose(found, images / ratio**2), "a narrower interval takes more images")
        said = f"{found:.0f} images, where {right:.0f} were expected"
        expect(not right - 1 < found < right - 0.51, f"{said}: round up, or not at all")
        expect(right - 0.51 <= found < right + 1.01, said)


@exercise(
    objective=PAIRED,
    expects='a function that returns "first", "second" or "cannot tell"',
    hint="Subtract image by image first. `metrics.bootstrap_interval(difference, patients)` then "
    "says whether 0 lies inside the interval.",
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
    steady = hard + rng.normal(0.004, 0.001, 20)
    lucky = hard + 0.03 * np.array([3, -2, 2, -2.5, 1.5] * 4)
    mostly = hard + np.where(np.arange(20) < 17, rng.uniform(0.01, 0.03, 20), -0.001)
    often = hard + np.where(np.arange(20) < 14, 0.02, -0.004) + rng.normal(0, 0.001, 20)
    other_way = rng.permutation(hard) + 0.004
    same = ["patient 0"] * 14 + [f"patient {number}" for number in (1, 1, 2, 2, 3, 3)]
    cases = (
        (steady, hard, alone, "first", "gain is small but the same on all images: subtract first"),
        (hard, steady, alone, "second", "second is better by a little on every image"),
        (lucky, hard, alone, "cannot tell", "larger mean is due to a few images: use the interval"),
        (mostly, hard, alone, "first", "first gains much on 17 images and loses little on three"),
        (other_way, hard, alone, "cannot tell", "scores of an image belong together: do not sort"),
        (often, hard, same, "cannot tell", "14 of the 20 images are one patient's: draw patients"),
    )  # fmt: skip
    for first, second, patients, right, words in cases:
        found = read_choice(answer(first, second, patients), ("first", "second", "cannot tell"))
        expect(found == right, f'the {words}; "{right}" was expected')
