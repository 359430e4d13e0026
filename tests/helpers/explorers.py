"""The course's widgets, each with small inputs that are the same everywhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from ipywidgets import Checkbox, IntRangeSlider, Text, ToggleButtons
from sets import lungs, radiograph, write_set

from lungseg_utils import metrics
from lungseg_utils.phantom import explain
from lungseg_utils.radiographs import Record, load_records
from lungseg_utils.teaching import widgets
from lungseg_utils.teaching.scenes import Case

SHAPE, SPACING = (48, 64), (2.0, 1.5)
IMAGE, (IMAGE_LEFT, IMAGE_RIGHT) = radiograph(SHAPE).astype(np.float32), lungs(SHAPE)
REFERENCE = IMAGE_LEFT | IMAGE_RIGHT
SQUARE = radiograph((64, 64)).astype(np.float32)
SQUARE_MASK = np.logical_or(*lungs((64, 64)))
PROBABILITY = (0.1 + 0.8 * np.logical_or(*lungs(SHAPE, 8))).astype(np.float32)
OTHERS = {"mean shape": 0.8, "Otsu": 0.6, "network": 0.97}


def some_records(folder: Path) -> tuple[Record, ...]:
    """Four records that differ in all that a filter looks at."""
    found = load_records(write_set(folder))
    known = (("F", 27, 0, "normal"), ("M", 45, 1, "effusion"), ("", None, None, "effusion RUL"),
             ("F", 70, 1, ""))  # fmt: skip
    return tuple(
        replace(record, sex=sex, age=age, label=label, reading=reading)
        for record, (sex, age, label, reading) in zip(found, known, strict=True)
    )


def cases() -> list[Case]:
    """Three cases, the worst first by Dice, one of which nobody can measure in mm."""
    masks = np.zeros(SHAPE, bool), np.roll(REFERENCE, 5), np.roll(REFERENCE, 1)
    spacings = SPACING, None, SPACING
    return [
        Case(f"case {number}", IMAGE, REFERENCE, mask, spacing,
             metrics.score(mask, REFERENCE, spacing))
        for number, (mask, spacing) in enumerate(zip(masks, spacings, strict=True))
    ]  # fmt: skip


MAKERS = {
    "RadiographBrowser": lambda records: widgets.RadiographBrowser(records),
    "LayerStack": lambda _: widgets.LayerStack(explain(0, 25, 64), lambda total: total / 8),
    "MaskOverlay": lambda _: widgets.MaskOverlay(IMAGE, IMAGE_LEFT, IMAGE_RIGHT, SPACING),
    "ReceptiveField": lambda _: widgets.ReceptiveField(SQUARE),
    "AugmentationPreview": lambda _: widgets.AugmentationPreview(SQUARE, SQUARE_MASK),
    "LossExplorer": lambda _: widgets.LossExplorer(),
    "ThresholdExplorer": lambda _: widgets.ThresholdExplorer(
        IMAGE, PROBABILITY, REFERENCE, SPACING
    ),
    "YouAreTheBaseline": lambda _: widgets.YouAreTheBaseline(IMAGE, REFERENCE, SPACING, OTHERS),
    "FailureBrowser": lambda _: widgets.FailureBrowser(cases()),
    "WorkersExplorer": lambda _: widgets.WorkersExplorer(0.2),
    "ShardExplorer": lambda _: widgets.ShardExplorer(),
}


def values(control) -> list:
    """Values over the whole range of a control: all of them, or some thirty of a fine slider."""
    if isinstance(control, ToggleButtons):
        return [value[1] if isinstance(value, tuple) else value for value in control.options]
    if isinstance(control, Checkbox):
        return [True, False]
    if isinstance(control, Text):
        return ["effusion", "EFFUSION rul", "no such word", "(", ""]
    steps = round((control.max - control.min) / control.step)
    chosen = [*range(0, steps, max(1, steps // 20)), steps]
    places = [control.min + step * control.step for step in chosen]
    if isinstance(control, IntRangeSlider):
        return [(low, high) for low in places[::3] for high in places[::3] if low <= high]
    return places
