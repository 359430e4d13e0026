import cv2
import numpy as np

from lungseg_utils import masks, squares


def dice(prediction, reference):
    return 2 * (prediction & reference).sum() / (prediction.sum() + reference.sum())


def by_blocks(mask, size):
    height, width = np.array(mask.shape) // size
    return mask.reshape(size, height, size, width).mean((1, 3)) > 0.5


def resized(mask, size, way):
    return cv2.resize(mask.astype(np.float32), (size, size), interpolation=way)


def back_and_forth(mask, size):
    square = by_package(mask, size).astype(np.float32)
    width_height = mask.shape[::-1]
    return dice(cv2.resize(square, width_height, interpolation=cv2.INTER_LINEAR) > 0.4999, mask)


def by_package(mask, size):
    return squares.to_square(mask, size)


def ceiling(mask, size):
    back = squares.to_native(squares.to_square(mask, size).astype(np.float32), mask.shape)
    return dice(back >= 0.5, mask)


def with_shares(mask, size):
    shares = squares.to_square(mask.astype(np.float32), size)
    return dice(squares.to_native(shares, mask.shape) >= 0.5, mask)


def above_zero(mask, size):
    square = resized(mask, size, cv2.INTER_AREA) > 0
    return dice(squares.to_native(square.astype(np.float32), mask.shape) >= 0.5, mask)


def half_or_nothing(values):
    largest = values.max()
    return values / largest > 0.5 if largest else np.zeros(values.shape, bool)


RIGHT = {
    "merge": [
        lambda one, other: (one > 0) | (other > 0),
        lambda one, other: np.logical_or(one, other),
        lambda one, other: np.maximum(one, other) != 0,
    ],
    "to_bool": [lambda values: values > values.max() / 2, half_or_nothing],
    "shrink": [by_blocks, by_package, lambda m, size: resized(m, size, cv2.INTER_AREA) >= 0.5],
    "ceiling": [ceiling, back_and_forth],
    "area_cm2": [
        lambda mask, mm: mask.sum() * mm[0] * mm[1] / 100,
        lambda mask, mm: np.count_nonzero(mask) * np.prod(np.divide(mm, 10)),
        masks.lung_area_cm2,
    ],
    "agreed": [{"b", "d"}, "b, d", ["D", "B"]],
}
WRONG = {
    "merge": [
        (lambda one, other: (one + other) > 0, "the sum wraps"),
        (lambda one, other: one | other, "holds numbers"),
        (lambda one, other: (one > 127) | (other > 127), "0/1 and 0/1"),
        (lambda one, other: (one + other) / (one + other).max() > 0.5, "what only one of them"),
        (lambda one, other: (one > 0) & (other > 0), "what only one of them"),
        (lambda one, other: one != other, "loses what both mark"),
        (lambda one, other: np.ones(one.shape, bool), "marks what neither does"),
    ],
    "to_bool": [
        (lambda values: values > 0, "the faintest grey"),
        (lambda values: values > 127, "of [0, 0, 0, 1, 1]"),
        (lambda values: values / values.max() > 0.5, "zero by zero"),
        (lambda values: values >= values.max() / 2, "it makes lung"),
        (lambda values: values == values.max(), "half the maximum"),
        (lambda values: values / 255, "bool"),
    ],
    "shrink": [
        (lambda mask, size: resized(mask, size, cv2.INTER_AREA) > 0, "has grown"),
        (lambda mask, size: resized(mask, size, cv2.INTER_NEAREST) > 0, "one pixel of each block"),
        (lambda mask, size: resized(mask, size, cv2.INTER_AREA), "threshold comes last"),
        (lambda mask, size: resized(mask, size, cv2.INTER_AREA) >= 0.9, "differ from"),
        (lambda mask, size: mask[:size, : size - 1], "was asked for"),
    ],
    "ceiling": [
        (with_shares, "keeps the shares"),
        (above_zero, "and back Dice is"),
        (lambda mask, size: dice(mask, mask), "nothing was lost"),
        (lambda mask, size: dice(by_package(mask, size), mask), "your function stops"),
    ],
    "area_cm2": [
        (lambda mask, mm: mask.sum() / 100, "for 1 mm²"),
        (lambda mask, mm: mask.sum() * mm[0] ** 2 / 100, "its height twice"),
        (lambda mask, mm: mask.sum() * mm[1] ** 2 / 100, "its width twice"),
        (lambda mask, mm: mask.sum() * mm[0] * mm[1], "that is in mm²"),
        (lambda mask, mm: mask.sum() * mm[0] * mm[1] / 10, "10 x 10"),
        (lambda mask, mm: mask.mean() * mm[0] * mm[1], "and yours"),
    ],
    "agreed": [
        ({"a", "b", "d"}, "behind the heart"),
        ({"b"}, "one is missing: other annotators"),
        ({"d"}, "one is missing: the edge"),
        ("bcd", "of a shadow"),
        ("bde", "how well the lung"),
        ({"f"}, "no statement f"),
    ],
}
