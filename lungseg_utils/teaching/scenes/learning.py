"""Scenes of notebooks 03 and 04: what a network sees, and what training makes of it."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle
from scipy import ndimage

from lungseg_utils.teaching import plots
from lungseg_utils.teaching.scenes.frame import Scene
from lungseg_utils.teaching.scenes.judging import Lung, lung_mask
from lungseg_utils.types import counted

if TYPE_CHECKING:
    from lungseg_utils.augmentation import Augmentation

PREVIEWS = 3
LOSS_SIDE = 96  # pixels of the picture on which the losses are compared
LOSS_LUNGS = (Lung(0.5, 0.35, 0.6, 0.22, 6), Lung(0.5, 0.65, 0.6, 0.22, -6))


def receptive_field(image: np.ndarray, row: float, column: float, depth: int) -> Scene:
    """What the answer at one pixel can depend on, in a U-Net of `depth` poolings.

    Args: `image` (size, size), as a network takes it; `row` and `column` as shares of the size.
    """
    size = len(image)
    y, x = (min(int(share * size), size - 1) for share in (row, column))
    (top, bottom), (first, last) = receptive_span(y, depth), receptive_span(x, depth)
    seen = np.zeros(image.shape, bool)
    seen[max(top, 0) : bottom + 1, max(first, 0) : last + 1] = True
    tall, wide = bottom - top + 1, last - first + 1
    sides = f"{tall} x {wide} pixels"
    figure, axes = plots.canvas(width=5.5, height=5.7)
    plots.draw_image(axes, np.where(seen, image, 0.5 * image), title=f"depth {depth}: {sides}")
    look = {"edgecolor": plots.ORANGE, "facecolor": "none", "linewidth": 2, "linestyle": "--"}
    axes.add_patch(Rectangle((first - 0.5, top - 0.5), wide, tall, **look))
    axes.plot(x, y, "o", color=plots.ORANGE, markersize=3)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    alt = (
        f"A chest radiograph of {size} x {size} pixels with a dot at row {y}, column {x}; a "
        f"dashed rectangle of {sides} round it is bright, the rest is dimmed."
    )
    caption = (
        f"With {counted(depth, 'pooling')} the answer at the dot depends on {sides} at most, "
        f"{seen.mean():.2%} of this picture. What is dimmed cannot change it."
    )
    return Scene(figure, alt, caption)


def receptive_span(place: int, depth: int) -> tuple[int, int]:
    """First and last pixel of a row on which the answer at pixel `place` of it can depend.

    Walks back through a U-Net of `depth` poolings, from its output to its input: two convolutions
    reach 2 pixels further on either side, an enlarged pixel came from one, a pooled one from two.
    The span may reach beyond the image.
    """
    first = last = place
    for _ in range(depth):
        first, last = (first - 2) // 2, (last + 2) // 2
    first, last = first - 2, last + 2
    for _ in range(depth):
        first, last = 2 * first - 2, 2 * last + 1 + 2
    return first, last


def augmented(
    image: np.ndarray, mask: np.ndarray, augmentation: "Augmentation", seed: int
) -> Scene:
    """An image and its mask, both (size, size), and three copies such as training draws."""
    images, masks = augmented_copies(image, mask, augmentation, seed)
    figure, panels = plots.canvas(1, 1 + PREVIEWS, height=2.9)
    titles = ("as it is", *(f"copy {number + 1}" for number in range(PREVIEWS)))
    shown = zip(panels, (image, *images), (mask, *masks), titles, strict=True)
    for panel, picture, outlined, title in shown:
        plots.draw_image(panel, picture, title=title)
        plots.draw_outline(panel, outlined > 0.5)
    greys = ", ".join(f"{copy.mean():.2f}" for copy in images)
    shares = ", ".join(f"{(copy > 0.5).mean():.0%}" for copy in masks)
    alt = (
        f"A chest radiograph with its lungs outlined, mean grey {image.mean():.2f}, and three "
        f"altered copies (seed {seed}), each with its own outline, mean grey {greys}."
    )
    caption = (
        f"The outline moves with its image. Lung is {(mask > 0.5).mean():.0%} of the original and "
        f"{shares} of the copies."
    )
    return Scene(figure, alt, caption)


def augmented_copies(
    image: np.ndarray, mask: np.ndarray, augmentation: "Augmentation", seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Three augmented copies of an image and of its mask, float32 (3, size, size) each."""
    from lungseg_utils.augmentation import augment

    pair = (np.repeat(array[None, ..., None], PREVIEWS, 0).astype("f4") for array in (image, mask))
    images, masks = augment(*pair, [seed, 0], augmentation)
    return images.numpy()[..., 0], masks.numpy()[..., 0]


def losses(shift: int, growth: int, confidence: float) -> Scene:
    """A prediction beside the lungs it should be, and what the losses say of it.

    Args: `shift` to image right and `growth` on all sides, in pixels of 96, either may be below 0;
        `confidence`, the probability of what is predicted, 0.5 to 1, in lung and background alike.
    """
    reference, predicted = moved_lungs(0, 0), moved_lungs(shift, growth)
    probability = np.where(predicted, confidence, 1 - confidence).astype(np.float32)
    values = loss_values(reference, probability)
    figure, (left, right) = plots.canvas(1, 2, height=3.8)
    plots.draw_image(left, probability, title="predicted probability")
    plots.draw_outline(left, reference, plots.BLUE, "-", "reference")
    plots.draw_outline(left, predicted, plots.ORANGE, "--", "prediction")
    figure.legend(loc="outside lower center", ncols=2)
    bars = right.barh(list(values), list(values.values()), color=plots.GREY)
    right.bar_label(bars, fmt="%.3f", padding=4)
    right.set(xlim=(0, 2.5), title="loss")
    right.invert_yaxis()
    said = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
    state = f"shifted by {shift} and grown by {growth} pixels, confidence {confidence:.2f}"
    alt = f"Two lungs outlined in blue, and dashed a prediction {state}. Bars: {said}."
    wrong = (reference ^ predicted).mean()
    return Scene(figure, alt, f"{wrong:.1%} of the pixels are on the wrong side: {said}.")


def moved_lungs(shift: int, growth: int) -> np.ndarray:
    """Two simple lungs, bool (96, 96), moved to image right and grown, in pixels."""
    moved = (lung._replace(column=lung.column + shift / LOSS_SIDE) for lung in LOSS_LUNGS)
    lungs = np.logical_or(*(lung_mask(lung, (LOSS_SIDE, LOSS_SIDE)) for lung in moved))
    if growth < 0:
        return ndimage.distance_transform_edt(lungs) > -growth
    return ndimage.distance_transform_edt(~lungs) <= growth


def loss_values(reference: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Cross-entropy, Dice loss and their sum, of a bool and a float32 array (height, width)."""
    import keras

    from lungseg_utils.losses import bce_dice_loss, dice_loss

    true, predicted = reference[None, ..., None].astype("f4"), probability[None, ..., None]
    pixels = keras.losses.binary_crossentropy(true, predicted)
    return {
        "cross-entropy": float(keras.ops.mean(pixels)),
        "Dice loss": float(dice_loss(true, predicted)[0]),
        "their sum": float(bce_dice_loss(true, predicted)[0]),
    }
