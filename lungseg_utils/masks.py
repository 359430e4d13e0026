"""Notebook 02: lung masks: read, merged, measured and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lungseg_utils.images import existing, open_picture, read_image
from lungseg_utils.types import DataError, Image, Mask, Record, Spacing, counted

MM2_PER_CM2 = 100.0
# Of 523 reference masks (simulated, Montgomery, JSRT) none covers less than .088 of its picture,
# and no lung is smaller than .54 of the other: benchmarks/quality.json.
LEAST_COVER, LEAST_SHARE = 0.05, 0.35
MOST_COVER = 0.6  # of a picture, for both lungs together
MASK_FORMATS = "PNG", "GIF", "TIFF", "BMP", "JPEG"
MASK_SUFFIXES = (".png", ".gif", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
GREY_MODES = "1", "L", "I;16", "I;16B", "I", "F"  # Pillow's
MOST_LABELS = 3  # the background, and a label for each lung
# Greys of an edge that was smoothed lie further than SOFT of the range from both ends, and are few.
SOFT, MOST_SOFT = 0.1, 0.1
MOST_BORDER, WITHIN = 0.1, 0.015  # of one side, so far within: benchmarks/framing.json
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
        size = counted(self.pixels, "pixel") if self.cm2 is None else f"{self.cm2:.0f} cm2"
        return f"image {self.side} (patient {self.patient_side}): {size}"


def read_mask(path: Path | str, shape: tuple[int, int] | None = None) -> Mask:
    """What a file marks as lung, bool (height, width), brought to `shape` where that is given.

    The file may have two greys, the background near 0; greys between them along the edges, as after
    smoothing or in a JPEG, which are cut at half; a few labels, all of them lung but 0; a palette
    or colours in the place of labels; or mark lung by what is opaque. It may mark nothing.
    Raises: FileNotFoundError; DataError if it cannot be decoded, marks most of the picture, or
        leaves open what it marks.
    """
    mask = _marked(_labels(path), path)
    cover = mask.mean()
    if cover == 1:
        raise DataError(f"{path} marks the whole picture: draw it, or remove the image")
    if cover > MOST_COVER:
        raise DataError(f"{path} marks {cover:.0%} of the picture: invert it, if lung is black")
    if shape is None or mask.shape == shape:
        return mask
    height, width = shape
    return cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) >= 0.5


def measure_mask(path: Path | str) -> tuple[int, int]:
    """(height, width) of a mask's file, without decoding it. Raises: as `read_mask`."""
    with existing(path).open("rb") as file:
        picture = open_picture(file, path, MASK_FORMATS)
    return picture.height, picture.width


def _labels(path: Path | str) -> np.ndarray:
    """A number for each pixel, (height, width), 0 for the background."""
    with existing(path).open("rb") as file:
        picture = open_picture(file, path, MASK_FORMATS)
        try:
            colours = np.reshape(picture.getpalette("RGB") or (), (-1, 3))
            if picture.mode == "P" and (colours != colours[:, :1]).any():
                return np.asarray(picture)
            if picture.has_transparency_data or picture.mode not in GREY_MODES:
                picture = picture.convert("RGBA")
            pixels = np.asarray(picture)
        except Exception:  # nor does it raise OSError alone where the data are damaged
            raise DataError(
                f"{path} is damaged and cannot be decoded: fetch or export it again"
            ) from None
    if pixels.ndim == 3:
        opaque = pixels[:, :, 3]
        return opaque if np.ptp(opaque) else _of_colours(pixels[:, :, :3], path)
    return _of_16_bits(pixels) if picture.mode in ("I", "F") else pixels


def _of_16_bits(pixels: np.ndarray) -> np.ndarray:
    """Floats, or whole numbers of 32 bits, whose highest one Pillow takes for a sign."""
    pixels = pixels.view(np.uint32) if pixels.dtype.kind == "i" else np.nan_to_num(pixels).clip(0)
    return np.round(pixels / (pixels.max() or 1) * 65535).astype(int)


def _of_colours(pixels: np.ndarray, path: Path | str) -> np.ndarray:
    if (pixels == pixels[:, :, :1]).all():
        return pixels[:, :, 0]
    colours, labels = np.unique(pixels.astype(int) @ (1 << 16, 1 << 8, 1), return_inverse=True)
    if len(colours) > MOST_LABELS or colours[0]:
        raise DataError(f"{path} is a picture in colour: export the mask alone, in black and white")
    return labels.reshape(pixels.shape[:2])


