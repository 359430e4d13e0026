"""Scenes of notebooks 01 and 02: radiographs, their layers and their masks."""

import textwrap
from collections.abc import Callable, Sequence

import numpy as np

from lungseg_utils.images import read_image
from lungseg_utils.overlay import GREEN
from lungseg_utils.teaching import plots
from lungseg_utils.teaching.scenes.frame import Scene, fill, height_of, nothing, say_area
from lungseg_utils.types import Record, Spacing

EVERY_AGE = (0, 120)
NAMED = {0: "normal", 1: "abnormal", None: "not known"}


def matching(
    records: Sequence[Record],
    sex: str = "",
    label: int | None = None,
    ages: tuple[float, float] = EVERY_AGE,
    words: str = "",
) -> tuple[Record, ...]:
    """The records of one sex, one label, an age within `ages` (years, both ends included) and all
    `words` in the reading, in capitals or not.

    An argument that is left as it is filters nothing; an unknown age passes `EVERY_AGE` alone.
    """

    def fits(record: Record) -> bool:
        age_fits = record.age is not None and ages[0] <= record.age <= ages[1]
        return (
            sex in ("", record.sex)
            and label in (None, record.label)
            and (age_fits or tuple(ages) == EVERY_AGE)
            and all(word in record.reading.lower() for word in words.lower().split())
        )

    return tuple(filter(fits, records))


def browse(records: Sequence[Record], place: int) -> Scene:
    """The radiograph at `place`, counted from 0, and what is known of it."""
    if not records:
        return nothing("No radiograph matches all filters: widen one of them.")
    record = records[place]
    facts = _known_facts(record)
    image = read_image(record.image_path)
    figure, (left, right) = plots.canvas(1, 2, height=height_of(image, record.spacing_mm, 4.4, 0.3))
    plots.draw_image(left, image, record.spacing_mm, record.name)
    lines = (textwrap.fill(f"{key}: {text}", 40) for key, text in facts.items())
    right.text(0, 1, "\n".join(lines), va="top", linespacing=1.6, transform=right.transAxes)
    right.set_axis_off()
    said = "; ".join(f"{key}: {text}" for key, text in facts.items())
    alt = f"The chest radiograph {record.name}. {said}."
    known = ", ".join(facts[key] for key in ("sex", "age", "label") if facts[key] != NAMED[None])
    where = f"{place + 1} of {len(records)}: {known or record.name}."
    return Scene(figure, alt, f"{where} Compare the two lungs before you trust the reading.")


def _known_facts(record: Record) -> dict[str, str]:
    height, width = record.shape
    pixel = record.spacing_mm and "{:.3f} mm high, {:.3f} mm wide".format(*record.spacing_mm)
    return {
        "sex": record.sex or NAMED[None],
        "age": NAMED[None] if record.age is None else f"{record.age:.0f} years",
        "label": NAMED[record.label],
        "size": f"{height} x {width} pixels",
        "pixel": pixel or NAMED[None],
        "reading": record.reading or "none",
    }


def layered(
    layers: dict[str, np.ndarray],
    develop: Callable[[np.ndarray], np.ndarray],
    chosen: Sequence[str],
    newest: str,
    spacing_mm: Spacing | None = None,
) -> Scene:
    """The radiograph of the chosen layers, beside the newest layer alone.

    Args: `layers`, the attenuation (height, width) of each part by name; `develop`, which makes of
        a summed attenuation the image (height, width) in [0, 1].
    """
    layer, title = layers[newest], newest.replace("_", " ")
    strongest = layer.flat[np.abs(layer).argmax()]
    total = sum((layers[name] for name in chosen), np.zeros_like(layer))
    figure, panels = plots.canvas(1, 2, height=5.5)
    count = f"{len(chosen)} of {len(layers)} layers"
    plots.draw_image(panels[0], develop(total), spacing_mm, count)
    alone = layer / strongest if strongest else layer
    plots.draw_image(panels[1], alone, spacing_mm, f"the newest alone: {title}")
    parts = ", ".join(chosen).replace("_", " ") or "nothing"
    alt = f"The simulated radiograph of {parts}; beside it {title} alone."
    caption = f"{title}: {strongest:+.2f} in the exponent where it is strongest."
    return Scene(figure, alt, caption.capitalize())


def overlay(
    image: np.ndarray,
    image_left: np.ndarray,
    image_right: np.ndarray,
    spacing_mm: Spacing | None,
    opacity: float = 0.4,
    style: str = "filled",
) -> Scene:
    """The masks of the two lungs over the radiograph; `style` is filled, outlines or off."""
    figure, axes = plots.canvas(width=5.5, height=height_of(image, spacing_mm, 5.4, 0.4))
    plots.draw_image(axes, image, spacing_mm)
    if style == "filled":
        fill(axes, image_left, plots.BLUE, "//", opacity, "image left")
        fill(axes, image_right, GREEN, "\\\\", opacity, "image right")
    if style == "outlines":
        plots.draw_outline(axes, image_left, plots.BLUE, "-", "image left")
        plots.draw_outline(axes, image_right, GREEN, "-.", "image right")
    if style != "off":
        figure.legend(loc="outside lower center", ncols=2)
    lungs = ("left", image_left), ("right", image_right)
    areas = ", ".join(f"{say_area(lung, spacing_mm)} at image {side}" for side, lung in lungs)
    shared = int((image_left & image_right).sum())
    drawn = {"filled": f"filled, opacity {opacity:.2f}", "outlines": "as outlines", "off": "hidden"}
    alt = f"A chest radiograph with the masks of its two lungs {drawn[style]}: {areas}."
    sides = "The lung at image left is the patient's right one."
    return Scene(figure, alt, f"{areas}, {shared:,} pixels in both. {sides}")
