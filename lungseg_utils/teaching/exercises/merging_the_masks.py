"""Exercises of notebook 02."""

import warnings

import numpy as np

from lungseg_utils.squares import to_native, to_square
from lungseg_utils.teaching.exercises.core import (
    exercise,
    expect,
    read_letters,
    read_mask,
    read_number,
)

AGREED = {
    "a": "the Montgomery reference leaves out the lung behind the heart, so marking it costs (a)",
    "b": "annotators of two sets keep different rules, and then equal lungs get unequal masks (b)",
    "c": "an area is that of a shadow, and a deep and a shallow chest can cast the same (c)",
    "d": "where disease hides the edge, the outline is where the annotator thought it was (d)",
    "e": "an outline says nothing about how well the lung inside it works (e)",
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
    shared, either = lungs.all(0), lungs.any(0)
    for first, second, kinds in (
        (1, 1, (np.uint8, np.uint8)),
        (128, 128, (np.uint8, np.uint8)),
        (255, 1, (np.uint8, np.uint8)),
        (65535, 65535, (np.uint16, np.uint16)),
        (32768, 32768, (np.uint16, np.uint16)),
        (1, 65535, (np.uint16, np.uint16)),
        (255, 65535, (np.uint8, np.uint16)),
        (255, 32768, (np.uint8, np.uint16)),
    ):
        one, other = (
            mask * kind(high)
            for mask, high, kind in zip(lungs, (first, second), kinds, strict=True)
        )
        said = f"with masks of 0/{first} and 0/{second} "
        found = read_mask(answer(one, other), one.shape, said)
        expect(found[either].any(), f"{said}it finds no lung at all")
        sums = {256: "uint8", 65536: "uint16"}
        wraps = f"; the sum wraps in {sums[first + second]}" if first + second in sums else ""
        expect(found[shared].all(), f"{said}it loses what both mark{wraps}")
        expect(found[either].all(), f"{said}it loses what only one of them marks")
        expect(not found[~either].any(), f"{said}it marks what neither does")
    nothing = np.zeros((3, 5), np.uint8)
    expect(
        not read_mask(answer(nothing, nothing), nothing.shape).any(),
        "of two masks on which nobody drew it makes lung",
    )
    for pair in ((lungs[0] * 1, lungs[0] * 0), (lungs[0] * 0, lungs[0] * 1)):
        found = read_mask(answer(*pair), lungs[0].shape)
        same = np.array_equal(found, lungs[0])
        expect(same, "if nobody drew on one of the two, the other is the answer, and yours differs")


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
    for values in (
        np.array([[0, 9, 89, 198, 255]], np.uint8),
        np.array([[0, 0, 0], [0, 1, 1]], np.uint8),
        np.array([[0, 2621, 22937, 51117, 65535]], np.uint16),
        np.array([[0, 100, 127, 128, 254]], np.uint8),
        np.array([[0, 30, 180, 200, 220, 240]], np.uint8),
        np.array([[0.0, 0.2, 0.6, 1.0]]),
        np.array([[120, 160, 255]], np.uint8),
        np.zeros((2, 3), np.uint8),
    ):
        watched, said, largest = values.view(_Divided), f"of {values.tolist()}", values.max()
        _Divided.by_zero = False
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = read_mask(answer(watched), values.shape, f"{said}: ")
        zero = _Divided.by_zero or any("divide" in str(one.message) for one in caught)
        expect(not zero, f"{said}, where nobody drew, it divides zero by zero")
        expect(largest or not found.any(), f"{said}, where nobody drew, it makes lung")
        faint = found & (values > 0) & (values < 0.1 * largest)
        expect(not faint.any(), f"{said} it takes the faintest grey for lung")
        half = found & (values == largest / 2) & (largest > 0)
        expect(not half.any(), f"{said} it takes exactly half for lung: above half was asked for")
        right = np.array_equal(found, values > largest / 2)
        expect(right, f"{said} it makes {found.astype(int).tolist()}: compare with half of the max")


class _Divided(np.ndarray):
    """An array that notices a division by zero, even one whose warning is silenced."""

    by_zero = False

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(one) if isinstance(one, _Divided) else one for one in inputs]
        if "out" in options:
            options["out"] = tuple(np.asarray(one) for one in options["out"])
        if ufunc in (np.divide, np.floor_divide) and method == "__call__":
            zero = (np.asarray(plain[1]) == 0) & np.asarray(options.get("where", True))
            _Divided.by_zero |= bool(zero.any())
        found = getattr(ufunc, method)(*plain, **options)
        number = isinstance(found, np.ndarray) and found.dtype != bool
        return found.view(_Divided) if number else found


def blobs(height: int, width: int) -> np.ndarray:
    """A bool mask (height, width) with a wavy edge."""
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.hypot(rows, columns + 0.1) < 0.6 + 0.15 * np.sin(9 * np.arctan2(rows, columns))


