"""Run lengths against other people's ways to write and read them, written out by hand."""

import cv2
import numpy as np
import pytest

from lungseg_utils.app.batch import as_png
from lungseg_utils.app.runs import from_runs, to_runs
from lungseg_utils.phantom import simulate

MASK = np.array([[0, 1, 1, 0], [1, 1, 0, 1]], bool)


def test_they_are_those_of_chexmask():
    assert to_runs(MASK) == "2 2 5 2 8 1"  # counted from 1, along the rows


def as_chexmask_reads(runs: str, height: int, width: int) -> np.ndarray:
    pixels = np.zeros(height * width, bool)
    numbers = [int(number) for number in runs.split()]
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        for pixel in range(start - 1, start - 1 + length):
            pixels[pixel] = True
    return pixels.reshape(height, width)


def as_coco_writes(mask: np.ndarray) -> dict:
    counts, last, run = [], False, 0
    for pixel in mask.T.ravel():
        if pixel != last:
            counts.append(run)
            last, run = pixel, 0
        run += 1
    return {"size": list(mask.shape), "counts": [*counts, run]}


def odd_masks() -> list[np.ndarray]:
    noise = np.random.default_rng(0)
    shapes = [(1, 1), (1, 7), (7, 1), (5, 9), (16, 16)]
    found = [noise.random(shape) < share for shape in shapes for share in (0, 0.1, 0.5, 0.9, 1)]
    return [*found, simulate(3, 0, 128).mask_left]


@pytest.mark.parametrize("mask", odd_masks())
def test_every_mask_comes_back_from_either(mask):
    runs = to_runs(mask)
    np.testing.assert_array_equal(as_chexmask_reads(runs, *mask.shape), mask)
    for back in (from_runs(runs, mask.shape), from_runs(as_coco_writes(mask))):
        assert back.dtype == bool
        np.testing.assert_array_equal(back, mask)


def test_runs_are_the_mask_of_the_png_on_five_hundred_masks():
    noise = np.random.default_rng(1)
    for _ in range(500):
        shape = noise.integers(1, 200, 2)
        mask = cv2.blur(noise.random(shape), (9, 9)) > noise.uniform(0.45, 0.55)
        content = np.frombuffer(as_png(mask), np.uint8)
        read = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) > 0
        np.testing.assert_array_equal(from_runs(to_runs(mask), mask.shape), read)


@pytest.mark.parametrize("runs, shape", [
    ("2 2 5 2 8 2", (2, 4)), ("0 1", (2, 4)), ("3 2 2 1", (2, 4)), ("1", (2, 4)), ("a b", (2, 4)),
    ({"size": [2, 4], "counts": [3, 4]}, None), ({"size": [2, 4], "counts": [-1, 9]}, None),
])  # fmt: skip
def test_runs_that_do_not_fit_are_refused(runs, shape):
    with pytest.raises(ValueError):
        from_runs(runs, shape)
