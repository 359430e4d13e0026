"""Exercises of notebook 07, and what a colleague sent for the two ladders."""

import numpy as np

from lungseg_utils.teaching.exercises.core import (
    NotYet,
    exercise,
    expect,
    read_choice,
    read_letter,
    read_letters,
    read_number,
)

EMPTY, SOME, MORE = np.zeros((3, 6, 6), np.uint8)
SOME[1:4, 1:4] = MORE[1:4, 1:5] = 1


def labels_of_a_colleague(masks):
    """Do not look: the ladder finds it."""
    return masks / np.float32(255)


def images_of_a_colleague(images):
    """Do not look here either."""
    images = images.copy()
    images[len(images) // 3] = 0.0
    mean, spread = (images.mean((1, 2), keepdims=True), images.std((1, 2), keepdims=True))
    with np.errstate(invalid="ignore"):
        return (images - mean) / spread


HIDING = {
    "a": "a Dice of 0 is seen at once",
    "b": "",
    "c": "its reported Dice is above 1, and sooner or later somebody asks",
    "d": "its reported Dice is low too, and nobody would publish it",
}


@exercise(
    objective="tell which bugs the reported number hides",
    expects="a letter, a to d",
    hint="Which of them spoils the test labels and the network alike, so that the two agree?",
    answer="answer = 'b'",
)
def hiding(answer):
    letter = read_letter(answer, "abcd")
    expect(letter == "b", f"not {letter}: {HIDING[letter]}")


@exercise(
    objective="find the labels that are not 0 and 1 before a network learns from them",
    expects="a function of a dict from names to masks that returns the names of the faulty ones",
    hint="`np.isin(mask, (0, 1)).all()` tests one mask; collect the names where it is False.",
    answer="""
    def faulty_labels(masks):
        return [name for name, mask in masks.items() if not np.isin(mask, (0, 1)).all()]
    """,
)
def faulty_labels(answer):
    good = {"bool": SOME > 0, "uint8": SOME, "float": MORE.astype(float), "no lung": EMPTY}
    bad = {
        "0 and 255": 255 * SOME,
        "0 and 1/255": MORE / 255,
        "shares of lung": MORE * np.linspace(0, 1, 6),
        "minus one": MORE - 1.0,
        "0 and 256": np.uint16(256) * SOME,
        "not a number": np.where(SOME > 0, np.nan, 0.0),
    }
    both = answer(good | bad)
    expect(not isinstance(both, str), "return the names in a list or a set, not in one text")
    found = set(answer(good))
    expect(not found, f"{sorted(found)} hold only 0 and 1: nothing is wrong with them")
    for name, mask in bad.items():
        expect(name in set(answer({name: mask})), f"you accept a mask that holds {name}")
    for masks in (good | bad, dict(reversed((bad | good).items()))):
        expect(set(answer(masks)) == set(bad), "name all the faulty ones and no others")


@exercise(
    objective="pair images with masks by name, and refuse what has no partner",
    expects="a function of two lists of file names that returns a list of pairs (image, mask)",
    hint="Compare the two as sets first: `set(images) ^ set(masks)` are those without a partner.",
    answer="""
    def paired(images, masks):
        alone = set(images) ^ set(masks)
        if alone:
            raise ValueError(f"without a partner: {sorted(alone)}")
        return [(name, name) for name in sorted(images)]
    """,
)
def paired(answer):
    names = [f"SIM_{number:04d}.png" for number in (3, 1, 12, 7)]
    found = [tuple(pair) for pair in answer(names, names[::-1])]
    expect(all(one == other for one, other in found), "an image got another patient's mask")
    expect(sorted(found) == [(name, name) for name in sorted(names)], "give each its pair, once")
    lone = "SIM_0099.png"
    cases = {
        "a mask is missing": (names, names[1:]),
        "an image is missing": (names[1:], names),
        "each list has a name that the other has not": ([*names, lone], [*names, "SIM_0098.png"]),
    }
    for what, lists in cases.items():
        try:
            answer(*lists)
        except NotYet as fault:
            said = f"raise ValueError where {what}; now {fault}"
            expect(isinstance(fault.__cause__, ValueError), said)
        else:
            raise NotYet(f"{what}, and nobody is told: raise ValueError")


CAUSES = {
    "a": "no validation image",
    "b": "unsorted files zipped",
    "c": "labels of 0 and 255",
    "d": "divided by 255 twice",
    "e": "dilated labels",
}
SYMPTOMS = {
    "the Dice is 1.9": ("c", "a Dice above 1 counts some pixels 255 times"),
    "good on training batches, black on files": ("d", "what differs between a batch and a file?"),
    "Dice .95, and every outline lies outside": ("e", "what makes all lungs too large?"),
    "the same vague lungs for every patient": ("b", "what if no image had its own mask?"),
    "the network kept is always the first epoch's": ("a", "when is no epoch better than another?"),
}


@exercise(
    objective="name a bug by its symptom",
    expects="five letters, such as 'abcde', one for each symptom in its order",
    hint="Begin with the Dice above 1, and with the one that says *always the first epoch*.",
    answer="answer = 'cdeba'",
)
def symptoms(answer):
    letters = read_letters(answer, "abcde", in_order=True)
    expect(len(letters) == 5, f"five letters, one for each symptom; yours are {len(letters)}")
    for letter, (symptom, (right, why)) in zip(letters, SYMPTOMS.items(), strict=True):
        expect(letter == right, f'"{symptom}" is not caused by {CAUSES[letter]}: {why}')


@exercise(
    objective="mend a measure that breaks on masks of 0 and 255",
    expects="a function of two masks of the same shape that returns one number, their Dice",
    hint="First ask `> 0` of both arrays, then count with what you get.",
    answer="""
    def repaired_dice(prediction, label):
        prediction, label = prediction > 0, label > 0
        total = prediction.sum() + label.sum()
        return 2 * (prediction & label).sum() / total if total else 1.0
    """,
)
def repaired_dice(answer):
    def dice(prediction, label):
        return read_number(answer(prediction, label), "one number, their Dice")

    lungs = np.uint8([[SOME, MORE], np.random.default_rng(0).uniform(size=(2, 6, 6)) < 0.4])
    for some, more in lungs:
        right = 2 * (some & more).sum() / (some.sum() + more.sum())
        for one, other in ((1, 1), (1, 255), (255, 255), (7, 1), (1, 100), (0.25, 1), (1, 1 / 255)):
            found = dice(one * some.astype(float), other * more.astype(float))
            said = (
                f"lung is {one:.3g} in the prediction, {other:.3g} in the label: Dice {found:.3f}"
            )
            expect(found <= 1, f"{said}, above 1; a pixel of 255 must count once")
            expect(abs(found - right) < 1e-6, f"{said}, and it is {right:.3f}")
        found = dice(255 * some, 255 * more)
        wraps = f"on uint8 masks of 255 it says {found:.4f}: in 8 bits 255 times 255 wraps to 1"
        expect(abs(found - right) < 1e-6, wraps)
        for kind, value in ((np.uint8, 3), (np.uint8, 128), (np.uint16, 256), (np.uint16, 65535)):
            found = dice(kind(value) * some, (more > 0))
            said = f"with a {kind.__name__} mask of {value} it says {found:.3f}"
            expect(
                abs(found - right) < 1e-6, f"{said}, and it is {right:.3f}: lung is any value > 0"
            )
        found = dice(some > 0, more > 0)
        expect(abs(found - right) < 1e-6, f"on bool masks it says {found:.3f}, not {right:.3f}")
    none = dice(EMPTY, EMPTY)
    expect(none == 1, f"two empty masks agree, so that Dice is 1, and yours is {none}")
    missed = "lung in one mask and none in the other is a Dice of 0, whichever of the two is empty"
    for value in (1, 255):
        expect(dice(EMPTY, value * SOME) == dice(value * SOME, EMPTY) == 0, missed)


@exercise(
    objective="climb from a symptom to its cause, one rung at a time",
    expects="a function of an image and its label that returns one of the six texts",
    hint="One `if` for each fault, each with its return, in the order given; at the end, 'fine'.",
    answer="""
    def first_fault(image, label):
        if not np.isfinite(image).all():
            return "image not finite"
        if image.min() < 0 or image.max() > 1:
            return "image not in 0 to 1"
        if image.max() - image.min() < 0.1:
            return "image nearly blank"
        if not np.isin(label, (0, 1)).all():
            return "label not 0 or 1"
        return "fine" if label.any() else "label empty"
    """,
)
def first_fault(answer):
    image = np.linspace(0, 1, 36).reshape(6, 6)
    hole = np.where(SOME > 0, np.nan, image)
    cases = [
        (image, SOME, "fine"),
        (image, MORE > 0, "fine"),
        (hole, SOME, "image not finite"),
        (np.where(image == 1, np.inf, image), SOME, "image not finite"),
        (255 * image, SOME, "image not in 0 to 1"),
        (image - 0.5, SOME, "image not in 0 to 1"),
        (image / 255, SOME, "image nearly blank"),
        (np.full_like(image, 0.5), SOME, "image nearly blank"),
        (image, 255 * SOME, "label not 0 or 1"),
        (image, SOME / 255, "label not 0 or 1"),
        (image, EMPTY, "label empty"),
        (hole, 255 * SOME, "image not finite"),
        (image / 255, EMPTY, "image nearly blank"),
        (0.5 + 0.08 * image, SOME, "image nearly blank"),
        (0.5 + 0.12 * image, SOME, "fine"),
        (np.where(image == 1, 0.9, 0.5), SOME, "fine"),
        (np.where(image == 1, -np.inf, image), SOME, "image not finite"),
        (np.where(image == 1, 1.01, image), SOME, "image not in 0 to 1"),
        (np.where(image == 0, -0.01, image), SOME, "image not in 0 to 1"),
        (image, SOME - 1.0, "label not 0 or 1"),
        (image, np.where(SOME > 0, np.nan, 0.0), "label not 0 or 1"),
        (image, EMPTY > 0, "label empty"),
        (image, EMPTY + 1, "fine"),
        (np.where(image == 1, 0.1, 0.0), SOME, "fine"),
    ]
    faults = list(dict.fromkeys(right for *_, right in cases))
    for one, label, right in cases:
        found = read_choice(answer(one, label), faults)
        values = f"an image from {one.min():.3g} to {one.max():.3g}, labels {np.unique(label)}"
        expect(found == right, f"{values}: the first fault is '{right}', and you say '{found}'")
