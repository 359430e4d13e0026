"""Exercises of notebook 02."""

import warnings

import numpy as np

from lungseg_utils.squares import to_native, to_square
from lungseg_utils.teaching.exercises.core import exercise, expect

AGREED = {
    "a": "look again behind the heart: there is lung, and no outline goes round it (a)",
    "b": "the edge is drawn on where disease hides it, as the annotator thought it to run (b)",
    "c": "the area is that of a shadow, and deep and shallow chests may cast the same (c)",
    "d": "other annotators keep other rules, and part of a difference is in the rules (d)",
    "e": "an outline says nothing about how well the lung within it works (e)",
}
TRUE_OF_MASKS = {"b", "d"}


@exercise(
    objective="merge two masks without wrapping, whatever values their files hold",
    expects="a function of two arrays of numbers, 0 where no lung is",
    hint="Make each mask bool first, with `> 0`, and join them with an operator that cannot wrap.",
    answer="""
    def merge(one, other):
        return (one > 0) | (other > 0)
    """,
)
def merge(answer):
    lungs = np.zeros((2, 4, 7), bool)
    lungs[0, 1:3, 1:4] = lungs[1, 1:3, 3:6] = True
    for first, second, kind in (
        (1, 1, np.uint8),
        (128, 128, np.uint8),
        (255, 1, np.uint8),
        (65535, 65535, np.uint16),
    ):
        one, other = lungs[0] * kind(first), lungs[1] * kind(second)
        found, names = np.asarray(answer(one, other)), f"0/{first} and 0/{second}"
        expect(found.shape == one.shape, f"the shape is {one.shape}, and yours is {found.shape}")
        expect(found.dtype == bool, f"a mask is bool, and yours holds numbers, {found.dtype}")
        shared, either = lungs.all(0), lungs.any(0)
        kept = "; the sum wraps" if first == 128 else ""
        expect(found[shared].all(), f"with masks of {names} it loses what both mark{kept}")
        expect(found[either].all(), f"with masks of {names} it loses what only one of them marks")
        expect(not found[~either].any(), f"with masks of {names} it marks what neither does")


@exercise(
    objective="choose a threshold, and say what becomes of an empty mask",
    expects="a function of an array of numbers, 0 where no lung is",
    hint="Do not divide: compare the values with half of their maximum. Is 0 above half of 0?",
    answer="""
    def to_bool(values):
        return values > values.max() / 2
    """,
)
def to_bool(answer):
    for largest, kind in ((255, np.uint8), (1, np.uint8), (65535, np.uint16), (0, np.uint8)):
        soft = np.array([0, 0.04, 0.35, 0.78, 1]) if largest > 1 else np.array([0, 0, 0, 1, 1])
        values = (soft * largest).astype(kind).reshape(1, 5)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = np.asarray(answer(values))
        said = values[0].tolist()
        expect(found.shape == values.shape, f"one answer a pixel, and of {said} it makes {found}")
        expect(found.dtype == bool, f"a mask is bool, and yours is {found.dtype}")
        expect(not caught, f"of {said}, where nobody drew, it divides zero by zero")
        expect(largest or not found.any(), f"of {said}, where nobody drew, it makes lung")
        grown = largest > 1 and found[0, 1]
        expect(not grown, f"of {said} it takes the faintest grey, {said[1]}, for lung")
        expect(
            np.array_equal(found, values > largest / 2),
            f"of {said} it makes {found[0].astype(int).tolist()}: half the maximum divides them",
        )


def blobs(height: int, width: int) -> np.ndarray:
    """A bool mask (height, width) with a wavy edge."""
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.hypot(rows, columns + 0.1) < 0.6 + 0.15 * np.sin(9 * np.arctan2(rows, columns))


