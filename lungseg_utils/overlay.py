"""Notebook 08: draws the result on the X-ray, and holds the course's colours."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from lungseg_utils.types import Image, Mask, Spacing

if TYPE_CHECKING:  # figures need colours, and Keras takes seconds to import
    from lungseg_utils.predict import Prediction

# Okabe and Ito's colours, told apart in every kind of colour vision
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#767676"
PREDICTION = ORANGE  # of outlines
TEXT_WIDTH = 640  # pixels of the longest line that is written below a picture
DASH, GAP = 9, 5  # pixels


def to_grey_picture(image: Image, spacing_mm: Spacing | None = None, side: int = 800) -> np.ndarray:
    """An image as uint8 in its true proportions, `side` pixels on its longer side."""
    tall, wide = (pixels * mm for pixels, mm in zip(image.shape, spacing_mm or (1, 1), strict=True))
    size = tuple(max(1, round(side * length / max(tall, wide))) for length in (wide, tall))
    grey = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.round(255 * grey).astype(np.uint8)


def outlined(grey: np.ndarray, mask: Mask) -> np.ndarray:
    """A `to_grey_picture` with the dashed outline of a mask of any size: RGB, uint8."""
    picture = np.repeat(grey[..., None], 3, axis=2)
    drawn = mask.view(np.uint8) * np.uint8(255)
    drawn = cv2.resize(drawn, grey.shape[::-1], interpolation=cv2.INTER_AREA)
    outlines, _ = cv2.findContours(drawn >> 7, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    colour = tuple(bytes.fromhex(PREDICTION[1:]))
    for outline in outlines:
        for begin in range(0, len(outline), DASH + GAP):
            dash = outline[begin : begin + DASH]
            cv2.polylines(picture, [dash], False, colour, 2, cv2.LINE_AA)
    return picture


def draw(image: Image, prediction: "Prediction", side: int = 800) -> np.ndarray:
    """The image with the outline on it, and what is said of it below: RGB, uint8, `side` pixels on
    its longer side without the text.
    """
    picture = outlined(to_grey_picture(image, prediction.spacing_mm, side), prediction.mask)
    expected = prediction.quality
    quality = [] if expected is None else [f"expected Dice {expected:.2f}"]
    lines = [*map(str, prediction.areas), *quality, *prediction.warnings]
    height, width, _ = picture.shape
    below, beside = 26 * len(lines) + 12, max(0, TEXT_WIDTH - width)
    whole = np.pad(picture, ((0, below), (0, beside), (0, 0)), constant_values=255)
    for number, line in enumerate(lines, start=1):
        cv2.putText(whole, line, (8, height + 26 * number), cv2.FONT_HERSHEY_SIMPLEX, 0.55,
                    (0, 0, 0), 1, cv2.LINE_AA)  # fmt: skip
    return whole
