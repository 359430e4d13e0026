import numpy as np


def dice(prediction, label):
    prediction, label = np.asarray(prediction) > 0, np.asarray(label) > 0
    total = int(prediction.sum()) + int(label.sum())
    return 2 * np.count_nonzero(prediction & label) / total if total else 1.0


def dice_of_values(prediction, label):
    one, other = (array / (array.max() or 1) for array in (prediction * 1.0, label * 1.0))
    return 2 * (one * other).sum() / (one.sum() + other.sum()) if (one + other).any() else 1


def counted(test):
    return lambda prediction, label: dice(test(prediction), test(label))


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


class MissingPartner(ValueError):
    """An error of one's own, which is a ValueError all the same."""


def pair_with_own_error(images, masks):
    if set(images) != set(masks):
        raise MissingPartner
    return list(zip(sorted(images), sorted(masks), strict=True))


def another_error(images, masks):
    if set(images) != set(masks):
        raise Exception("ValueError: a name has no partner")
    return pair(images, masks)


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


def blank_at_a_tenth(image, label):
    found = rungs(image, label)
    return "image nearly blank" if found == "fine" and np.ptp(image) <= 0.1 else found


def empty_if_all_alike(image, label):
    found = rungs(image, label)
    return "label empty" if found == "fine" and label.min() == label.max() else found


def sorted_pairs(images, masks):
    return list(zip(sorted(images), sorted(masks), strict=True))


def refused_by_assert(images, masks):
    assert set(images) == set(masks)
    return pair(images, masks)


def only_images_looked_up(images, masks):
    for name in images:
        if name not in masks:
            raise ValueError(name)
    return [(name, name) for name in images]


def as_many(images, masks):
    if len(images) != len(masks):
        raise ValueError("not as many")
    return sorted_pairs(images, masks)


def spread_for_range(image, label):
    found = rungs(0.5 + (image - image.mean()) * 0.2, label) if image.std() < 0.1 else "fine"
    return "image nearly blank" if image.std() < 0.1 and found else rungs(image, label)