@exercise(
    objective="make a mask small, bring it back, and measure the loss as a Dice coefficient",
    expects="a function of a bool mask (height, width) and a size",
    hint="As float, with cv2.INTER_AREA, then the threshold: at least one half.",
    answer="""
    import cv2

    def shrink(mask, size):
        shares = cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
        return shares >= 0.5
    """,
)
def shrink(answer):
    for height, width, size in ((45, 63, 9), (77, 33, 11)):  # blocks of odd size have no ties
        mask = blobs(height, width)
        blocks = mask.reshape(size, height // size, size, width // size)
        shares = blocks.mean(axis=(1, 3))
        found = np.asarray(answer(mask, size))
        expect(found.shape == shares.shape, f"{shares.shape} was asked for, not {found.shape}")
        expect(found.dtype == bool, f"the threshold comes last: yours is still {found.dtype}")
        grown = np.array_equal(found, shares > 0)
        expect(not grown, "every pixel that touches the lung becomes lung: the mask has grown")
        nearest = (blocks[:, 0, :, 0], blocks[:, height // size // 2, :, width // size // 2])
        one_pixel = any(np.array_equal(found, picked) for picked in nearest)
        expect(not one_pixel, "it looks at one pixel of each block: let all of them count")
        wrong = int((found != (shares >= 0.5)).sum())
        expect(wrong == 0, f"{wrong} of {size * size} pixels differ from at least half lung")


@exercise(
    objective="make a mask small, bring it back, and measure the loss as a Dice coefficient",
    expects="a function of a bool mask (height, width) and a size",
    hint="`to_square`, as float32 back with `to_native`, the threshold, Dice with the mask.",
    answer="""
    from lungseg_utils.squares import to_native, to_square

    def ceiling(mask, size):
        square = to_square(mask, size).astype(np.float32)
        back = to_native(square, mask.shape) >= 0.5
        return 2 * (back & mask).sum() / (back.sum() + mask.sum())
    """,
)
def ceiling(answer):
    for height, width, size in ((300, 260, 24), (200, 310, 40)):
        mask = blobs(height, width)
        found = float(answer(mask, size))
        right, kept = (_round_trip(mask, size, kind) for kind in (bool, np.float32))
        expect(found < 1, "nothing was lost: did the mask go through the square at all?")
        soft = np.isclose(found, kept, atol=5e-4)
        expect(not soft, "that keeps the shares; asked is the ceiling of a yes or no")
        expect(
            np.isclose(found, right, atol=2e-3),
            f"from {height} x {width} to {size} and back Dice is {right:.4f}, yours {found:.4f}",
        )


def _round_trip(mask: np.ndarray, size: int, kind: type) -> float:
    square = to_square(mask.astype(kind), size).astype(np.float32)
    back = to_native(square, mask.shape) >= 0.5
    return 2 * (back & mask).sum() / (back.sum() + mask.sum())


@exercise(
    objective="give the area of a lung in cm²",
    expects="a function of a bool mask and a spacing (row, column) in mm",
    hint="Count the pixels, multiply by the area of one in mm². 1 cm² has 10 x 10 mm².",
    answer="""
    def area_cm2(mask, spacing_mm):
        return mask.sum() * spacing_mm[0] * spacing_mm[1] / 100
    """,
)
def area_cm2(answer):
    for spacing in ((0.8, 0.6), (1.5, 2.5)):
        mask = blobs(120, 90)
        found, right = float(answer(mask, spacing)), mask.sum() * np.prod(spacing) / 100
        factors = {
            1 / np.prod(spacing): "that takes a pixel for 1 mm²: bring in the spacing",
            spacing[0] / spacing[1]: "a pixel has a height and a width: you took its height twice",
            spacing[1] / spacing[0]: "a pixel has a height and a width: you took its width twice",
            100: "that is in mm², and 100 of them are one cm²",
            10: "a cm is 10 mm, and a cm² is 10 x 10 mm²",
        }
        for factor, words in factors.items():
            expect(not np.isclose(found, right * factor, rtol=1e-4), words)
        expect(
            np.isclose(found, right, rtol=1e-4),
            f"{mask.sum()} pixels of {spacing} mm are {right:.2f} cm², and yours {found:.2f}",
        )


@exercise(
    objective="say what the annotators agreed to draw, and what an area of lung does not tell",
    expects="the letters of what is true, such as {'a', 'c'}",
    hint="Two are true. Look once more at the outlines beside the heart.",
    answer="""
    answer = {"b", "d"}
    """,
)
def agreed(answer):
    letters = {str(letter).strip().lower() for letter in answer} - {"", ","}
    expect(bool(letters), "name at least one letter")
    unknown = ", ".join(sorted(letters - AGREED.keys()))
    expect(not unknown, f"there is no statement {unknown}")
    for letter in sorted(letters):
        expect(letter in TRUE_OF_MASKS, AGREED[letter])
    for letter in sorted(TRUE_OF_MASKS):
        expect(letter in letters, f"one is missing: {AGREED[letter]}")
