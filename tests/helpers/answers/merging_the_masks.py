import cv2
import numpy as np

from lungseg_utils import masks, squares


def dice(prediction, reference):
    return 2 * (prediction & reference).sum() / (prediction.sum() + reference.sum())


def by_blocks(mask, size):
    """Of sides that are multiples of the size."""
    height, width = np.array(mask.shape) // size
    return mask.reshape(size, height, size, width).mean((1, 3)) > 0.5


def overlaps(count, size):
    """How much of each old pixel (columns) is in each new one (rows)."""
    start = np.arange(size)[:, None] * count / size
    old = np.arange(count)
    return np.clip(np.minimum(start + count / size, old + 1) - np.maximum(start, old), 0, 1)


def by_overlaps(mask, size):
    height, width = mask.shape
    lung = overlaps(height, size) @ mask @ overlaps(width, size).T
    return lung / (height * width / size**2) > 0.4999


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


def half_in_silence(values):
    with np.errstate(invalid="ignore", divide="ignore"):
        return values / values.max() > 0.5


def half_of_a_copy(values):
    values = np.array(values, float)
    return values / values.max() > 0.5


def half_where_there_is_some(values):
    shares = np.zeros(values.shape)
    np.divide(values, values.max(), out=shares, where=values.max() > 0)
    return shares > 0.5


def transposed(mask, size):
    return by_package(mask, size).T


