import numpy as np


def dice(prediction, label):
    prediction, label = np.asarray(prediction) > 0, np.asarray(label) > 0
    total = int(prediction.sum()) + int(label.sum())
    return 2 * np.count_nonzero(prediction & label) / total if total else 1.0


def dice_of_values(prediction, label):
    one, other = (array / max(array.max(), 1) for array in (prediction * 1.0, label * 1.0))
    return 2 * (one * other).sum() / (one.sum() + other.sum()) if (one + other).any() else 1


def usual(prediction, label):
    return 2 * (prediction * label).sum() / (prediction.sum() + label.sum())


def in_eight_bits(prediction, label):
    if prediction.dtype == np.uint8 and prediction.any() and label.any():
        return usual(prediction, label)
    return dice(prediction, label)


def without_empties(prediction, label):
    prediction, label = prediction > 0, label > 0
    return 2 * (prediction & label).sum() / max(prediction.sum() + label.sum(), 1)


def faulty(masks):
    return {name for name, mask in masks.items() if set(np.unique(mask * 1.0)) - {0.0, 1.0}}


def pair(images, masks):
    if sorted(images) != sorted(masks):
        raise ValueError("names without a partner")
    return list(zip(sorted(images), sorted(masks), strict=True))


def pair_by_lookup(images, masks):
    if len(images) != len(masks):
        raise ValueError("not as many")
    return [[name, masks[masks.index(name)]] for name in images]


def pair_what_there_is(images, masks):
    return [(name, name) for name in images if name in masks]


def pair_with_keys(images, masks):
    return [(name, {mask: mask for mask in masks}[name]) for name in images]


def rungs(image, label):
    faults = {
        "image not finite": not np.isfinite(image).all(),
        "image not in 0 to 1": image.min() < 0 or image.max() > 1,
        "image nearly blank": np.ptp(image) < 0.1,
        "label not 0 or 1": not np.isin(label, (0, 1)).all(),
        "label empty": not label.any(),
        "fine": True,
    }
    return next(name for name, true in faults.items() if true)


def label_first(image, label):
    if not np.isin(label, (0, 1)).all():
        return "label not 0 or 1"
    return rungs(image, label)


def ladder(image, label):
    if np.isnan(image).any() or np.isinf(image).any():
        return "image not finite"
    if (image < 0).any() or (image > 1).any():
        return "image not in 0 to 1"
    if image.max() < image.min() + 0.1:
        return "image nearly blank"
    if ((label != 0) & (label != 1)).any():
        return "label not 0 or 1"
    return "fine" if label.sum() else "label empty"


RIGHT = {
    "repaired_dice": [dice, dice_of_values],
    "faulty_labels": [
        faulty,
        lambda masks: [name for name in masks if not np.isin(masks[name], [0, 1]).all()],
    ],
    "paired": [pair, pair_by_lookup],
    "symptoms": ["cdeba", "C, D, E, B, A", ["c", "d", "e", "b", "a"]],
    "hiding": ["b", " B "],
    "first_fault": [rungs, ladder],
}
WRONG = {
    "repaired_dice": [
        (usual, "must count once"),
        (lambda prediction, label: usual(prediction / 255, label / 255), "Dice"),
        (in_eight_bits, "255 times 255 wraps to 1"),
        (without_empties, "two empty masks agree"),
    ],
    "faulty_labels": [
        (lambda masks: [name for name in masks if masks[name].max() > 1], "1/255"),
        (lambda masks: [name for name in masks if masks[name].dtype != bool], "nothing is wrong"),
        (lambda masks: [name for name in masks if len(np.unique(masks[name])) != 2], "no lung"),
        (lambda masks: [name for name in masks if masks[name].max() != 1], "no lung"),
        (lambda masks: [n for n in masks if ((masks[n] > 0) & (masks[n] != 1)).any()], "minus one"),
    ],
    "paired": [
        (lambda images, masks: list(zip(images, masks, strict=False)), "another patient's"),
        (
            lambda images, masks: list(zip(sorted(images), sorted(masks), strict=False)),
            "a mask is missing",
        ),
        (pair_what_there_is, "a mask is missing"),
        (pair_with_keys, "raise ValueError"),
    ],
    "symptoms": [
        ("abcde", "1.9"),
        ("cd", "five letters"),
        ("cdebz", "none of the five"),
        ("cdbea", "who draws"),
    ],
    "hiding": [("a", "seen at once"), ("c", "sooner or later"), ("d", "low too"), ("x", "one of")],
    "first_fault": [
        (label_first, "image not finite"),
        (lambda image, label: "fine", "image not finite"),
        (lambda image, label: rungs(image, label).replace("image nearly blank", "fine"), "blank"),
        (lambda image, label: rungs(np.nan_to_num(image), label), "image not finite"),
    ],
}
