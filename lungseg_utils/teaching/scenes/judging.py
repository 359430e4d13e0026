"""Scenes of notebooks 05 and 06: a prediction against its reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from lungseg_utils import metrics
from lungseg_utils.teaching import plots
from lungseg_utils.teaching.scenes.frame import (
    WHITE,
    Scene,
    fill,
    height_of,
    nothing,
    say_scores,
    thinned,
)
from lungseg_utils.types import Image, Mask, Spacing

THRESHOLDS = np.arange(1, 100) / 100
ROUNDNESS = 2.5  # 2 is an ellipse, more has fuller corners
TAPER = 0.33  # how much narrower a lung is above its middle


class Lung(NamedTuple):
    """A lung to draw: centre and size as shares of the picture, its tilt in degrees, clockwise."""

    row: float
    column: float
    height: float
    width: float
    tilt: float = 0.0


@dataclass(frozen=True)
class Case:
    """One image with its bool masks, all (height, width), and its scores by name."""

    name: str
    image: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray
    spacing_mm: Spacing | None
    scores: dict[str, float]


def confusion(prediction: np.ndarray, reference: np.ndarray) -> dict[str, np.ndarray]:
    """The true positive, false positive and false negative pixels of two bool masks."""
    return {
        "TP": prediction & reference,
        "FP": prediction & ~reference,
        "FN": ~prediction & reference,
    }


def dice_by_threshold(probability: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Dice of `probability > threshold` at each of `THRESHOLDS`, float (99,)."""

    def above(values: np.ndarray) -> np.ndarray:
        cuts = THRESHOLDS.astype(probability.dtype)
        return values.size - np.searchsorted(np.sort(values, axis=None), cuts, side="right")

    total = above(probability) + reference.sum()
    shared = 2 * above(probability[reference])
    return np.divide(shared, total, out=np.ones(len(THRESHOLDS)), where=total > 0)


def thresholded(
    image: Image, probability: Image, reference: Mask, spacing_mm: Spacing | None, threshold: float
) -> Scene:
    """Where `probability > threshold` is right and wrong, its scores, and Dice at all thresholds.

    Args: float32 `image` and `probability` and the bool `reference`, all (height, width).
    """
    prediction = probability > threshold
    scores = metrics.score(prediction, reference, spacing_mm)
    curve = dice_by_threshold(probability, reference)
    figure, (left, right) = plots.canvas(1, 2, height=height_of(image, spacing_mm, 4.4, 0.4))
    case = Case("", image, reference, prediction, spacing_mm, scores)
    counts = _draw_confusion(left, case)
    figure.legend(loc="outside lower center", ncols=3)
    right.plot(THRESHOLDS, curve, color=plots.GREY)
    right.plot(threshold, scores["dice"], "D", color=plots.ORANGE, markeredgecolor="black")
    right.axvline(threshold, color="black", linestyle=":", linewidth=1)
    right.set(xlabel="threshold", title="Dice", xlim=(0, 1), ylim=(0, 1.02))
    said = say_scores(scores, "dice", "precision", "recall", "hd95_mm")
    best = THRESHOLDS[curve.argmax()]
    alt = (
        f"A chest radiograph at threshold {threshold:.2f} with {counts}; beside it Dice over the "
        f"threshold, highest at {best:.2f} with {curve.max():.3f}."
    )
    return Scene(figure, alt, f"Threshold {threshold:.2f}: {said}. {counts}.")


def lung_mask(lung: Lung, shape: tuple[int, int]) -> np.ndarray:
    """The lung as a bool mask of `shape` (height, width): a tilted superellipse, narrower above.

    At the height v, from -1 at its top to 1 at its base, it reaches (1 - |v|^2.5)^(1/2.5) of its
    half width times 0.92 (1 + 0.33 v), which makes it 1.00 wide where it is widest.
    """
    height, width = shape
    down, across = np.ogrid[0.5:height, 0.5:width]
    down, across = down - lung.row * height, across - lung.column * width
    angle = np.deg2rad(lung.tilt)
    v = (down * np.cos(angle) - across * np.sin(angle)) / (lung.height * height / 2)
    u = (across * np.cos(angle) + down * np.sin(angle)) / (lung.width * width / 2)
    rounded = np.clip(1 - np.abs(v) ** ROUNDNESS, 0, None) ** (1 / ROUNDNESS)
    return np.abs(u) < 0.92 * (1 + TAPER * v) * rounded


