import numpy as np

from lungseg_utils import metrics
from lungseg_utils.teaching.exercises.measuring_with_metrics import lungs

REFERENCE, SPACING_MM = lungs()


def changed(rows, columns, value=True):
    mask = REFERENCE.copy()
    mask[rows, columns] = value
    return mask


def dice_of_the_last(predictions, references):
    """Takes pairs off the ends of its lists."""
    scores = []
    while predictions:
        scores.append(metrics.dice(predictions.pop(), references.pop()))
    return np.mean(scores)


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


def by_sorted_scores(first, second, patients):
    return by_interval(np.sort(first), np.sort(second), patients)


def swapped(first, second, patients):
    return by_interval(second, first, patients)


def scores(a, b, c):
    return 2 * c / (a + b), c / (a + b - c), c / a, c / b


def with_rule(rule):
    return lambda predictions, references: dice_of_each(predictions, references, rule)


def error_with(bins, last=True):
    def error(p, lung):
        place = (bins * p).astype(int).ravel()
        place = np.minimum(place, bins - 1) if last else place
        return np.abs(np.bincount(place, (p - lung).ravel())).sum() / p.size

    return error


def without_ones(p, lung):
    return error_with(10)(p[p < 1], lung[p < 1]) * (p < 1).mean()


def by_votes(share):
    def vote(first, second, patients):
        better, worse = (np.mean(np.array(first) > second), np.mean(np.array(first) < second))
        return "first" if better > share else "second" if worse > share else "cannot tell"

    return vote


def by_large_gain(first, second, patients):
    gain = np.mean(first) - np.mean(second)
    return "first" if gain > 0.005 else "second" if gain < -0.005 else "cannot tell"


def only_first(first, second, patients):
    said = by_interval(first, second, patients)
    return said if said == "first" else "cannot tell"


