import hashlib
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.model_selection import GroupShuffleSplit, train_test_split

PER_CM = {"bone": 0.60, "soft tissue": 0.22, "lung": 0.05, "iron": 9.0}


def exponents(cm, per_cm):
    return [per_cm[one] * depth for one, depth in cm.items()]


def layer_by_layer(cm, per_cm):
    rays = 1.0
    for exponent in exponents(cm, per_cm):
        rays *= math.exp(-exponent)
    return rays


def terms(layers, row, column, least):
    found = [(float(layer[row, column]), name) for name, layer in layers.items()]
    return sorted((pair for pair in found if pair[0] >= least), reverse=True)


def by_series(layers, row, column, least):
    found = pd.Series({name: layer[row, column] for name, layer in layers.items()})
    return found[found >= least].sort_values(ascending=False).index


def by_interpolation(values, centre, width):
    return np.interp(values, [centre - width / 2, centre + width / 2], [0, 1])


def by_steps(values, centre, width):
    found = (values.astype(np.float32) - centre) / width + 0.5
    found[found < 0], found[found > 1] = 0, 1
    return found


def wrapped(values, centre, width):
    return np.clip((values - np.uint16(max(centre - width // 2, 0))) / width, 0, 1)


def stated_depth(pixels, bits, inverted):
    return abs(inverted - pixels / (2.0**bits - 1))


def by_shift(pixels, bits, inverted):
    top = (1 << bits) - 1
    return np.float32(top - pixels.astype(int) if inverted else pixels) / np.float32(top)


def by_loops_over_pixels(pixels, bits, inverted):
    top = 2**bits - 1
    return [[1 - one / top if inverted else one / top for one in row] for row in pixels.tolist()]


def turned(image, inverted):
    return 1 - image if inverted else image


def guessed_depth(pixels, bits, inverted):
    tops = (255,) if pixels.dtype == np.uint8 else (1023, 4095, 65535)
    return turned(pixels / next(top for top in tops if pixels.max() <= top), inverted)


def by_hypot(start, end, spacing_mm):
    return math.hypot((start[0] - end[0]) * spacing_mm[0], (start[1] - end[1]) * spacing_mm[1])


def mirrored(r_column, mask):
    return r_column > mask.shape[1] / 2


def by_halves(mask, r_column):
    middle = mask.shape[1] // 2
    at_left = mask[:, :middle].sum() > mask[:, middle:].sum()
    return "Patient right" if at_left != mirrored(r_column, mask) else "Patient left"


def by_centre(mask, r_column):
    at_left = ndimage.center_of_mass(mask)[1] < mask.shape[1] / 2
    return ["patient left", "patient right"][int(at_left != mirrored(r_column, mask))]


def by_flip(mask, r_column):
    mask = mask[:, ::-1] if mirrored(r_column, mask) else mask
    at_left = np.nonzero(mask)[1].mean() < mask.shape[1] / 2
    return "patient_right" if at_left else "patient_left"


def by_left_half(mask, r_column):
    at_left = mask[:, : mask.shape[1] // 2].any()
    return "patient right" if at_left != mirrored(r_column, mask) else "patient left"


def by_last_column(mask, r_column):
    at_left = np.nonzero(mask)[1].max() < mask.shape[1] / 2
    return "patient right" if at_left != mirrored(r_column, mask) else "patient left"


def by_edge(mask, r_column):
    at_left = np.nonzero(mask)[1].mean() < mask.shape[1] / 2
    return "patient right" if at_left == (r_column < 10) else "patient left"


def by_half_width(mask, r_column):
    near = abs(np.nonzero(mask)[1].mean() - r_column) < mask.shape[1] / 2
    return "patient right" if near else "patient left"


def without_marker(mask, r_column):
    return by_halves(mask, 0)


def other_side(mask, r_column):
    return "patient left" if by_centre(mask, r_column) == "patient right" else "patient right"


def by_nearness(mask, r_column):  # to the marker, in pixels of one of the pictures
    near = abs(np.nonzero(mask)[1].mean() - r_column) < 30
    return "patient right" if near else "patient left"


def bare(masks):
    return [name[: -len("_mask")] for name in masks]


def by_loops(images, masks):
    masks = bare(masks)
    lonely = [one for one in images if one not in masks]
    return sorted(lonely + [one for one in masks if one not in images])


def in_pairs(images, masks):
    images, masks = set(images), set(bare(masks))
    return images - masks, masks - images


def by_count(images, masks):
    return [name for name, count in Counter([*images, *bare(masks)]).items() if count == 1]


def by_kind(images, masks):
    return dict(zip(("no mask", "no image"), map(sorted, in_pairs(images, masks)), strict=True))


def with_ending(images, masks):
    alone = [name for name in images if f"{name}_mask" not in masks]
    return alone + [name for name in masks if name.removesuffix("_mask") not in images]


def by_rstrip(images, masks):
    return set(images) ^ {name.rstrip("_mask") for name in masks}


def first_seen(records):
    sexes = {}
    for one in records:
        sexes.setdefault(one.patient, one.sex)
    return Counter(sexes.values())


def by_table(records):
    table = pd.DataFrame({"patient": one.patient, "sex": one.sex} for one in records)
    return table.groupby("sex")["patient"].nunique()


def images_by_sex(records):
    return Counter(one.sex for one in records)


def cut(people, records, shares=(0.7, 0.8)):
    ends = [0, *(round(share * len(people)) for share in shares), len(people)]
    groups = [set(people[a:b]) for a, b in pairwise(ends)]
    return [[one for one in records if one.patient in group] for group in groups]


def shuffled(records, seed, people=None, shares=(0.7, 0.8)):
    people = sorted({one.patient for one in records}) if people is None else people
    return cut(list(np.random.default_rng(seed).permutation(people)), records, shares)


def split_by_groups(records, seed):
    def halves(some, share):
        splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
        parts = next(splitter.split(some, groups=[one.patient for one in some]))
        return [[some[place] for place in part] for part in parts]

    rest, test = halves(records, 0.2)
    return *halves(rest, 1 / 8), test


def split_by_digest(records, seed):
    def digest(name):
        return hashlib.sha256(f"{seed} {name}".encode()).digest()

    return cut(sorted({one.patient for one in records}, key=digest), records)


def split_in_dict(records, seed):
    import random

    people = sorted({one.patient for one in records})
    random.Random(seed).shuffle(people)
    return dict(zip(("train", "validation", "test"), cut(people, records), strict=True))


def split_images(records, seed):
    rest, test = train_test_split(list(records), test_size=0.2, random_state=seed)
    return *train_test_split(rest, test_size=1 / 8, random_state=seed), test


def split_a_set(records, seed):
    return shuffled(records, seed, list({one.patient for one in records}))


def split_patients(records, seed):
    return shuffled([one for one in records if one.name == one.patient], seed)


def share(wrong):
    """A wrong share of the exponents."""
    return lambda cm, per_cm: wrong(exponents(cm, per_cm))


RIGHT = {
    "share_that_arrives": [
        lambda cm, per_cm: np.exp(-sum(exponents(cm, per_cm))),
        layer_by_layer,
        lambda cm, per_cm: np.prod([np.exp(-one) for one in exponents(cm, per_cm)]),
        lambda cm, per_cm: [np.exp(-sum(per_cm[one] * cm.get(one, 0) for one in per_cm))],
    ],
    "in_the_way": [
        lambda *given: [name for _, name in terms(*given)],
        by_series,
        lambda *given: np.array([name for _, name in terms(*given)]),
        lambda *given: ", ".join(name for _, name in terms(*given)),
    ],
    "windowed": [
        by_interpolation,
        by_steps,
        lambda values, centre, width: np.clip((values / width) - centre / width + 0.5, 0, 1),
    ],
    "still_named": [
        "a, b, d, e and g",
        {"a", "b", "d", "e", "g"},
        list("gedba"),
        "(a)(b)(d)(e)(g)",
    ],
    "from_zero_to_one": [stated_depth, by_shift, by_loops_over_pixels],
    "distance_mm": [
        by_hypot,
        lambda start, end, mm: np.linalg.norm(np.multiply(start, mm) - np.multiply(end, mm)),
        lambda start, end, mm: [math.dist(np.multiply(start, mm), np.multiply(end, mm))],
        lambda start, end, mm: f"{by_hypot(start, end, mm):.2f} mm",
    ],
    "patient_side": [by_halves, by_centre, by_flip, by_left_half, by_last_column],
    "without_partner": [by_loops, in_pairs, by_count, by_kind],
    "patients_by_sex": [
        first_seen,
        by_table,
        lambda records: {
            sex: sum(one.sex == sex and one.name == one.patient for one in records)
            for sex in {one.sex for one in records}
        },
        lambda records: list(first_seen(records).items()),
        lambda records: {sex: first_seen(records)[sex] for sex in "FMO"},
    ],
    "split_people": [split_by_groups, split_in_dict, split_by_digest, shuffled],
}
WRONG = {
    "share_that_arrives": [
        (share(sum), "that is the exponent"),
        (share(lambda found: np.exp(sum(found))), "nothing in the way makes rays"),
        (share(lambda found: 1 - np.exp(-sum(found))), "which is lost"),
        (share(lambda found: np.exp(-np.array(found)).mean()), "shares multiply"),
        (share(lambda found: 10 ** -sum(found)), "and yours"),
        (share(lambda found: 2 ** -sum(found)), "and yours"),
        (share(lambda found: np.exp(-max(found))), "and yours"),
        (lambda cm, per_cm: np.exp(-sum(cm.values()) * 0.22), "behind 6 cm of soft tissue"),
        (lambda cm, per_cm: layer_by_layer(cm, PER_CM), "use the attenuations in `per_cm`"),
        (lambda cm, per_cm: np.exp(-np.dot(list(cm.values()), list(per_cm.values())[: len(cm)])),
         "and yours"),
        (lambda cm, per_cm: [0.0123, 0.1327], "expected one number"),
    ],
    "in_the_way": [
        (lambda layers, row, column, least: sorted(layers), "gas is below 0"),
        (lambda layers, row, column, least: terms(layers, row, column, least)[:1], "expected"),
        (lambda *given: [name for _, name in terms(*given)][:1], "add"),
        (lambda *given: [name for _, name in terms(*given)][::-1], "wrong order"),
        (lambda *given: sorted(name for _, name in terms(*given)), "wrong order"),
        (lambda *given: {name for _, name in terms(*given)}, "a set has no order"),
        (lambda layers, row, column, least: [n for _, n in terms(layers, column, row, least)],
         "add"),
        (lambda layers, row, column, least: [n for _, n in terms(layers, row, column, 0)], "add"),
        (lambda layers, row, column, least: [
            n for n in sorted(layers, key=lambda n: -abs(layers[n][row, column]))
            if abs(layers[n][row, column]) >= least], "gas is below 0"),
        (lambda layers, row, column, least: [n for n in layers if layers[n].max() >= least],
         "add"),
        (lambda *given: ["body", "heart"], "add"),
        (lambda layers, row, column, least: [
            n for t, n in terms(layers, row, column, least) if t > least], "exactly `least`"),
    ],
    "windowed": [
        (lambda values, centre, width: (values - (centre - width / 2)) / width, "clip"),
        (lambda values, centre, width: np.clip((values - float(centre)) / width, 0, 1),
         "becomes"),
        (lambda values, centre, width: by_interpolation(values, centre, 2 * width),
         "half of the width to each side"),
        (lambda values, centre, width: np.clip(values, centre - width / 2, centre + width / 2),
         "numbers from 0 to 1"),
        (lambda values, centre, width: 255 * by_interpolation(values, centre, width),
         "numbers from 0 to 1"),
        (wrapped, "uint16 has no numbers below 0"),
        (lambda values, centre, width: 1 - by_interpolation(values, centre, width), "becomes"),
        (lambda values, centre, width: by_interpolation(values, 2000, 1000), "becomes"),
        (lambda values, centre, width: by_interpolation(values, width, centre), "becomes"),
        (lambda values, centre, width: by_interpolation(values, centre, width) > 0.5, "becomes"),
        (lambda values, centre, width: values / values.max(), "becomes"),
        (lambda values, centre, width: np.clip(
            (values - float(centre - width // 2)) / width, 0, 1), "from -10.5 to 90.5"),
    ],
    "still_named": [
        ("abcdefg", "not c: how many bits"),
        ("a b d e f g", "not f: all films"),
        ("a, b, d, e", "two films of one chest"),
        ("b, d, e, g", "private fields"),
        ("a d e g", "a date and a hospital"),
        ("a b e g", "letters in the picture"),
        ("a b d g", "the file travels"),
        ("d", "4 missing"),
        ([], "5 missing"),
        ({"c", "f"}, "not c"),
        ("all of them", "letters from a to g"),
    ],
    "from_zero_to_one": [
        (lambda pixels, bits, inverted: turned(pixels / pixels.max(), inverted), "file's depth"),
        (lambda pixels, bits, inverted: pixels / 255, "above 1"),
        (lambda pixels, bits, inverted: pixels / 65535, "should go from"),
        (lambda pixels, bits, inverted: pixels / np.iinfo(pixels.dtype).max, "the 12-bit file"),
        (lambda pixels, bits, inverted: turned(pixels / 2**bits, inverted), "so divide by that"),
        (lambda pixels, bits, inverted: pixels / (2**bits - 1), "`inverted` means"),
        (lambda pixels, bits, inverted: 1 - pixels / (2**bits - 1), "should go from"),
        (lambda pixels, bits, inverted: (-1.0) ** inverted * pixels / (2**bits - 1),
         "should go from"),
        (lambda pixels, bits, inverted: (~pixels if inverted else pixels) / (2**bits - 1),
         "above 1"),
        (guessed_depth, "12-bit file whose largest pixel is 200"),
        (lambda pixels, bits, inverted: pixels // (2**bits - 1), "should go from"),
        (lambda pixels, bits, inverted: pixels.max() / (2**bits - 1), "one number a pixel"),
        (lambda pixels, bits, inverted: turned(
            (pixels - pixels.min()) / np.ptp(pixels), inverted), "file's depth"),
    ],
    "distance_mm": [
        (lambda start, end, mm: np.hypot(*np.subtract(end, start)), "in pixels"),
        (lambda start, end, mm: by_hypot(start, end, mm[::-1]), "row spacing"),
        (lambda start, end, mm: np.abs(np.subtract(end, start) * mm).sum(), "round the corner"),
        (lambda start, end, mm: by_hypot(start, end, (np.mean(mm),) * 2), "and yours is"),
        (lambda start, end, mm: by_hypot(start, end, (mm[0],) * 2), "and yours is"),
        (lambda start, end, mm: by_hypot(start, end, mm) ** 2, "and yours is"),
        (lambda start, end, mm: by_hypot(start, end, (1 / mm[0], 1 / mm[1])), "and yours is"),
        (lambda start, end, mm: by_hypot((0, 0), end, mm), "and yours is"),
        (lambda start, end, mm: abs(end[0] - start[0]) * mm[0], "and yours is"),
        (lambda start, end, mm: by_hypot(start, end, mm) / 10, "and yours is"),
        (lambda start, end, mm: np.subtract(end, start) * mm, "expected one number"),
    ],
    "patient_side": [
        (without_marker, 'with "R" in column'),
        (other_side, "R is the patient's right"),
        (lambda mask, r_column: "left", 'expected "patient right" or "patient left"'),
        (lambda mask, r_column: "patient right", "is the patient left"),
        (lambda mask, r_column: "patient left", "is the patient right"),
        (by_nearness, "70 x 30"),
        (lambda mask, r_column: "patient right" if r_column < 20 else "patient left",
         "is the patient left"),
        (lambda mask, r_column: by_centre(mask, r_column) == "patient right", "expected"),
        (lambda mask, r_column: by_centre(mask.T, r_column), "R is the patient's right"),
        (lambda mask, r_column: by_centre(mask, 60 - r_column), "R is the patient's right"),
        (by_edge, '40 x 60 pixels, with "R" in column 27'),
        (by_half_width, "R is the patient's right"),
    ],
    "without_partner": [
        (lambda images, masks: set(images) - set(bare(masks)), "look in both directions"),
        (lambda images, masks: set(bare(masks)) - set(images), "P2_1 has no mask"),
        (lambda images, masks: {a for a, b in zip(images, bare(masks), strict=True) if a != b},
         "that has both"),
        (lambda images, masks: set(images) ^ set(masks), "take `_mask` off first"),
        (by_rstrip, "rstrip takes letters"),
        (with_ending, "P5_1_mask: take `_mask` off first"),
        (lambda images, masks: set(images) ^ {name.split("_")[0] for name in masks},
         "P1 is cut short"),
        (lambda images, masks: {"P2_1", "P5_1"}, "that has both"),
        (lambda images, masks: {"P2_1", "P5_1", "P6_0"}, "none of the lists names"),
        (lambda images, masks: set(images) | set(bare(masks)), "that has both"),
        (lambda images, masks: set(images) & set(bare(masks)), "that has both"),
        (lambda images, masks: set(), "has no mask"),
        (lambda images, masks: len(set(images) ^ set(bare(masks))), "has no mask"),
    ],
    "patients_by_sex": [
        (images_by_sex, "these are images"),
        (lambda records: {"all": len({one.patient for one in records})}, "the sexes are"),
        (lambda records: {"F": 27, "M": 33}, "it makes"),
        (lambda records: len({one.patient for one in records}), "expected a function of records"),
        (lambda records: first_seen(records[:40]), "it makes"),
        (lambda records: {sex: first_seen(records)[sex] for sex in "FM"}, "the sexes are"),
        (lambda records: {sex: count / len(records)
                          for sex, count in first_seen(records).items()}, "it makes"),
        (lambda records: {sex: {one.patient for one in records if one.sex == sex}
                          for sex in {one.sex for one in records}}, "a count of patients"),
        (lambda records: {"female": first_seen(records)["F"], "male": first_seen(records)["M"]},
         "the sexes are"),
        (lambda records: {sex: len({one.age for one in records if one.sex == sex})
                          for sex in {one.sex for one in records}}, "it makes"),
    ],
    "split_people": [
        (split_images, "is in two parts"),
        (lambda records, seed: shuffled(records, None), "two splits"),
        (lambda records, seed: shuffled(records, 0), "other seeds give the same split"),
        (lambda records, seed: shuffled(records, seed % 2), "other seeds give the same split"),
        (split_a_set, "a set has another order"),
        (lambda records, seed: shuffled(records, seed, shares=(0.6, 0.8)), "were asked for"),
        (lambda records, seed: shuffled(records, seed, shares=(0.7, 0.85)), "were asked for"),
        (lambda records, seed: shuffled(records, seed)[::-1], "were asked for"),
        (lambda records, seed: shuffled(records, seed, shares=(0.8, 0.8)), "were asked for"),
        (split_patients, "are in no part"),
        (lambda records, seed: (list(records), list(records[:12]), []), "are there twice"),
        (lambda records, seed: (records, []), "return three lists"),
        (lambda records, seed: [[one.name for one in part] for part in shuffled(records, seed)],
         "hold the records themselves"),
    ],
}  # fmt: skip