def _marked(labels: np.ndarray, path: Path | str) -> Mask:
    if labels.dtype == bool:
        return labels
    counts = np.bincount(labels.ravel())
    values = np.flatnonzero(counts)
    low, high = values[0], values[-1]
    if low == high:
        return labels > 0
    edge, from_black = SOFT * (high - low), low < SOFT * high
    if from_black and len(values) <= MOST_LABELS:
        return labels > low + edge
    between = counts[values[(values > low + edge) & (values < high - edge)]].sum()
    if from_black and between < MOST_SOFT * labels.size:
        return labels > high / 2
    greys = f"{low} and {high}, not 0" if len(values) == 2 else f"{len(values)} grey values"
    raise DataError(f"{path} holds {greys}: make the background 0 and the lungs one value")


def merge_masks(image_left: Mask, image_right: Mask) -> Mask:
    """Union of the two lungs: a bool array (height, width), True where either of two such is.

    Raises: ValueError if the arrays are not bool or differ in shape.
    """
    if image_left.dtype != bool or image_right.dtype != bool:
        raise ValueError(f"the masks are {image_left.dtype} and {image_right.dtype}, not bool")
    if image_left.shape != image_right.shape:
        raise ValueError(f"the masks differ in shape: {image_left.shape} and {image_right.shape}")
    return image_left | image_right


def read_lungs(record: Record) -> Mask:
    """Both lungs of a record as one bool mask, of its `shape`.

    Raises: as `read_mask`; DataError if no file marks anything.
    """
    lungs = np.logical_or.reduce([read_mask(path, record.shape) for path in record.mask_paths])
    if not lungs.any():
        raise DataError(f"{record.mask_paths[0]} marks no lung: draw it or leave the image out")
    return lungs


def read_sides(record: Record) -> tuple[Mask, Mask] | None:
    """The lung at image left and the one at image right, bool of the record's `shape`.

    They are told by where they lie: a file may hold both, or bear the name of the patient's side.
    Returns: None where the lungs touch, so that nobody can tell where one ends.
    Raises: as `read_lungs`.
    """
    masks = [read_mask(path, record.shape) for path in record.mask_paths]
    if len(masks) == 2 and all(mask.any() for mask in masks):
        return tuple(sorted(masks, key=lambda mask: np.nonzero(mask)[1].mean()))
    return split_sides(read_lungs(record))


def split_sides(lungs: Mask) -> tuple[Mask, Mask] | None:
    """A mask (height, width) of both lungs as that at image left and that at image right: each
    piece goes with the nearer of the two largest. None where there are fewer than two large ones.
    """
    found = cv2.connectedComponentsWithStats(lungs.astype(np.uint8), connectivity=4)
    pieces, areas, columns = found[1], found[2][1:, cv2.CC_STAT_AREA], found[3][1:, 0]
    largest = np.argsort(areas)[-2:]
    if len(areas) < 2 or areas[largest[0]] < LEAST_SHARE * areas[largest[1]]:
        return None
    first, last = np.sort(columns[largest])
    at_left = np.append(False, abs(columns - first) <= abs(columns - last))[pieces]
    return at_left, lungs & ~at_left


def read_pair(record: Record) -> tuple[Image, Mask]:
    """The image of a record and both lungs, as `read_image` and `read_lungs` have them."""
    return read_image(record.image_path), read_lungs(record)


def keep_two_lungs(mask: Mask) -> Mask:
    """The two largest connected pieces of a bool mask (height, width), with their holes filled."""
    found = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    pieces, areas = found[1], found[2][1:, cv2.CC_STAT_AREA]
    if len(areas) > 2:
        mask = np.isin(pieces, 1 + np.argsort(areas)[-2:])
    around = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    outside = cv2.connectedComponents(around, connectivity=4)[1]
    return (outside != outside[0, 0])[1:-1, 1:-1]


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


def mask_warnings(
    mask: Mask, areas: Sequence[LungArea], shown: tuple[slice, slice] = (slice(None), slice(None))
) -> list[str]:
    """What is odd about a mask, bool (height, width), and its lungs.

    Args: `shown`, the rows and columns of the picture that are not a border of one grey.
    """
    found, sizes = [], [area.pixels for area in areas]
    if sum(sizes) < LEAST_COVER * mask.size:
        return ["hardly any lung was found: is this a chest X-ray?"]
    if min(sizes) < LEAST_SHARE * max(sizes) or len(sizes) < 2:
        found.append("one lung is missing, very small, or joined to the other")
    mask = mask[shown]
    down, across = (int(WITHIN * length) for length in mask.shape)
    lines = mask[down], mask[-1 - down], mask[:, across], mask[:, -1 - across]
    cut = [name for name, edge in zip(EDGES, lines, strict=True) if edge.mean() > MOST_BORDER]
    if cut:
        found.append(f"the mask touches the border ({', '.join(cut)}): lung may be cut off")
    return found