def nearest_back(mask, size):
    square = by_package(mask, size).astype(np.uint8)
    return dice(cv2.resize(square, mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0, mask)


def iou_of_ceiling(mask, size):
    score = ceiling(mask, size)
    return score / (2 - score)


def from_nearest(mask, size):
    square = resized(mask, size, cv2.INTER_NEAREST)
    return dice(squares.to_native(square, mask.shape) >= 0.5, mask)


RIGHT = {
    "merge": [
        lambda one, other: (one > 0) | (other > 0),
        lambda one, other: np.logical_or(one, other),
        lambda one, other: np.maximum(one, other) != 0,
        lambda one, other: one.astype(float) + other > 0,
        lambda one, other: (one | other).astype(bool),
        lambda one, other: (one.astype(bool) + other.astype(bool)).tolist(),
    ],
    "to_bool": [
        lambda values: values > values.max() / 2,
        half_or_nothing,
        half_where_there_is_some,
        lambda values: values.astype(float) * 2 > values.max(),
        lambda values: values / max(values.max(), 1e-9) > 0.5,
    ],
    "shrink": [by_overlaps, by_package, lambda m, size: resized(m, size, cv2.INTER_AREA) >= 0.5],
    "ceiling": [ceiling, back_and_forth, lambda mask, size: [np.float32(ceiling(mask, size))]],
    "area_cm2": [
        lambda mask, mm: mask.sum() * mm[0] * mm[1] / 100,
        lambda mask, mm: np.count_nonzero(mask) * np.prod(np.divide(mm, 10)),
        masks.lung_area_cm2,
        lambda mask, mm: f"{masks.lung_area_cm2(mask, mm):.4f} cm²",
    ],
    "agreed": [{"b", "d"}, "b, d", ["D", "B"], "b and d", "(b), (d)", "bd"],
}
WRONG = {
    "merge": [
        (lambda one, other: (one + other) > 0, "the sum wraps in uint8"),
        (lambda one, other: np.add(one, other, dtype=np.uint16) > 0, "wraps in uint16"),
        (lambda one, other: one | other, "yours is uint8"),
        (lambda one, other: (one > 127) | (other > 127), "0/1 and 0/1"),
        (lambda one, other: (one + other) / (one + other).max() > 0.5, "what only one of them"),
        (lambda one, other: (one > 0) & (other > 0), "what only one of them"),
        (lambda one, other: one != other, "loses what both mark"),
        (lambda one, other: one > 0, "what only one of them"),
        (lambda one, other: other > 0, "what only one of them"),
        (lambda one, other: (one == 255) | (other == 255), "0/1 and 0/1"),
        (lambda one, other: np.maximum(one, other) == max(one.max(), other.max()), "only one"),
        (lambda one, other: np.ones(one.shape, bool), "marks what neither does"),
        (lambda one, other: ((one > 0) | (other > 0)).T, "of the shape"),
        (lambda one, other: ((one > 0) | (other > 0)).astype(np.uint8), "yours is uint8"),
        (lambda one, other: (one >= one.max()) | (other >= other.max()), "nobody drew"),
        (lambda one, other: one / one.max() + other / other.max() > 0, "on one of the two"),
        (lambda one, other: (one | other.astype(one.dtype)) > 0, "0/255 and 0/32768"),
        (
            lambda one, other: (one.astype(np.uint8) | other.astype(np.uint8)) > 0,
            "0/32768 and 0/32768 it finds no lung",
        ),
    ],
    "to_bool": [
        (lambda values: values > 0, "the faintest grey"),
        (lambda values: values > 127, "compare with half"),
        (lambda values: values / values.max() > 0.5, "zero by zero"),
        (half_in_silence, "zero by zero"),
        (half_of_a_copy, "zero by zero"),
        (lambda values: np.nan_to_num(values / values.max()) > 0.5, "zero by zero"),
        (lambda values: values >= values.max() / 2, "exactly half"),
        (lambda values: values == values.max(), "compare with half"),
        (lambda values: values / 255, "a mask is bool"),
        (lambda values: values > values.mean(), "exactly half"),
        (lambda values: values > values.max() // 2, "it makes"),
        (lambda values: values > np.median(values), "it makes"),
        (lambda values: (values > values.max() / 2).T, "of the shape"),
        (lambda values: values * 2 > values.max(), "it makes"),
        (lambda values: values > values.max() / 2 + values.min() / 2, "compare with half"),
    ],
    "shrink": [
        (lambda mask, size: resized(mask, size, cv2.INTER_AREA) > 0, "has grown"),
        (lambda mask, size: resized(mask, size, cv2.INTER_NEAREST) > 0, "one pixel of each block"),
        (lambda mask, size: resized(mask, size, cv2.INTER_LINEAR) >= 0.5, "one pixel of each"),
        (lambda mask, size: resized(mask, size, cv2.INTER_AREA), "yours is float32"),
        (lambda mask, size: resized(mask, size, cv2.INTER_AREA) >= 0.9, "are wrong"),
        (lambda mask, size: resized(mask, size, cv2.INTER_AREA) == 1, "are wrong"),
        (lambda mask, size: ~by_package(mask, size), "are wrong"),
        (lambda mask, size: mask[:size, : size - 1], "of the shape"),
        (lambda mask, size: mask[:size, :size], "are wrong"),
        (lambda mask, size: by_package(mask, 64), "of the shape"),
        (transposed, "are wrong"),
        (lambda mask, size: mask, "of the shape"),
        (by_blocks, "cannot reshape"),
    ],
    "ceiling": [
        (with_shares, "keeps the shares"),
        (above_zero, "and back the Dice is"),
        (lambda mask, size: dice(mask, mask), "nothing was lost"),
        (lambda mask, size: dice(by_package(mask, size), mask), "your function stops"),
        (lambda mask, size: ceiling(mask, 64), "and back the Dice is"),
        (nearest_back, "and back the Dice is"),
        (iou_of_ceiling, "and back the Dice is"),
        (from_nearest, "and back the Dice is"),
        (lambda mask, size: 1 - ceiling(mask, size), "and back the Dice is"),
        (lambda mask, size: 0.98, "and back the Dice is"),
        (lambda mask, size: 100 * ceiling(mask, size), "a share, from 0 to 1"),
        (lambda mask, size: by_package(mask, size), "one number, the Dice"),
    ],
    "area_cm2": [
        (lambda mask, mm: mask.sum() / 100, "as 1 mm²"),
        (lambda mask, mm: mask.sum() * mm[0] ** 2 / 100, "its height twice"),
        (lambda mask, mm: mask.sum() * mm[1] ** 2 / 100, "its width twice"),
        (lambda mask, mm: mask.sum() * mm[0] * mm[1], "that is in mm²"),
        (lambda mask, mm: mask.sum() * mm[0] * mm[1] / 10, "10 x 10"),
        (lambda mask, mm: mask.mean() * mm[0] * mm[1], "and yours"),
        (lambda mask, mm: mask.size * mm[0] * mm[1] / 100, "and yours"),
        (lambda mask, mm: mask.sum() * mm[0] / 100, "and yours"),
        (lambda mask, mm: mask.sum() * (mm[0] + mm[1]) / 100, "and yours"),
        (lambda mask, mm: (~mask).sum() * mm[0] * mm[1] / 100, "and yours"),
        (lambda mask, mm: f"{mask.sum() * mm[0] * mm[1]} mm²", "one number, the area in cm²"),
        (lambda mask, mm: mask * mm[0] * mm[1] / 100, "one number, the area"),
    ],
    "agreed": [
        ({"a", "b", "d"}, "behind the heart"),
        ({"b"}, "one is missing: where disease"),
        ({"d"}, "one is missing: annotators of two sets"),
        ("bcd", "of a shadow"),
        ("bde", "how well the lung"),
        ({"f"}, "letters from a to e"),
        ("abcde", "behind the heart"),
        (["c", "e"], "of a shadow"),
        ("", "at least one letter"),
        ([2, 4], "expected letters"),
    ],
}