RIGHT = {
    "four_scores": [
        scores,
        lambda *counts: dict(enumerate(scores(*counts))),
        lambda a, b, c: {"iou": c / (a + b - c), "dice": 2 * c / (a + b),
                         "recall": c / b, "precision": c / a},
        lambda a, b, c: np.array([c / ((a + b) / 2), c / (a + b - c), c / a, c / b], np.float32),
    ],
    "iou_from": [
        lambda p, r: 1 / (1 / p + 1 / r - 1),
        lambda p, r: (p * r) / (p + r - p * r),
        lambda p, r: f"{100 / (1 / p + 1 / r - 1):.6f} %",
    ],
    "mean_dice": [
        with_rule(metrics.dice),
        dice_of_the_last,
        lambda predictions, references: sum(map(metrics.dice, predictions, references))
        / len(predictions),
        with_rule(lambda p, r: 1.0 if (p == r).all() else without_rules(p, r)),
    ],
    "unsaid": ["defg", {"d", "e", "f", "g"}, "G, F, E, D", "d, e, f and g"],
    "fool_dice": [
        changed(3, slice(0, 180)),
        changed(slice(0, 200, 20), slice(80, 100)),
        changed(195, slice(5, 175)).tolist(),
    ],
    "calibration_error": [binned, binned_by_edges, error_with(10)],
    "images_needed": [
        lambda images, width, wanted: images * (width / wanted) ** 2,
        lambda images, width, wanted: int(np.ceil(images * width**2 / wanted**2)),
        lambda images, width, wanted: f"{images * width**2 / wanted**2:.3f}",
    ],
    "better": [by_interval, by_patient_means, lambda *given: by_interval(*given).title() + "."],
}  # fmt: skip
WRONG = {
    "four_scores": [
        (lambda a, b, c: np.array(scores(a, b, c))[[1, 0, 2, 3]], "Dice comes first"),
        (lambda a, b, c: scores(b, a, c), "swapped"),
        (lambda a, b, c: (c / (a + b), *scores(a, b, c)[1:]), "twice"),
        (lambda a, b, c: (scores(a, b, c)[0], c / (a + b), c / a, c / b), "below the line"),
        (lambda a, b, c: scores(a, b, c)[0], "four numbers"),
        (lambda a, b, c: set(scores(a, b, c)), "a set has none"),
        (lambda a, b, c: (2 * c / (a + b), c / a, c / a, c / b), "your IoU is"),
        (lambda a, b, c: (scores(a, b, c)[0],) * 4, "your IoU is"),
        (lambda a, b, c: (2 * a / (2 * a + b + c), a / (a + b + c), a / (a + b), a / (a + c)),
         "was expected"),
        (lambda a, b, c: [100 * one for one in scores(a, b, c)], "was expected"),
        (lambda a, b, c: np.round(scores(a, b, c), 1), "was expected"),
    ],
    "iou_from": [
        (lambda p, r: 2 * p * r / (p + r), "is the Dice"),
        (lambda p, r: p * r, "multiply"),
        (lambda p, r: (p + r) / 2, "is not the IoU"),
        (lambda p, r: 4 * p * r / (p + r) / (1 + 2 * p * r / (p + r)), "turns IoU into Dice"),
        (lambda p, r: (p + r) / (4 - p - r), "is not the IoU"),
        (lambda p, r: min(p, r), "is not the IoU"),
        (lambda p, r: p * r / (p + r), "is not the IoU"),
        (lambda p, r: p / (2 - p), "is not the IoU"),
        (lambda p, r: 0.4444, "was expected"),
        (lambda p, r: (p, r), "one number"),
    ],
    "mean_dice": [
        (metrics.pooled_dice, "pooled"),
        (with_rule(without_rules), "0/0"),
        (only_those_with_lungs, "is missing"),
        (with_rule(both_empty_is_zero), "count"),
        (only_found, "missing from your mean: a lung that was missed"),
        (with_rule(metrics.iou), "a large and a small lung"),
        (with_rule(lambda p, r: metrics.dice(p, r) if r.any() else 1.0), "predicted where there"),
        (with_rule(lambda p, r: metrics.dice(p, r) if p.any() else 1.0), "missed altogether"),
        (with_rule(lambda p, r: (2 * (p & r).sum() + 1) / (p.sum() + r.sum() + 1)),
         "was expected"),
        (lambda p, r: np.mean(list(map(metrics.dice, p[:3], r[:3]))), "all five images"),
        (lambda p, r: sum(map(metrics.dice, p, r)) / 2, "counts as 1"),
        (lambda p, r: list(map(metrics.dice, p, r)), "one number"),
        (lambda p, r: np.median(list(map(metrics.dice, p, r))), "missed altogether"),
    ],
    "unsaid": [
        ("cdefg", "there are 13"),
        ("a", "at threshold 0.5"),
        ("bdefg", "averaged over the images"),
        ("de", "2 more stay open"),
        ("ddee", "2 more stay open"),
        ("efg", "1 more stays open"),
        ("xyz", "from a to g"),
        ("", "name the letters"),
        ("abcdefg", "at threshold 0.5"),
        (4, "the number 4"),
        ("defgh", "from a to g"),
    ],
    "fool_dice": [
        (REFERENCE.copy(), "the reference itself"),
        (changed(slice(0, 8), slice(0, 8)), "too few"),
        (changed(slice(0, 40), slice(0, 60)), "smaller area"),
        (changed(slice(0, 8), slice(0, 8)).astype(float), "bool"),
        (changed(5, slice(10, 170)).astype(np.uint8), "bool"),
        (changed(5, 5)[:100], "shape"),
        (changed(5, slice(10, 170)).T, "shape"),
        (changed(100, slice(80, 84)), "farther"),
        (changed(slice(None), slice(None), False), "smaller area"),
        (0.98, "the number 0.98"),
    ],
    "calibration_error": [
        (unweighted, "weigh each bin"),
        (with_empty_bins, "not a number"),
        (lambda p, lung: np.abs(p - lung).mean(), "pixel with pixel"),
        (lambda p, lung: abs(p.mean() - lung.mean()), "cancel"),
        (lambda p, lung: ((p > 0.5) != lung).mean(), "was expected"),
        (error_with(10, last=False), "last of ten bins"),
        (without_ones, "last of ten bins"),
        (error_with(5), "from ten bins"),
        (error_with(9), "from ten bins"),
        (error_with(20), "from ten bins"),
        (lambda p, lung: error_with(10)(p, p > 0.5), "was expected"),
        (lambda p, lung: error_with(10)(p[:, :20], lung[:, :20]), "was expected"),
        (lambda p, lung: 0.1, "was expected"),
    ],
    "images_needed": [
        (lambda images, width, wanted: images * width / wanted, "nine times"),
        (lambda images, width, wanted: images * (wanted / width) ** 2, "takes more images"),
        (lambda images, width, wanted: images * np.sqrt(width / wanted), "expected"),
        (lambda images, width, wanted: (width / wanted) ** 2, "expected"),
        (lambda images, width, wanted: 13 * (width / wanted) ** 2, "expected"),
        (lambda images, width, wanted: images * (0.04 / wanted) ** 2, "expected"),
        (lambda images, width, wanted: images * ((width / wanted) ** 2 - 1), "expected"),
        (lambda images, width, wanted: images * 4, "nine times"),
        (lambda images, width, wanted: 208, "expected"),
        (lambda images, width, wanted: int(images * (width / wanted) ** 2), "round up"),
    ],
    "better": [
        (by_mean, "a few images"),
        (by_two_intervals, "subtract first"),
        (by_images, "14 of the 20"),
        (swapped, "subtract first"),
        (by_sorted_scores, "do not sort"),
        (lambda first, second, patients: "A", "expected"),
        (lambda first, second, patients: "cannot tell", "subtract first"),
        (lambda first, second, patients: "first", "second is better"),
        (lambda first, second, patients: by_interval(first, second, patients) == "first",
         "expected"),
        (only_first, "second is better"),
        (by_large_gain, "subtract first"),
        (by_votes(0.9), "17 images"),
        (by_votes(0.5), "a few images"),
        (by_votes(0.99), "17 images"),
    ],
}  # fmt: skip
