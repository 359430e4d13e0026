"""Exercises of notebook 00."""

import numpy as np

from lungseg_utils.exercises.core import exercise, expect


@exercise(
    objective='explain why "lung is what is dark" is not enough',
    expects="a function of an image (height, width) in [0, 1] and a threshold",
    hint="Compare the whole array at once: `image < threshold` is an array of True and False.",
    answer="""
    def dark_pixels(image, threshold):
        return image < threshold
    """,
)
def dark_pixels(answer):
    image = np.array([[0.1, 0.4], [0.5, 0.9]], np.float32)
    found = np.asarray(answer(image, 0.5))
    expect(found.shape == image.shape, f"one answer a pixel: {image.shape}, not {found.shape}")
    expect(found.dtype == bool, f"a mask is bool, True or False, and yours is {found.dtype}")
    expect(not np.array_equal(found, image > 0.5), "that marks the bright pixels; air is dark")
    expect(not found[1, 0], "a pixel of exactly the threshold is not darker than it")
    expect(np.array_equal(found, image < 0.5), "mark the pixels below the threshold, no others")
    dim = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    for threshold in (0.2, 0.8):
        right = np.array_equal(np.asarray(answer(dim, threshold)), dim < threshold)
        expect(right, f"with the threshold {threshold} it goes wrong: use the one that is given")
