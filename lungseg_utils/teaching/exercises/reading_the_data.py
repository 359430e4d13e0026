"""Exercises of notebook 01."""

from collections import Counter
from itertools import product

import numpy as np

from lungseg_utils.teaching.exercises.core import (
    exercise,
    expect,
    read_choice,
    read_letters,
    read_names,
    read_number,
)
from lungseg_utils.teaching.exercises.films import (
    close,
    expect_alone,
    expect_grey,
    expect_same_order,
    expect_window,
    made_up_records,
    tested_names,
)

READING = "read the marks and shadows of a film, and say what must come off before it is shown"
MEASURING = "measure in millimetres, and tell the patient's sides from the image's"
PER_CM = {"bone": 0.60, "soft tissue": 0.22, "lung": 0.05, "iron": 9.0}


@exercise(
    objective="explain in one formula why lungs are dark on a radiograph, and build one layer by "
    "layer",
    expects="a function of two dicts, cm of each material and attenuation per cm, that returns "
    "one number, the share that arrives",
    hint="Add up attenuation times cm over the materials in the way, then `np.exp` of minus that.",
    answer="""
    def share_that_arrives(cm, per_cm):
        return np.exp(-sum(per_cm[material] * depth for material, depth in cm.items()))
    """,
)
def share_that_arrives(answer):
    rays = [{"soft tissue": 20}, {"soft tissue": 6, "lung": 14}, {"bone": 2, "soft tissue": 18}]
    rays += [{"lung": 9, "soft tissue": 7, "bone": 1, "iron": 0.1}]
    for cm, energy in zip(rays, (1, 1, 0.8, 1.4), strict=True):
        per_cm = {one: energy * value for one, value in PER_CM.items()}
        found = read_number(answer(cm, per_cm), "one number, the share that arrives", share=True)
        depths = [per_cm[one] * depth for one, depth in cm.items()]
        right, way = np.exp(-sum(depths)), ", ".join(f"{cm[one]} cm of {one}" for one in cm)
        expect(not np.isclose(found, sum(depths)), "that is the exponent, not yet the share")
        expect(found <= 1, f"behind {way} it says {found:.3g}: nothing in the way makes rays")
        expect(not np.isclose(found, 1 - right), "that is the share which is lost on the way")
        added = len(cm) > 1 and np.isclose(found, np.exp(-np.array(depths)).mean())
        expect(not added, "one material after the other weakens the rays: shares multiply")
        at_60_kev = energy != 1 and close(found, right ** (1 / energy))
        expect(not at_60_kev, "use the attenuations in `per_cm`: they change with the energy")
        said = f"behind {way} the share is {right:.4f} with these attenuations"
        expect(close(found, right), f"{said}, and yours {found:.4f}")


@exercise(
    objective=READING,
    expects="a function of layers, row, column and least that returns names of layers",
    hint="Collect `layers[name][row, column]` by name, keep those of at least `least`, and sort "
    "them with `reverse=True`.",
    answer="""
    def in_the_way(layers, row, column, least):
        terms = {name: layer[row, column] for name, layer in layers.items()}
        names = sorted(terms, key=terms.get, reverse=True)
        return [name for name in names if terms[name] >= least]
    """,
)
def in_the_way(answer):
    rng = np.random.default_rng(0)
    names = ["body", "lungs", "heart", "ribs", "spine", "gas"]
    for least in (0.05, 0.3, 0.3, 0.6, 3.0, "heart"):
        layers = {name: rng.uniform(0, 1, (7, 9)).astype(np.float32) for name in names}
        layers["gas"] = -layers["gas"] - 0.7
        row, column = (int(place) for place in rng.permutation(7)[:2])
        terms = {name: float(layer[row, column]) for name, layer in layers.items()}
        least = terms.get(least, least)
        right = [one for one in sorted(terms, key=lambda one: -terms[one]) if terms[one] >= least]
        found = answer(layers, row, column, least)
        expect(not isinstance(found, set), "a set has no order: return a list, the largest first")
        found = read_names(found, "names of layers")
        expect("gas" not in found, "gas is below 0 there and lets more rays pass: leave it out")
        unsorted = sorted(found) == sorted(right)
        expect(found == right or not unsorted, "right names, wrong order: the largest term first")
        above = [one for one in right if terms[one] > least]
        expect(found == right or found != above, "a term of exactly `least` is at least that")
        where = f"at row {row}, column {column} {', '.join(right) or 'none'} add {least:g} or more"
        expect(found == right, f"{where}, and yours are {', '.join(found) or 'none'}")