@exercise(
    objective="make a mask small, bring it back, and measure the loss as a Dice coefficient",
    expects="a function of a bool mask (height, width) and a size",
    hint="Make it float, resize with cv2.INTER_AREA, and threshold last: at least one half.",
    answer="""
    import cv2

    def shrink(mask, size):
        shares = cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
        return shares >= 0.5
    """,
)
def shrink(answer):
    # blocks of odd size have no ties, and where sides are not multiples, roundings differ
    for height, width, size, unsure in ((45, 63, 9, 0), (77, 33, 11, 0), (200, 310, 12, 0.1)):
        mask = blobs(height, width)
        blocks = mask.repeat(size, 0).repeat(size, 1).reshape(size, height, size, width)
        shares = blocks.mean(axis=(1, 3))
        found = read_mask(answer(mask, size), shares.shape)
        grown = np.array_equal(found, shares > 0)
        expect(not grown, "every pixel that touches the lung becomes lung: the mask has grown")
        nearest = blocks[:, 0, :, 0], blocks[:, height // 2, :, width // 2]
        clear = np.abs(shares - 0.5) >= unsure
        wrong = int((clear & (found != (shares >= 0.5))).sum())
        one_pixel = wrong and any(np.array_equal(found, picked) for picked in nearest)
        expect(not one_pixel, "it looks at one pixel of each block: let all of them count")
        expect(
            wrong == 0, f"{wrong} of {size * size} pixels are wrong: True from half lung upwards"
        )


@exercise(
    objective="make a mask small, bring it back, and measure the loss as a Dice coefficient",
    expects="a function of a bool mask (height, width) and a size",
    hint="Four steps: `to_square`; `to_native` on the square as float32; the threshold; the Dice.",
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
        found = read_number(answer(mask, size), "one number, the Dice coefficient", share=True)
        right, kept = (_round_trip(mask, size, kind) for kind in (bool, np.float32))
        expect(found <= 1, f"a Dice is a share, from 0 to 1, and yours is {found:.4g}")
        expect(found < 1, "nothing was lost: make the mask small before you bring it back")
        soft = np.isclose(found, kept, atol=5e-4)
        expect(not soft, "that keeps the shares: make the square bool before you bring it back")
        expect(
            np.isclose(found, right, atol=2e-3),
            f"from {height} x {width} to {size} and back the Dice is {right:.4f}, and yours is "
            f"{found:.4f}",
        )


def _round_trip(mask: np.ndarray, size: int, kind: type) -> float:
    square = to_square(mask.astype(kind), size).astype(np.float32)
    back = to_native(square, mask.shape) >= 0.5
    return 2 * (back & mask).sum() / (back.sum() + mask.sum())


@exercise(
    objective="give the area of a lung in cm²",
    expects="a function of a bool mask and a spacing (row, column) in mm",
    hint="Count the pixels and multiply by the area of one in mm². 1 cm² is 10 x 10 mm².",
    answer="""
    def area_cm2(mask, spacing_mm):
        return mask.sum() * spacing_mm[0] * spacing_mm[1] / 100
    """,
)
def area_cm2(answer):
    for spacing in ((0.8, 0.6), (1.5, 2.5)):
        mask = blobs(120, 90)
        found = read_number(answer(mask, spacing), "one number, the area in cm²")
        right = mask.sum() * np.prod(spacing) / 100
        factors = {
            1 / np.prod(spacing): "that treats a pixel as 1 mm²: use the spacing",
            spacing[0] / spacing[1]: "a pixel has a height and a width: you took its height twice",
            spacing[1] / spacing[0]: "a pixel has a height and a width: you took its width twice",
            100: "that is in mm², and 100 of them are one cm²",
            10: "a cm is 10 mm, and a cm² is 10 x 10 mm²",
        }
        for factor, words in factors.items():
            expect(not np.isclose(found, right * factor, rtol=1e-4), words)
        expect(
            np.isclose(found, right, rtol=1e-4),
            f"{mask.sum()} pixels of {spacing} mm are {right:.2f} cm², and yours are {found:.2f}",
        )


@exercise(
    objective="say what the annotators agreed to draw, and what an area of lung does not tell",
    expects="the letters of what is true, such as {'a', 'c'}",
    hint="Two are true. Ask of each: does it follow from how the mask was drawn?",
    answer="""
    answer = {"b", "d"}
    """,
)
def agreed(answer):
    letters = set(read_letters(answer))
    expect(bool(letters), "name at least one letter")
    for letter in sorted(letters):
        expect(letter in TRUE_OF_MASKS, AGREED[letter])
    for letter in sorted(TRUE_OF_MASKS):
        expect(letter in letters, f"one is missing: {AGREED[letter]}")
