"""Notebook 02: lung masks: read, merged, measured and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from lungseg_utils.images import read_image, read_pixels
from lungseg_utils.types import DataError, Image, Mask, Record, Spacing

MM2_PER_CM2 = 100.0
# Of 523 reference masks (simulated, Montgomery, JSRT) none covers less than .088 of its picture,
# and no lung is smaller than .54 of the other: benchmarks/uncertainty.json.
LEAST_COVER, LEAST_SHARE = 0.05, 0.35
MOST_BORDER = 0.02  # of one side of the picture
EDGES = "top", "bottom", "image left", "image right"


@dataclass(frozen=True)
class LungArea:
    """One lung: `side` of the image, "left" or "right"; `cm2` is None where no spacing is known."""

    side: str
    pixels: int
    cm2: float | None

    @property
    def patient_side(self) -> str:
        """The side of the person, who faces the reader."""
        return {"left": "right", "right": "left"}[self.side]

    def __str__(self) -> str:
        size = f"{self.pixels} pixels" if self.cm2 is None else f"{self.cm2:.0f} cm2"
        return f"image {self.side} (patient {self.patient_side}): {size}"


def read_mask(path: Path | str) -> Mask:
    """One lung's mask as bool (height, width); the file may be 1-bit, 0/1, 0/255 or 0/65535.

    Raises: FileNotFoundError; DataError if the file cannot be decoded, holds more than two values,
        or marks nothing or everything.
    """
    pixels = read_pixels(path)
    if pixels.ndim == 3:
        if (pixels[:, :, :3] != pixels[:, :, :1]).any():
            raise DataError(f"{path} is in colour: a mask is black and white, export it so")
        pixels = pixels[:, :, 0]
    values = np.unique(pixels)
    if len(values) > 2:
        raise DataError(f"{path} holds {len(values)} grey values, not two: threshold the mask")
    if len(values) == 1:
        all_of_it = "marks everything" if values[0] else "is all black, it marks nothing"
        raise DataError(f"{path} {all_of_it}: draw the lung again or leave the image out")
    if values[0] != 0:
        raise DataError(f"{path} holds {values[0]} and {values[1]}, not 0: make the background 0")
    return pixels > 0


def merge_masks(image_left: Mask, image_right: Mask) -> Mask:
    """Union of the two lungs.

    Args: two bool arrays of one shape (height, width).
    Returns: bool array (height, width), True where either lung is.
    Raises: ValueError if the arrays are not bool or differ in shape.
    """
    if image_left.dtype != bool or image_right.dtype != bool:
        raise ValueError(f"the masks are {image_left.dtype} and {image_right.dtype}, not bool")
    if image_left.shape != image_right.shape:
        raise ValueError(f"the masks differ in shape: {image_left.shape} and {image_right.shape}")
    return image_left | image_right


def read_lungs(record: Record) -> Mask:
    """Both lungs of a record as one bool mask (height, width), at the size of its files.

    Raises: as `read_mask`.
    """
    return merge_masks(read_mask(record.mask_left_path), read_mask(record.mask_right_path))


def read_pair(record: Record) -> tuple[Image, Mask]:
    """The image of a record and both lungs, at the size of its files.

    Raises: as `read_xray` and `read_mask`.
    """
    return read_image(record.image_path), read_lungs(record)


def keep_two_lungs(mask: Mask) -> Mask:
    """The two largest connected pieces of a bool mask (height, width), with their holes filled."""
    pieces, count = ndimage.label(mask)
    if count > 2:
        areas = np.bincount(pieces.ravel())[1:]
        mask = np.isin(pieces, 1 + np.argsort(areas)[-2:])
    return ndimage.binary_fill_holes(mask)


def lung_area_cm2(mask: Mask, spacing_mm: Spacing) -> float:
    """Area in cm2 of a bool mask (height, width) whose pixels measure `spacing_mm` (row, column).

    It is the area of the shadow on the detector, a little larger than the lung that casts it.
    """
    return float(mask.sum()) * spacing_mm[0] * spacing_mm[1] / MM2_PER_CM2


def lung_areas(mask: Mask, spacing_mm: Spacing | None = None) -> tuple[LungArea, ...]:
    """The two largest pieces of a bool mask (height, width), from the left of the image to the
    right; a piece that is alone belongs to the side on which its centre lies.
    """
    # outlines are found ten times faster than pieces are labelled
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = sorted(outlines, key=cv2.contourArea)[-2:]
    pieces = sorted(_piece(mask, outline) for outline in largest)  # (column, pixels)
    alone = len(pieces) == 1 and pieces[0][0] >= mask.shape[1] / 2
    sides = ("right",) if alone else ("left", "right")
    scale = spacing_mm and spacing_mm[0] * spacing_mm[1] / MM2_PER_CM2
    return tuple(
        LungArea(side, pixels, scale and pixels * scale)
        for side, (_, pixels) in zip(sides, pieces, strict=False)
    )


def _piece(mask: Mask, outline: np.ndarray) -> tuple[float, int]:
    """The column of the centre, and the pixels, of the piece of a mask within an outline."""
    left, top, width, height = cv2.boundingRect(outline)
    filled = np.zeros((height, width), np.uint8)
    cv2.drawContours(filled, [outline], 0, 1, cv2.FILLED, offset=(-left, -top))
    filled &= mask[top : top + height, left : left + width]
    moments = cv2.moments(filled)
    return left + moments["m10"] / moments["m00"], int(moments["m00"])


def mask_warnings(mask: Mask, areas: Sequence[LungArea]) -> list[str]:
    """What is odd about a mask, bool (height, width), and its lungs."""
    found, sizes = [], [area.pixels for area in areas]
    if sum(sizes) < LEAST_COVER * mask.size:
        found.append("hardly any lung was found: is this a chest X-ray?")
    elif min(sizes) < LEAST_SHARE * max(sizes) or len(sizes) < 2:
        found.append("one lung is missing, very small, or joined to the other")
    edges = zip(EDGES, (mask[0], mask[-1], mask[:, 0], mask[:, -1]), strict=True)
    cut = [name for name, edge in edges if edge.mean() > MOST_BORDER]
    if cut:
        found.append(f"the mask touches the border ({', '.join(cut)}): lung may be cut off")
    return found