@exercise(
    objective=READING,
    expects="a function of values, centre and width that returns an array of numbers from 0 to 1",
    hint="The window begins at `centre - width / 2`. Turn the values into floats before you "
    "subtract, since uint16 has no numbers below 0, and finish with `np.clip`.",
    answer="""
    def windowed(values, centre, width):
        low = centre - width / 2
        return np.clip((values.astype(float) - low) / width, 0, 1)
    """,
)
def windowed(answer):
    values = np.array([[0, 900, 1500, 2000], [2100, 2600, 4095, 60000]], np.uint16)
    for centre, width in ((2000, 1000), (2050, 4100), (1500, 600), (40, 101)):
        expect_window(answer(values, centre, width), values, centre, width)


NAMING = {  # True where it can lead to the patient
    "a": (True, "private fields hold what the maker likes, names too"),
    "b": (True, "a date and a hospital leave few patients"),
    "c": (False, "how many bits the detector used is the same for all its patients"),
    "d": (True, "letters in the picture stay when the header is cleared"),
    "e": (True, "the file travels with its name"),
    "f": (False, "all films of this detector have as many rows and columns"),
    "g": (True, "two films of one chest can be matched"),
}


@exercise(
    objective=READING,
    expects="letters from a to g",
    hint="Ask of each: would it differ between two patients of one hospital on one day?",
    answer='still_named = "a, b, d, e, g"',
)
def still_named(answer):
    found = set(read_letters(answer, "abcdefg"))
    for letter, (leads, why) in NAMING.items():
        expect(leads or letter not in found, f"not {letter}: {why}")
    missing = [why for letter, (leads, why) in NAMING.items() if leads and letter not in found]
    expect(not missing, f"{len(missing)} missing, one of them because {''.join(missing[:1])}")