RIGHT = {
    "repaired_dice": [
        dice,
        dice_of_values,
        lambda prediction, label: [dice(prediction.astype(bool), label != 0)],
        lambda prediction, label: np.float32(dice(prediction, label)),
    ],
    "faulty_labels": [
        faulty,
        lambda masks: [name for name in masks if not np.isin(masks[name], [0, 1]).all()],
        lambda masks: {name: masks[name] for name in faulty(masks)},
    ],
    "paired": [
        pair,
        pair_by_lookup,
        pair_with_own_error,
        lambda images, masks: np.array(pair(images, masks)),
    ],
    "symptoms": [
        "cdeba",
        "C, D, E, B, A",
        ["c", "d", "e", "b", "a"],
        "c) d) e) b) a)",
        "c, d, e, b and a",
        {1: "c", 2: "d", 3: "e", 4: "b", 5: "a"},
        {5: "a", 4: "b", 3: "e", 2: "d", 1: "c"},
        ["1c", "2d", "3e", "4b", "5a"],
        "1-c, 2-d, 3-e, 4-b, 5-a",
    ],
    "hiding": ["b", " B ", "(b)", "b)", ["b"]],
    "first_fault": [rungs, ladder, lambda image, label: rungs(image, label).capitalize() + "."],
}
WRONG = {
    "repaired_dice": [
        (usual, "must count once"),
        (lambda prediction, label: usual(prediction / 255, label / 255), "Dice"),
        (in_eight_bits, "255 times 255 wraps to 1"),
        (without_empties, "two empty masks agree"),
        (counted(lambda mask: (mask > 127) | (mask == 1)), "lung is 7"),
        (counted(lambda mask: mask > 127), "lung is 1"),
        (counted(lambda mask: mask == 1), "lung is 1"),
        (counted(lambda mask: np.isin(mask, (1, 255))), "lung is 7"),
        (counted(lambda mask: mask > 0.5), "0.25"),
        (counted(lambda mask: mask >= 1), "0.25"),
        (counted(lambda mask: mask.astype(np.uint8)), "0.25"),
        (
            lambda prediction, label: dice(prediction, label) / (2 - dice(prediction, label)),
            "lung is 1",
        ),
        (
            lambda prediction, label: dice(prediction, label) if prediction.any() else 1.0,
            "whichever of the two",
        ),
        (
            lambda prediction, label: dice(prediction, label) if label.any() else 1.0,
            "whichever of the two",
        ),
        (lambda prediction, label: dice(prediction, label) if label.any() else 0.0, "two empty"),
        (lambda prediction, label: 6 / 7, "lung is 1"),
    ],
    "faulty_labels": [
        (lambda masks: [name for name in masks if masks[name].max() > 1], "1/255"),
        (lambda masks: [name for name in masks if masks[name].dtype != bool], "nothing is wrong"),
        (lambda masks: [name for name in masks if len(np.unique(masks[name])) != 2], "no lung"),
        (lambda masks: [name for name in masks if masks[name].max() != 1], "no lung"),
        (lambda masks: [n for n in masks if ((masks[n] > 0) & (masks[n] != 1)).any()], "minus one"),
        (
            lambda masks: [n for n in masks if not np.isin(np.nan_to_num(masks[n]), (0, 1)).all()],
            "not a number",
        ),
        (
            lambda masks: [
                n for n in masks if not np.isin(masks[n].astype(np.uint8), (0, 1)).all()
            ],
            "1/255",
        ),
        (lambda masks: list(masks), "nothing is wrong"),
        (lambda masks: [], "you accept"),
        (lambda masks: sorted(faulty(masks))[:1], "name all"),
        (lambda masks: len(faulty(masks)), "names of the faulty"),
        (lambda masks: ", ".join(faulty(masks)), "not in one text"),
        (lambda masks: faulty(masks) or None, "in some cases your function returns nothing"),
    ],
    "paired": [
        (lambda images, masks: list(zip(images, masks, strict=False)), "another patient's"),
        (
            lambda images, masks: list(zip(sorted(images), sorted(masks), strict=False)),
            "a mask is missing",
        ),
        (pair_what_there_is, "a mask is missing"),
        (pair_with_keys, "raise ValueError"),
        (refused_by_assert, "raise ValueError"),
        (another_error, "raise ValueError where a mask is missing"),
        (only_images_looked_up, "an image is missing"),
        (as_many, "each list has a name"),
        (sorted_pairs, "each list has a name"),
        (lambda images, masks: pair(images, masks)[:2], "each its pair"),
        (lambda images, masks: 2 * pair(images, masks), "once"),
    ],
    "symptoms": [
        ("abcde", "1.9"),
        ("cd", "five letters"),
        ("cdebz", "a to e"),
        ("cdbea", "what makes all lungs"),
        ("cdebaa", "five letters"),
        ("ccccc", "not caused by"),
        ({"a", "b", "c", "d", "e"}, "order"),
        ("", "five letters"),
        ("cdeab", "not caused by"),
    ],
    "hiding": [
        ("a", "seen at once"),
        ("c", "sooner or later"),
        ("d", "low too"),
        ("x", "a to d"),
        ("bc", "one letter"),
        ("not b", "a to d"),
        (["b", "c"], "one letter"),
        (2, "a to d"),
    ],
    "first_fault": [
        (label_first, "image not finite"),
        (lambda image, label: "fine", "image not finite"),
        (lambda image, label: rungs(image, label).replace("image nearly blank", "fine"), "blank"),
        (lambda image, label: rungs(np.nan_to_num(image), label), "image not finite"),
        (spread_for_range, "fine"),
        (lambda image, label: rungs(image, label > 0), "label not 0 or 1"),
        (lambda image, label: rungs(np.minimum(image, 1), label), "image not finite"),
        (lambda image, label: rungs(np.maximum(image, 0), label), "image not in 0 to 1"),
        (lambda image, label: rungs(image, label).replace("label empty", "fine"), "label empty"),
        (lambda image, label: "label empty" if not label.any() else rungs(image, label), "blank"),
        (lambda image, label: rungs(image, label) == "fine", "expected"),
        (blank_at_a_tenth, "the first fault is 'fine', and you say 'image nearly blank'"),
        (empty_if_all_alike, "the first fault is 'fine', and you say 'label empty'"),
    ],
}
