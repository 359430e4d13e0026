"""What all scenes share: their type, filled areas, and how numbers are said."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lungseg_utils.masks import lung_area_cm2
from lungseg_utils.metrics import SCORES
from lungseg_utils.teaching import plots
from lungseg_utils.types import Spacing

WHITE = "#FFFFFF"


class Scene(NamedTuple):
    """What `plots.show(*scene)` takes."""

    figure: Figure
    alt: str
    caption: str


def nothing(text: str) -> Scene:
    """A scene that only says why there is nothing to see."""
    figure, axes = plots.canvas(height=1.2)
    axes.text(0.5, 0.5, text, ha="center", va="center")
    axes.set_axis_off()
    return Scene(figure, text, text)


def height_of(image: np.ndarray, spacing_mm: Spacing | None, width: float, extra: float) -> float:
    """Inches that an image takes if it is `width` wide, 6 at most, and `extra` for its texts."""
    row_mm, column_mm = spacing_mm or (1, 1)
    rows, columns = image.shape
    return min(6.0, width * rows * row_mm / (columns * column_mm)) + extra


def thinned(
    image: np.ndarray, mask: np.ndarray, spacing_mm: Spacing | None
) -> tuple[np.ndarray, np.ndarray, Spacing | None]:
    """Every n-th pixel of an image and its mask, and what these pixels measure; n is 1 if small."""
    step = plots.step_of(image)
    spacing_mm = spacing_mm and (spacing_mm[0] * step, spacing_mm[1] * step)
    return image[::step, ::step], mask[::step, ::step], spacing_mm


def fill(axes: Axes, mask: np.ndarray, colour: str, hatch: str, opacity: float, label: str) -> None:
    """Fill a bool mask (height, width) over an image, hatched, so that it also reads in grey."""
    step = plots.step_of(mask)
    drawn = mask[::step, ::step]
    if drawn.any() and not drawn.all():
        rows, columns = (np.arange(0, side, step) for side in mask.shape)
        look = {"colors": [colour], "hatches": [hatch], "alpha": opacity}
        axes.contourf(columns, rows, drawn, levels=[0.5, 1.5], **look)
    look = {"facecolor": colour, "edgecolor": "black", "hatch": hatch, "alpha": opacity}
    axes.fill([], [], label=label, **look)


def say_scores(scores: Mapping[str, float], *names: str) -> str:
    """The scores of `metrics.score`, or those of them that are named, in words."""
    said = (name for name in names or SCORES if name in scores)
    return ", ".join(f"{SCORES[name].title} {say_value(name, scores[name])}" for name in said)


def say_value(name: str, value: float) -> str:
    """One score with as many digits as it deserves, and its unit."""
    if np.isinf(value):
        return "infinite"
    return f"{value:.{SCORES[name].digits}f} {SCORES[name].unit}".rstrip()


def say_area(mask: np.ndarray, spacing_mm: Spacing | None) -> str:
    """The area of a bool mask in cm2, or in pixels where their size is not known."""
    if spacing_mm is None:
        return f"{int(mask.sum()):,} pixels"
    return f"{lung_area_cm2(mask, spacing_mm):.0f} cm2"