@exercise(
    objective="turn the pixels of an 8-bit, 12-bit or 16-bit X-ray into numbers between 0 and 1",
    expects="a function of pixels, bits and inverted that returns an array of numbers from 0 to 1",
    hint="Divide by the largest number that `bits` bits hold. If `inverted`, take that from 1.",
    answer="""
    def from_zero_to_one(pixels, bits, inverted):
        image = pixels.astype(np.float32) / (2**bits - 1)
        return 1 - image if inverted else image
    """,
)
def from_zero_to_one(answer):
    cases = [(8, np.uint8, 180, False), (12, np.uint16, 3000, False), (16, np.uint16, 60000, False)]
    cases += [(12, np.uint16, 200, False), (16, np.uint16, 4000, False), (10, np.uint16, 900, True)]
    for bits, kind, largest, inverted in [*cases, (8, np.uint8, 180, True)]:
        pixels = np.array([[7, largest // 3, 0], [largest // 2, largest, largest // 5]], kind)
        expect_grey(answer(pixels, bits, inverted), pixels, bits, inverted)


@exercise(
    objective=MEASURING,
    expects="a function of two points (row, column) and a spacing (row, column) that returns one "
    "number, a distance in mm",
    hint="Turn the step along the rows and the step along the columns into mm, each with its own "
    "spacing; then Pythagoras.",
    answer="""
    def distance_mm(start, end, spacing_mm):
        steps = np.subtract(end, start) * spacing_mm
        return np.sqrt((steps**2).sum())
    """,
)
def distance_mm(answer):
    for start, end, spacing in (
        ((10, 20), (40, 60), (0.5, 0.5)),
        ((100, 50), (60, 80), (0.8, 0.6)),
        ((0, 0), (30, 0), (0.7, 1.4)),
        ((500, 7), (20, 300), (0.175, 0.21)),
    ):
        found = read_number(answer(start, end, spacing), "one number, a distance in mm")
        steps = np.subtract(end, start)
        right = np.hypot(*(steps * spacing))
        expect(not np.isclose(found, np.hypot(*steps)), "that is in pixels: bring in the spacing")
        swapped = spacing[0] != spacing[1] and np.isclose(found, np.hypot(*(steps * spacing[::-1])))
        expect(not swapped, "row steps go with the row spacing, which comes first")
        corner = steps.all() and np.isclose(found, np.abs(steps * spacing).sum())
        expect(not corner, "that is the way round the corner: take the straight line")
        said = f"from {start} to {end} with pixels of {spacing} mm it is {right:.2f} mm"
        expect(close(found, right), f"{said}, and yours is {found:.2f}")


@exercise(
    objective=MEASURING,
    expects='a function of a mask and r_column that returns "patient right" or "patient left"',
    hint="R stands on the patient's right. Is the lung in the same half of the picture as R?",
    answer="""
    def patient_side(mask, r_column):
        middle = mask.shape[1] / 2
        same = (np.nonzero(mask)[1].mean() < middle) == (r_column < middle)
        return "patient right" if same else "patient left"
    """,
)
def patient_side(answer):
    sizes, sides, lungs = ((40, 60), (70, 30)), (False, True), ("left", "right")
    for inwards, flipped, (height, width), lung in product(sides, sides, sizes, lungs):
        mask = np.zeros((height, width), bool)
        mask[height // 5 : height // 2, width // 6 : width // 2 - 1] = True
        mask = mask if lung == "left" else mask[:, ::-1]
        r_column = width // 2 - 3 if inwards else 2
        r_column = width - 1 - r_column if flipped else r_column
        said = read_choice(answer(mask, r_column), ("patient right", "patient left"))
        side = "patient right" if (lung == "left") != flipped else "patient left"
        where = f'a lung at the {lung} of {height} x {width} pixels, with "R" in column {r_column}'
        expect(said == side, f"{where}, is the {side}: R is the patient's right")


@exercise(
    objective="pair images with masks by name, and find what has no partner",
    expects="a function of two lists of names that returns names",
    hint='`name.removesuffix("_mask")` gives the name of the image. Two sets have a difference, '
    "`-`, in either direction, and `^` does both at once.",
    answer="""
    def without_partner(images, masks):
        return set(images) ^ {name.removesuffix("_mask") for name in masks}
    """,
)
def without_partner(answer):
    images, masks = ["P1_0", "P2_1", "P3_k", "P4_0"], ["P4_0", "P1_0", "P3_k", "P5_1"]
    more = [*images, "P9_0"], [*masks, "P2_1"]
    for ours, theirs in ((images, masks), more, (images[::-1], images), (masks[:1], images)):
        expect_alone(answer(list(ours), [f"{name}_mask" for name in theirs]), ours, theirs)


@exercise(
    objective="say who is in a set, counting patients and not images",
    expects="a function of records that returns a dict of sexes and counts",
    hint="Collect the patients of each sex in a `set`, which keeps each name once, then count.",
    answer="""
    def patients_by_sex(records):
        sexes = {one.sex for one in records}
        return {sex: len({one.patient for one in records if one.sex == sex}) for sex in sexes}
    """,
)
def patients_by_sex(answer):
    for records in (made_up_records(), made_up_records(25, seed=5), made_up_records(40, "FMO")):
        pairs = dict(answer(records)).items()
        counts = {str(sex): read_number(count, "a count of patients") for sex, count in pairs}
        found = {sex: count for sex, count in counts.items() if count}
        images = Counter(one.sex for one in records)
        right = Counter({one.patient: one.sex for one in records}.values())
        expect(set(found) == set(right), f"the sexes are {sorted(right)}, yours {sorted(found)}")
        expect(found != images, f"these are images: {right['F']} women had {images['F']} of them")
        expect(found == right, f"of {dict(right)} it makes {dict(pairs)}")


@exercise(
    objective="split a set of radiographs so that no patient is in two parts, and show that it is "
    "so",
    expects="a function of records and a seed that returns three lists of records",
    hint="Shuffle the sorted set of patients with `np.random.default_rng(seed)`, cut it at seven "
    "and at eight tenths, then ask of each record where its patient went.",
    answer="""
    def split_people(records, seed):
        people = sorted({one.patient for one in records})
        order = np.random.default_rng(seed).permutation(people)
        cuts = len(order) * 7 // 10, len(order) * 8 // 10
        groups = order[: cuts[0]], order[cuts[0] : cuts[1]], order[cuts[1] :]
        return [[one for one in records if one.patient in set(group)] for group in groups]
    """,
)
def split_people(answer):
    records, tested = made_up_records(), []
    for seed in (0, 0, 1, 2, 4, 7):
        tested.append(tested_names(answer(records, seed), records))
    tested_names(answer(made_up_records(90, seed=6), 3), made_up_records(90, seed=6))
    expect(tested[0] == tested[1], "the same seed twice gave two splits: draw from that seed alone")
    others = len(set(tested[1:])) == len(tested) - 1
    expect(others, "other seeds give the same split: shuffle with the seed")
    expect_same_order(answer, records, tested[0])
