import math
from collections import Counter

import numpy as np
from scipy import ndimage
from sklearn.model_selection import GroupShuffleSplit, train_test_split


def exponents(cm, per_cm):
    return [per_cm[one] * depth for one, depth in cm.items()]


def layer_by_layer(cm, per_cm):
    rays = 1.0
    for exponent in exponents(cm, per_cm):
        rays *= math.exp(-exponent)
    return rays


def own_depth(pixels):
    largest = 255 if pixels.dtype == np.uint8 else 4095 if pixels.max() < 4096 else 65535
    return pixels / largest


def by_table(pixels):
    tops = (255,) if pixels.dtype == np.uint8 else (4095, 65535)
    return np.float32(pixels) / np.float32(next(top for top in tops if pixels.max() <= top))


def by_hypot(start, end, spacing_mm):
    return math.hypot((start[0] - end[0]) * spacing_mm[0], (start[1] - end[1]) * spacing_mm[1])


def by_halves(mask):
    middle = mask.shape[1] // 2
    return "Patient right" if mask[:, :middle].sum() > mask[:, middle:].sum() else "Patient left"


def by_loops(images, masks):
    lonely = [one for one in images if one not in masks]
    return sorted(lonely + [one for one in masks if one not in images])


def by_centre(mask):
    on_image_left = ndimage.center_of_mass(mask)[1] < mask.shape[1] / 2
    return "patient right" if on_image_left else "patient left"


def first_seen(records):
    sexes = {}
    for one in records:
        sexes.setdefault(one.patient, one.sex)
    return Counter(sexes.values())


def split_by_groups(records, seed):
    splitter = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    parts = next(splitter.split(records, groups=[one.patient for one in records]))
    return [[records[place] for place in part] for part in parts]


def split_by_shuffle(records, seed):
    people = sorted({one.patient for one in records})
    np.random.default_rng(seed).shuffle(people)
    test = set(people[:12])
    return tuple(tuple(r for r in records if (r.patient in test) == judged) for judged in (0, 1))


def split_unseeded(records, seed):
    return split_by_groups(records, None)


def split_always_alike(records, seed):
    return split_by_groups(records, 0)


def split_in_half(records, seed):
    people = sorted({one.patient for one in records})
    half = set(np.random.default_rng(seed).permutation(people)[: len(people) // 2])
    return tuple([r for r in records if (r.patient in half) == side] for side in (0, 1))


def split_patients(records, seed):
    chosen = {one.patient: one for one in records}.values()
    return split_by_groups(list(chosen), seed)


RIGHT = {
    "share_that_arrives": [
        lambda cm, per_cm: np.exp(-sum(exponents(cm, per_cm))),
        layer_by_layer,
    ],
    "from_zero_to_one": [own_depth, by_table],
    "distance_mm": [
        by_hypot,
        lambda start, end, mm: np.linalg.norm(np.multiply(start, mm) - np.multiply(end, mm)),
    ],
    "patient_side": [
        by_halves,
        by_centre,
    ],
    "without_partner": [by_loops, lambda images, masks: set(images).symmetric_difference(masks)],
    "patients_by_sex": [
        first_seen,
        lambda records: {
            sex: sum(one.sex == sex and one.name == one.patient for one in records) for sex in "FM"
        },
    ],
    "split_people": [split_by_groups, split_by_shuffle],
}
WRONG = {
    "share_that_arrives": [
        (lambda cm, per_cm: sum(exponents(cm, per_cm)), "that is the exponent"),
        (lambda cm, per_cm: np.exp(sum(exponents(cm, per_cm))), "nothing in the way makes rays"),
        (lambda cm, per_cm: 1 - np.exp(-sum(exponents(cm, per_cm))), "which is lost"),
        (lambda cm, per_cm: np.exp(-np.array(exponents(cm, per_cm))).mean(), "shares multiply"),
        (lambda cm, per_cm: np.exp(-sum(cm.values()) * 0.22), "behind 6 cm of soft tissue"),
    ],
    "from_zero_to_one": [
        (lambda pixels: pixels / pixels.max(), "divide by the file's depth"),
        (lambda pixels: pixels / 255, "12-bit file whose brightest pixel is 3000 it goes up"),
        (lambda pixels: pixels / 65535, "8-bit file whose brightest pixel is 180 should reach"),
        (lambda pixels: pixels / np.iinfo(pixels.dtype).max, "a 12-bit file"),
        (lambda pixels: pixels / (256 if pixels.dtype == np.uint8 else 4096), "divide by that"),
        (lambda pixels: pixels.max() / 65535, "one number a pixel"),
    ],
    "distance_mm": [
        (lambda start, end, mm: np.hypot(*np.subtract(end, start)), "in pixels"),
        (lambda start, end, mm: by_hypot(start, end, mm[::-1]), "row spacing"),
        (lambda start, end, mm: np.abs(np.subtract(end, start) * mm).sum(), "round the corner"),
        (lambda start, end, mm: by_hypot(start, end, (np.mean(mm),) * 2), "and yours is"),
    ],
    "patient_side": [
        (
            lambda mask: "patient left" if by_halves(mask) == "Patient right" else "patient right",
            "the patient faces you",
        ),
        (lambda mask: "left", 'it says "left"'),
        (lambda mask: "patient right", "belongs to the patient left"),
        (
            lambda mask: "patient right" if np.nonzero(mask)[1].mean() < 25 else "patient left",
            "70 x 30",
        ),
    ],
    "without_partner": [
        (lambda images, masks: set(images) - set(masks), "look in both directions"),
        (lambda images, masks: set(masks) - set(images), "P2_1 has no mask"),
        (
            lambda images, masks: {a for a, b in zip(images, masks, strict=True) if a != b},
            "they have both",
        ),
        (lambda images, masks: {"P2_1", "P5_1"}, "on other lists"),
        (lambda images, masks: {"P2_1", "P5_1", "P6_0"}, "the name of no file"),
    ],
    "patients_by_sex": [
        (lambda records: Counter(one.sex for one in records), "these are images"),
        (lambda records: {"all": len({one.patient for one in records})}, "the sexes are F and M"),
        (lambda records: {"F": 27, "M": 33}, "it makes"),
        (lambda records: len({one.patient for one in records}), "expected a function of records"),
    ],
    "split_people": [
        (
            lambda records, seed: train_test_split(records, test_size=0.2, random_state=seed),
            "is in both parts",
        ),
        (split_unseeded, "two splits"),
        (split_always_alike, "other seeds give the same split"),
        (split_in_half, "a fifth was asked for"),
        (split_patients, "are in neither part"),
        (lambda records, seed: (list(records), list(records[:12])), "are there twice"),
        (lambda records, seed: (records, [], []), "return two parts"),
    ],
}
