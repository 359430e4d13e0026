"""Exercises of notebook 01."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lungseg_utils.teaching.exercises.core import exercise, expect
from lungseg_utils.types import Record

PER_CM = {"soft tissue": 0.22, "bone": 0.60, "lung": 0.05}
SIDES = {"patient right": "image left", "patient left": "image right"}


@exercise(
    objective="explain in one formula why lungs are dark on a radiograph, and build one layer by "
    "layer",
    expects="a function of two dicts: cm of each material in the way, and its attenuation per cm",
    hint="Add up attenuation times cm over the materials in the way, then `np.exp` of minus that.",
    answer="""
    def share_that_arrives(cm, per_cm):
        return np.exp(-sum(per_cm[material] * depth for material, depth in cm.items()))
    """,
)
def share_that_arrives(answer):
    rays = [{"soft tissue": 20}, {"soft tissue": 6, "lung": 14}, {"bone": 2, "soft tissue": 18}]
    for cm in rays:
        found = float(answer(dict(cm), dict(PER_CM)))
        depths = [PER_CM[material] * depth for material, depth in cm.items()]
        right, way = np.exp(-sum(depths)), ", ".join(f"{cm[one]} cm of {one}" for one in cm)
        expect(not np.isclose(found, sum(depths)), "that is the exponent, not yet the share")
        expect(found <= 1, f"behind {way} it says {found:.3g}: nothing in the way makes rays")
        lost = np.isclose(found, 1 - right)
        expect(not lost, "that is the share which is lost; the one that arrives is asked for")
        added = len(cm) > 1 and np.isclose(found, np.exp(-np.array(depths)).mean())
        expect(not added, "one material after the other weakens the rays: shares multiply")
        expect(
            np.isclose(found, right, rtol=1e-3),
            f"behind {way} the share is {right:.4f}, and yours {found:.4f}",
        )


@exercise(
    objective="turn the pixels of an 8-bit, 12-bit or 16-bit X-ray into numbers between 0 and 1",
    expects="a function of an array of uint8 or uint16",
    hint="`pixels.dtype` tells 8 bits from 16; 12 bits come in uint16 and stay below 4096.",
    answer="""
    def from_zero_to_one(pixels):
        if pixels.dtype == np.uint8:
            bits = 8
        else:
            bits = 12 if pixels.max() < 4096 else 16
        return pixels.astype(np.float32) / (2**bits - 1)
    """,
)
def from_zero_to_one(answer):
    for bits, kind, largest in ((8, np.uint8, 180), (12, np.uint16, 3000), (16, np.uint16, 60000)):
        pixels = np.array([[0, largest // 3], [largest // 2, largest]], kind)
        found = np.asarray(answer(pixels))
        expect(found.shape == pixels.shape, f"one number a pixel: {pixels.shape}, {found.shape}")
        brightest, name = float(found.max()), f"{bits}-bit file whose brightest pixel is {largest}"
        expect(brightest <= 1, f"on a {name} it goes up to {brightest:.4g}, above 1")
        by_own = np.isclose(brightest, 1)
        expect(not by_own, f"a {name} has no white, and yours has: divide by the file's depth")
        by_power = np.isclose(brightest, largest / 2**bits, rtol=1e-5)
        expect(not by_power, f"{bits} bits hold 0 to {2**bits - 1}, so divide by that")
        right = pixels / (2**bits - 1)
        expect(
            np.allclose(found, right, atol=1e-4),
            f"a {name} should reach {right.max():.3f}, and yours reaches {brightest:.3f}",
        )


@exercise(
    objective="measure in millimetres, and tell the patient's sides from the image's",
    expects="a function of two points (row, column) and a spacing (row, column) in mm",
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
    ):
        found = float(answer(start, end, spacing))
        steps = np.subtract(end, start)
        right = np.hypot(*(steps * spacing))
        expect(not np.isclose(found, np.hypot(*steps)), "that is in pixels: bring in the spacing")
        swapped = spacing[0] != spacing[1] and np.isclose(found, np.hypot(*(steps * spacing[::-1])))
        expect(not swapped, "row steps go with the row spacing, which comes first")
        corner = steps.all() and np.isclose(found, np.abs(steps * spacing).sum())
        expect(not corner, "that is the way round the corner: take the straight line")
        expect(
            np.isclose(found, right, rtol=1e-3),
            f"from {start} to {end} with pixels of {spacing} mm it is {right:.2f} mm, "
            f"and yours is {found:.2f}",
        )


@exercise(
    objective="measure in millimetres, and tell the patient's sides from the image's",
    expects="a function of the bool mask (height, width) of one lung",
    hint="`np.nonzero(mask)[1]` holds the columns of the lung. Compare their mean with the middle.",
    answer="""
    def patient_side(mask):
        columns = np.nonzero(mask)[1]
        return "patient right" if columns.mean() < mask.shape[1] / 2 else "patient left"
    """,
)
def patient_side(answer):
    for side, on_image in SIDES.items():
        for height, width in ((40, 60), (70, 30)):
            mask = np.zeros((height, width), bool)
            mask[height // 5 : height // 2, width // 6 : width // 2 + 2] = True
            mask = mask if on_image == "image left" else mask[:, ::-1]
            said = str(answer(mask)).strip().lower()
            expect(said in SIDES, f'it says "{said}": say "patient right" or "patient left"')
            expect(
                said == side,
                f"a lung at the {on_image} of {height} x {width} pixels belongs to the {side}: "
                "the patient faces you",
            )


@exercise(
    objective="pair images with masks by name, and find what has no partner",
    expects="a function of two lists of names",
    hint="Two sets have a difference, `-`, in either direction, and `^` does both at once.",
    answer="""
    def without_partner(images, masks):
        return set(images) ^ set(masks)
    """,
)
def without_partner(answer):
    images, masks = ["P1_0", "P2_1", "P3_0", "P4_0"], ["P4_0", "P1_0", "P3_0", "P5_1"]
    found = set(answer(list(images), list(masks)))
    expect(not found & set(masks) & set(images), "it names P1_0, P3_0 or P4_0, and they have both")
    expect("P2_1" in found, "the image P2_1 has no mask, and your function did not say so")
    expect("P5_1" in found, "the mask P5_1 has no image: look in both directions")
    others = found - {"P2_1", "P5_1"}
    expect(not others, f"it says {sorted(map(str, others))}, which is the name of no file")
    longer = set(answer([*images, "P9_0"], [*masks, "P2_1"]))
    expect(longer == {"P5_1", "P9_0"}, "on other lists it goes wrong: use the ones that are given")


def made_up_records(count: int = 60) -> tuple[Record, ...]:
    """Records of invented people, without files; every fourth was X-rayed two or three times."""
    rng, records = np.random.default_rng(3), []
    for person in range(count):
        sex, age = rng.choice(["F", "M"], p=[0.4, 0.6]), float(rng.integers(20, 80))
        visits = rng.integers(2, 4) if person % 4 == 0 else 1
        names = [f"P{person:03d}{letter}" for letter in "abc"[:visits]]
        paths = Path("image.png"), (Path("left.png"), Path("right.png"))
        for name in names:
            label, facts = int(rng.integers(2)), ((512, 512), (0.8, 0.7), names[0])
            records.append(Record(name, *paths, *facts, age=age, sex=str(sex), label=label))
    return tuple(records)


@exercise(
    objective="say who is in a set, counting patients and not images",
    expects="a function of records",
    hint="Collect the patients of each sex in a `set`, which keeps each name once, then count.",
    answer="""
    def patients_by_sex(records):
        sexes = {one.sex for one in records}
        return {sex: len({one.patient for one in records if one.sex == sex}) for sex in sexes}
    """,
)
def patients_by_sex(answer):
    for records in (made_up_records(), made_up_records(25)):
        found = {str(sex): int(count) for sex, count in dict(answer(records)).items()}
        images = Counter(one.sex for one in records)
        right = Counter({one.patient: one.sex for one in records}.values())
        expect(set(found) == set(right), f"the sexes are F and M, and yours are {sorted(found)}")
        expect(found != images, f"these are images: {right['F']} women had {images['F']} of them")
        expect(found == right, f"of {dict(right)} it makes {found}")


@exercise(
    objective="split a set of radiographs so that no patient is in two parts, and show that it is "
    "so",
    expects="a function of records and a seed",
    hint="Shuffle the sorted set of patients with `np.random.default_rng(seed)`, take four fifths "
    "of them, then ask of each record where its patient went.",
    answer="""
    def split_people(records, seed):
        people = sorted({one.patient for one in records})
        order = np.random.default_rng(seed).permutation(people)
        chosen = set(order[: len(order) * 4 // 5])
        train = [one for one in records if one.patient in chosen]
        test = [one for one in records if one.patient not in chosen]
        return train, test
    """,
)
def split_people(answer):
    records, firsts = made_up_records(), []
    for seed in (0, 0, 1, 2):
        parts = answer(records, seed)
        expect(len(parts) == 2, "return two parts, those to learn from and those to be judged on")
        train, test = parts
        _expect_whole(records, [*train, *test])
        both = {one.patient for one in train} & {one.patient for one in test}
        expect(not both, f"patient {min(both, default='')} is in both parts: shuffle the patients")
        share = len(test) / len(records)
        expect(0.1 < share < 0.35, f"{share:.0%} are to be judged on, and a fifth was asked for")
        firsts.append({one.name for one in test})
    expect(firsts[0] == firsts[1], "the same seed twice gave two splits: draw from that seed alone")
    expect(firsts[1] != firsts[2] != firsts[3], "other seeds give the same split: shuffle with it")


def _expect_whole(records: Sequence[Record], parts: Sequence[Record]) -> None:
    names = Counter(one.name for one in parts)
    lost = sorted({one.name for one in records} - names.keys())
    expect(not lost, f"{len(lost)} records are in neither part, {', '.join(lost[:1])} among them")
    twice = [name for name, count in names.items() if count > 1]
    expect(not twice, f"{len(twice)} records are there twice, {', '.join(twice[:1])} among them")
