"""Exercises of notebook 07, and what a colleague sent for the two ladders."""

import numpy as np

from lungseg_utils.teaching.exercises.core import NotYet, exercise, expect

EMPTY, SOME, MORE = np.zeros((3, 6, 6), np.uint8)
SOME[1:4, 1:4] = MORE[1:4, 1:5] = 1


def labels_of_a_colleague(masks):
    """No peeking: the ladder finds it."""
    return masks / np.float32(255)


def images_of_a_colleague(images):
    """No peeking here either."""
    images = images.copy()
    images[len(images) // 3] = 0.0
    mean, spread = (images.mean((1, 2), keepdims=True), images.std((1, 2), keepdims=True))
    with np.errstate(invalid="ignore"):
        return (images - mean) / spread


HIDING = {
    "a": "a Dice of 0 is seen at once",
    "b": "",
    "c": "a Dice above 1 makes somebody ask, sooner or later",
    "d": "its own report is low too: nobody would print it",
}


@exercise(
    objective="tell which bugs the reported number hides",
    expects="a letter, a to d",
    hint="Which of them spoils the truth and the network alike, so that the two still agree?",
    answer="answer = 'b'",
)
def hiding(answer):
    letter = str(answer).strip().lower()
    expect(letter in HIDING, f"one of {', '.join(HIDING)}")
    expect(letter == "b", f"not {letter}: {HIDING[letter]}")


@exercise(
    objective="find the labels that are not 0 and 1 before a network learns from them",
    expects="a function of a dict from names to masks",
    hint="`np.isin(mask, (0, 1)).all()` asks one mask; collect the names of those that say no.",
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
        "not a number": np.where(SOME > 0, np.nan, 0.0),
    }
    found = set(answer(good))
    expect(not found, f"{sorted(found)} hold 0 and 1, or 0 alone: nothing is wrong with them")
    for name, mask in bad.items():
        expect(name in set(answer({name: mask})), f"you let a mask pass that holds {name}")
    expect(set(answer(good | bad)) == set(bad), "name the faulty ones and no others")


@exercise(
    objective="pair images with masks by name, and refuse what has no partner",
    expects="a function of two lists of file names",
    hint="Compare the two as sets first: `set(images) ^ set(masks)` is what stands alone.",
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
            expect("ValueError" in str(fault), f"raise ValueError where {what}; now {fault}")
        else:
            raise NotYet(f"{what}, and nobody is told: raise ValueError")


CAUSES = {
    "a": "no validation image",
    "b": "unsorted files zipped",
    "c": "labels of 0 and 255",
    "d": "images divided by 255 twice",
    "e": "dilated labels",
}
SYMPTOMS = {
    "the Dice is 1.9": ("c", "a Dice above 1 counts some pixels 255 times"),
    "good on training batches, black on files": ("d", "what differs between batch and file?"),
    "Dice .95, and every outline lies outside": ("e", "who draws all lungs too large?"),
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
    letters = [letter for letter in "".join(answer).lower() if letter.isalpha()]
    expect(len(letters) == 5, f"five letters, one for each symptom; these are {len(letters)}")
    for letter, (symptom, (right, why)) in zip(letters, SYMPTOMS.items(), strict=True):
        expect(letter in CAUSES, f"'{letter}' is none of the five causes, a to e")
        expect(letter == right, f'"{symptom}" does not come of {CAUSES[letter]}: {why}')


@exercise(
    objective="mend a measure that breaks on masks of 0 and 255",
    expects="a function of two masks of the same shape",
    hint="Ask one question of both arrays first, `> 0`, and count with what you get.",
    answer="""
    def repaired_dice(prediction, label):
        prediction, label = prediction > 0, label > 0
        total = prediction.sum() + label.sum()
        return 2 * (prediction & label).sum() / total if total else 1.0
    """,
)
def repaired_dice(answer):
    right = 2 * 9 / (9 + 12)
    for one, other in ((1, 1), (1, 255), (255, 255)):
        found = float(answer((one * SOME).astype(float), (other * MORE).astype(float)))
        said = f"lung is {one} in the prediction and {other} in the label: Dice {found:.3f}"
        expect(found <= 1, f"{said}, above 1; a pixel of 255 must count once")
        expect(abs(found - right) < 1e-6, f"{said}, and it is {right:.3f}")
    found = float(answer(255 * SOME, 255 * MORE))
    expect(found > 0.1, f"on uint8 masks of 255 it says {found:.4f}: 255 times 255 wraps to 1")
    expect(abs(found - right) < 1e-6, f"on uint8 masks of 255 it says {found:.3f}: sums wrap")
    found = float(answer(SOME > 0, MORE > 0))
    expect(abs(found - right) < 1e-6, f"on bool masks it says {found:.3f}, and it is {right:.3f}")
    none = float(answer(EMPTY, EMPTY))
    expect(none == 1, f"two empty masks agree, so that Dice is 1, and yours is {none}")
    expect(float(answer(EMPTY, SOME)) == 0, "nothing found where there is lung is a Dice of 0")


@exercise(
    objective="climb from a symptom to its cause, one rung at a time",
    expects="a function of an image and its label",
    hint="One `if` a rung, each with its return, in the order of the list; the last says 'fine'.",
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
    ]
    for one, label, right in cases:
        with np.errstate(all="ignore"):
            found = answer(one, label)
        values = f"an image from {one.min():.3g} to {one.max():.3g}, labels {np.unique(label)}"
        expect(found == right, f"{values}: the first fault is '{right}', and you say '{found}'")