def drawn_by_hand(
    image: np.ndarray,
    reference: np.ndarray,
    spacing_mm: Spacing | None,
    image_left_lung: Lung,
    image_right_lung: Lung,
    others: Mapping[str, float],
    reveal: bool = False,
) -> Scene:
    """Two lungs placed by the reader, their scores, and the rank of their Dice among `others`.

    Args: `others`, the Dice of others on this image by name; `reveal` draws the reference too.
    Large radiographs are scored on every second, third, ... pixel: sliders should not lag.
    """
    image, reference, spacing_mm = thinned(image, reference, spacing_mm)
    lungs = (lung_mask(lung, image.shape) for lung in (image_left_lung, image_right_lung))
    mask = np.logical_or(*lungs)
    scores = metrics.score(mask, reference, spacing_mm)
    ranked = sorted([*others.items(), ("you", scores["dice"])], key=lambda pair: -pair[1])
    rank = 1 + sum(value > scores["dice"] for value in others.values())
    figure, (left, right) = plots.canvas(1, 2, height=height_of(image, spacing_mm, 4.2, 0.4))
    plots.draw_image(left, image, spacing_mm)
    if reveal:
        plots.draw_outline(left, reference, plots.BLUE, "-", "reference")
    plots.draw_outline(left, mask, plots.ORANGE, "--", "you")
    figure.legend(loc="outside lower center", ncols=2)
    names = [name for name, _ in ranked]
    bars = right.barh(names, [value for _, value in ranked], color=plots.GREY)
    bars[names.index("you")].set(facecolor=plots.ORANGE, edgecolor="black", hatch="//")
    right.bar_label(bars, fmt="%.3f", padding=4)
    right.set(xlim=(0, 1.2), xticks=(0, 0.5, 1), title="Dice")
    right.invert_yaxis()
    said = say_scores(scores, "dice", "hd95_mm", "assd_mm")
    standing = f"rank {rank} of {len(ranked)}"
    alt = f"A chest radiograph with two lungs drawn by hand, dashed, and bars of Dice: {standing}."
    return Scene(figure, alt, f"You: {said}; {standing}.")


def worst_first(cases: Sequence[Case], score: str) -> list[Case]:
    """The cases by one score, the worst first; those that lack it are left out."""
    scored = [case for case in cases if score in case.scores]
    more_is_worse = not metrics.SCORES[score].more_is_better
    return sorted(scored, key=lambda case: case.scores[score], reverse=more_is_worse)


def failure(cases: Sequence[Case], place: int) -> Scene:
    """The case at `place`, counted from 0, of cases sorted worst first, and where it is wrong."""
    if not cases:
        return nothing("There is no case to show.")
    case = cases[place]
    figure, panels = plots.canvas(1, 3, height=height_of(case.image, case.spacing_mm, 2.9, 0.7))
    plots.draw_image(panels[0], case.image, case.spacing_mm, "image")
    plots.draw_image(panels[1], case.image, case.spacing_mm, "outlines")
    plots.draw_outline(panels[1], case.reference, plots.BLUE, "-", "reference")
    plots.draw_outline(panels[1], case.prediction, plots.ORANGE, "--", "prediction")
    counts = _draw_confusion(panels[2], case, "what is wrong")
    figure.legend(loc="outside lower center", ncols=5)
    which = f"{case.name}, {place + 1} of {len(cases)}, worst first"
    alt = f"The chest radiograph {which}: alone, with both outlines, and with {counts}."
    return Scene(figure, alt, f"{which}: {say_scores(case.scores)}.")


def _draw_confusion(axes: Axes, case: Case, title: str = "") -> str:
    parts = confusion(case.prediction, case.reference)
    plots.draw_image(axes, case.image, case.spacing_mm, title)
    fill(axes, parts["TP"], WHITE, "", 0.25, "both (TP)")
    fill(axes, parts["FP"], plots.ORANGE, "////", 0.9, "prediction only (FP)")
    fill(axes, parts["FN"], plots.BLUE, "....", 0.9, "reference only (FN)")
    return ", ".join(f"{part.sum():,} {name}" for name, part in parts.items()) + " pixels"
