import numpy as np

from lungseg_utils import metrics
from lungseg_utils.teaching.exercises.measuring_with_metrics import lungs

REFERENCE, SPACING_MM = lungs()


def changed(rows, columns, value=True):
    mask = REFERENCE.copy()
    mask[rows, columns] = value
    return mask


def dice_of_each(predictions, references, rule):
    return np.mean([rule(*pair) for pair in zip(predictions, references, strict=True)])


def without_rules(prediction, reference):
    with np.errstate(invalid="ignore"):
        return 2 * (prediction & reference).sum() / (prediction.sum() + reference.sum())


def both_empty_is_zero(prediction, reference):
    return without_rules(prediction, reference) if reference.any() else 0.0


def only_those_with_lungs(predictions, references):
    pairs = [pair for pair in zip(predictions, references, strict=True) if pair[1].any()]
    return np.mean([metrics.dice(*pair) for pair in pairs])


def only_found(predictions, references):
    scores = [metrics.dice(*pair) for pair in zip(predictions, references, strict=True)]
    return np.mean([score for score in scores if score])


def bins_of(probability):
    return np.minimum((10 * probability).astype(int), 9).ravel()


def binned(probability, reference):
    bins = bins_of(probability)
    off = np.bincount(bins, (probability - reference).ravel(), 10)
    return np.abs(off).sum() / probability.size


def binned_by_edges(probability, reference):
    p, lung = probability.ravel(), reference.ravel()
    inner = np.digitize(p, np.linspace(0, 1, 11)[1:-1])
    errors = [
        (inner == k).sum() * abs(p[inner == k].mean() - lung[inner == k].mean()) for k in set(inner)
    ]
    return sum(errors) / len(p)


def unweighted(probability, reference):
    bins = bins_of(probability)
    pixels, off = np.bincount(bins), np.bincount(bins, (probability - reference).ravel())
    return np.mean(np.abs(off[pixels > 0] / pixels[pixels > 0]))


def with_empty_bins(probability, reference):
    bins = bins_of(probability)
    pixels = np.bincount(bins, minlength=10)
    off = np.bincount(bins, (probability - reference).ravel(), 10)
    with np.errstate(invalid="ignore"):
        return (pixels * np.abs(off / pixels)).sum() / pixels.sum()


def told(low, high):
    return "first" if low > 0 else "second" if high < 0 else "cannot tell"


def by_interval(first, second, patients):
    return told(*metrics.bootstrap_interval(np.subtract(first, second), patients))


def by_patient_means(first, second, patients):
    difference, patients = np.subtract(first, second), np.asarray(patients)
    means = np.array([difference[patients == name].mean() for name in np.unique(patients)])
    reach = 2.3 * means.std(ddof=1) / np.sqrt(len(means))
    return told(means.mean() - reach, means.mean() + reach)


def by_mean(first, second, patients):
    return "first" if np.mean(first) > np.mean(second) else "second"


def by_two_intervals(first, second, patients):
    one, two = (metrics.bootstrap_interval(scores, patients) for scores in (first, second))
    return told(one[0] - two[1], one[1] - two[0])


def by_images(first, second, patients):
    return told(*metrics.bootstrap_interval(np.subtract(first, second), range(len(first))))


def swapped(first, second, patients):
    return by_interval(second, first, patients)


RIGHT = {
    "four_scores": [
        lambda TP, FP, FN: (
            2 * TP / (2 * TP + FP + FN), TP / (TP + FP + FN), TP / (TP + FP), TP / (TP + FN)),
        lambda a, b, c: [a / (a + (b + c) / 2), a / (a + b + c), a / (a + b), a / (a + c)],
    ],
    "iou_from": [
        lambda p, r: 1 / (1 / p + 1 / r - 1),
        lambda p, r: (p * r) / (p + r - p * r),
    ],
    "mean_dice": [
        lambda predictions, references: dice_of_each(predictions, references, metrics.dice),
        lambda predictions, references: sum(map(metrics.dice, predictions, references))
        / len(predictions),
    ],
    "unsaid": ["defg", {"d", "e", "f", "g"}, "G, F, E, D"],
    "fool_dice": [changed(3, slice(0, 180)), changed(slice(0, 200, 20), slice(80, 100))],
    "calibration_error": [binned, binned_by_edges],
    "images_needed": [
        lambda images, width, wanted: images * (width / wanted) ** 2,
        lambda images, width, wanted: int(np.ceil(images * width**2 / wanted**2)),
    ],
    "better": [by_interval, by_patient_means],
}  # fmt: skip
WRONG = {
    "four_scores": [
        (lambda a, b, c: (a / (a + b + c), 2 * a / (2 * a + b + c), a / (a + b), a / (a + c)),
         "Dice comes first"),
        (lambda a, b, c: (2 * a / (2 * a + b + c), a / (a + b + c), a / (a + c), a / (a + b)),
         "swapped"),
        (lambda a, b, c: (a / (2 * a + b + c), a / (a + b + c), a / (a + b), a / (a + c)), "once"),
        (lambda a, b, c: 2 * a / (2 * a + b + c), "four numbers"),
        (lambda a, b, c: (2 * a / (2 * a + b + c), a / (a + b), a / (a + b), a / (a + c)),
         "your IoU is"),
    ],
    "iou_from": [
        (lambda p, r: 2 * p * r / (p + r), "is the Dice"),
        (lambda p, r: p * r, "multiply"),
        (lambda p, r: (p + r) / 2, "is not the IoU"),
        (lambda p, r: 4 * p * r / (p + r) / (1 + 2 * p * r / (p + r)), "turn back"),
    ],
    "mean_dice": [
        (metrics.pooled_dice, "pooled"),
        (lambda predictions, references: dice_of_each(predictions, references, without_rules),
         "0/0"),
        (only_those_with_lungs, "an empty pair is missing"),
        (lambda predictions, references: dice_of_each(predictions, references, both_empty_is_zero),
         "counts 1"),
        (only_found, "missed is missing"),
        (lambda predictions, references: dice_of_each(predictions, references, metrics.iou),
         "of a large and a small lung"),
    ],
    "unsaid": [
        ("cdefg", "there are 13"),
        ("a", "at threshold 0.5"),
        ("de", "2 more stay open"),
        ("xyz", "name the letters"),
    ],
    "fool_dice": [
        (REFERENCE.copy(), "the reference itself"),
        (changed(slice(0, 8), slice(0, 8)), "too short"),
        (changed(slice(0, 40), slice(0, 60)), "notices"),
        (changed(slice(0, 8), slice(0, 8)).astype(float), "bool"),
        (changed(5, 5)[:100], "shape"),
        (changed(100, slice(80, 84)), "farther"),
    ],
    "calibration_error": [
        (unweighted, "weigh each bin"),
        (with_empty_bins, "not a number"),
        (lambda p, lung: np.abs(p - lung).mean(), "pixel with pixel"),
        (lambda p, lung: abs(p.mean() - lung.mean()), "cancel"),
        (lambda p, lung: ((p > 0.5) != lung).mean(), "is right"),
    ],
    "images_needed": [
        (lambda images, width, wanted: images * width / wanted, "nine times"),
        (lambda images, width, wanted: images * (wanted / width) ** 2, "takes more images"),
        (lambda images, width, wanted: images * np.sqrt(width / wanted), "is right"),
    ],
    "better": [
        (by_mean, "a few images"),
        (by_two_intervals, "image by image"),
        (by_images, "14 of the 20"),
        (swapped, "same on all images"),
        (lambda first, second, patients: "A", "return"),
    ],
}  # fmt: skip
