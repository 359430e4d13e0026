"""Every picture of the course, in one style: outlines on grey, blue solid and orange dashed."""

import base64
import html
import io
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from IPython.display import DisplayHandle, display
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lungseg_utils.masks import lung_area_cm2
from lungseg_utils.overlay import BLUE, GREEN, GREY, ORANGE
from lungseg_utils.types import Mask, Record, Spacing, counted

DOTS_PER_INCH = 110  # so that Matplotlib's letters, of 10 points, come out as 11
INCH = 100  # pixels of what `canvas` calls an inch
TITLE_POINTS = 10
DRAWING = threading.Lock()


def canvas(
    rows: int = 1, columns: int = 1, width: float = 9.0, height: float = 4.0
) -> tuple[Figure, Axes | np.ndarray]:
    """An empty figure of `width` x `height` inches and its axes; pyplot is left out of it.

    Returns: (Figure, Axes) for one panel, (Figure, array of Axes) for more.
    """
    inches = width * INCH / DOTS_PER_INCH, height * INCH / DOTS_PER_INCH
    figure = Figure(inches, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns)
    for panel in np.ravel(axes):
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_prop_cycle(color=[BLUE, ORANGE, GREY, GREEN])
    return figure, axes


def finish(figure: Figure) -> Figure:
    """The figure with small titles, and legends without a frame, before it is drawn."""
    for panel in figure.axes:
        panel.title.set_fontsize(TITLE_POINTS)
    for legend in [*figure.legends, *(one for one in map(Axes.get_legend, figure.axes) if one)]:
        legend.get_frame().set_edgecolor("none")
    return figure


@dataclass(frozen=True)
class Picture:
    """A figure as a notebook shows it: HTML for a browser, its caption where there is only text."""

    html: str
    caption: str

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.caption}


def picture(figure: Figure, alt: str, caption: str) -> Picture:
    """The figure as an image with its alt text, and the caption below it.

    Raises: ValueError if either text is empty.
    """
    if not alt.strip() or not caption.strip():
        raise ValueError("a figure needs an alt text and a caption")
    finish(figure)
    with DRAWING:
        figure.draw_without_rendering()  # the layout settles in two passes, one cuts titles
        figure.canvas.draw()
    image = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[:, :, :3])
    file = io.BytesIO()
    # 256 colours, spread over all that occur: a notebook stays small, no rare colour is lost
    image = image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    image.save(file, "PNG", optimize=True)
    source = base64.b64encode(file.getvalue()).decode()
    return Picture(
        f'<figure style="margin:0"><img style="max-width:100%" alt="{html.escape(alt)}" '
        f'src="data:image/png;base64,{source}"><figcaption style="opacity:0.75;line-height:1.5">'
        f"{html.escape(caption)}</figcaption></figure>",
        caption,
    )


def show(figure: Figure, alt: str, caption: str) -> None:
    """Show the figure below a notebook cell, with an alt text and a caption."""
    display(picture(figure, alt, caption))


class Ruler:
    """What records are measured in: mm and cm², or pixels where one of them has no spacing.

    `length` and `area` are the names of the units.
    """

    def __init__(self, records: Sequence[Record]):
        self.in_mm = all(record.spacing_mm for record in records)
        self.length, self.area = ("mm", "cm²") if self.in_mm else ("pixels", "pixels")

    def __str__(self) -> str:
        if self.in_mm:
            return "The spacing is known: lengths are in mm, areas in cm²."
        return "No spacing is known for this set: lengths and areas stay in pixels of the files."

    def step(self, record: Record) -> Spacing:
        """The (row, column) size of a record's pixel, in `length`."""
        return record.spacing_mm if self.in_mm else (1.0, 1.0)

    def area_of(self, mask: Mask, record: Record) -> float:
        """What a bool mask (height, width) of a record covers, in `area`."""
        return lung_area_cm2(mask, record.spacing_mm) if self.in_mm else float(mask.sum())


def draw_image(
    axes: Axes, image: np.ndarray, spacing_mm: Spacing | None = None, title: str = ""
) -> None:
    """Draw a radiograph or mask (height, width), black 0 and white 1, in its true proportions.

    Args: `spacing_mm` the (row, column) size of a pixel; square pixels without it.
    """
    aspect = spacing_mm[0] / spacing_mm[1] if spacing_mm else 1.0
    step = step_of(image)
    edges = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)
    axes.imshow(image[::step, ::step], cmap="gray", vmin=0, vmax=1, aspect=aspect, extent=edges)
    axes.set_title(title)
    axes.set_axis_off()


def draw_outline(
    axes: Axes, mask: np.ndarray, colour: str = BLUE, style: str = "-", label: str = ""
) -> None:
    """Draw the outline of a bool mask (height, width) over an image."""
    step = step_of(mask)
    drawn = mask[::step, ::step]
    if drawn.any() and not drawn.all():
        rows, columns = (np.arange(0, side, step) for side in mask.shape)
        axes.contour(columns, rows, drawn, [0.5], colors=colour, linestyles=style, linewidths=1.6)
    if label:
        axes.plot([], [], color=colour, linestyle=style, label=label)


def step_of(array: np.ndarray) -> int:
    """Each how many-th pixel is drawn."""
    return max(1, max(array.shape) // 1000)  # 20 million pixels take seconds and show no more


def gallery(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int = 4,
    spacings_mm: Sequence[Spacing | None] = (),
) -> Figure:
    """Images (height, width) in rows of `columns`, each with its title."""
    rows, spacings = -(-len(images) // columns), spacings_mm or [None] * len(images)
    figure = canvas(rows, columns)[0]
    for panel in figure.axes[len(images) :]:
        panel.set_axis_off()
    for panel, image, title, spacing in zip(figure.axes, images, titles, spacings, strict=False):
        draw_image(panel, image, spacing, title)
    tallest = max(one.get_aspect() * one.get_data_ratio() for one in figure.axes[: len(images)])
    figure.set_figheight((9 / columns * tallest + 0.35) * rows * INCH / DOTS_PER_INCH)
    return figure


def comparison(
    image: np.ndarray,
    reference: np.ndarray,
    prediction: np.ndarray,
    spacing_mm: Spacing | None = None,
    title: str = "",
) -> Figure:
    """The article's picture and an overlay: image, reference, prediction, both outlines."""
    figure, panels = canvas(1, 4, height=3.2)
    shown = {"image": image, "reference": reference, "prediction": prediction, "outlines": image}
    for panel, (name, pixels) in zip(panels, shown.items(), strict=True):
        draw_image(panel, pixels, spacing_mm, name)
    draw_outline(panels[3], reference, BLUE, "-", "reference")
    draw_outline(panels[3], prediction, ORANGE, "--", "prediction")
    figure.legend(loc="outside lower right", ncols=2)
    figure.suptitle(title, fontsize=11)
    return figure


def learning_curves(history: Sequence[dict[str, float]], epochs: int) -> Figure:
    """Loss and hard Dice of each epoch, on the training and the validation images."""
    figure, panels = canvas(1, 2, height=3.2)
    numbers = [row["epoch"] for row in history]
    for panel, key, name in zip(panels, ("loss", "dice"), ("loss", "Dice"), strict=True):
        panel.plot(numbers, [row[key] for row in history], "-", label="training")
        panel.plot(numbers, [row[f"val_{key}"] for row in history], "--", label="validation")
        panel.set(xlabel="epoch", title=name, xlim=(0.5, epochs + 0.5))
    panels[1].set_ylim(top=1.0)
    panels[0].legend()
    return figure


class LiveCurves:
    """A report for `train`: a picture, redrawn once in `PAUSE` seconds at most, and at the end."""

    PAUSE = 1.0

    def __init__(self):
        self._handle: DisplayHandle | None = None
        self._drawn = -math.inf

    def __call__(self, recipe, history) -> None:
        row = history[-1]
        if time.monotonic() - self._drawn < self.PAUSE and row["epoch"] < recipe.epochs:
            return
        self._drawn = time.monotonic()
        caption = (
            f"Epoch {row['epoch']} of {recipe.epochs}, {row['seconds']:.1f} s, "
            f"{row['seconds'] * (recipe.epochs - row['epoch']) / 60:.1f} min left: loss "
            f"{row['loss']:.3f}, validation loss {row['val_loss']:.3f}, validation Dice "
            f"{row['val_dice']:.4f}."
        )
        epochs = counted(row["epoch"], "epoch")
        alt = f"Two curves over {epochs}: the loss falls, the Dice rises. {caption}"
        shown = picture(learning_curves(history, recipe.epochs), alt, caption)
        if self._handle:
            self._handle.update(shown)
        else:
            self._handle = display(shown, display_id=True)


def score_strips(tables: dict[str, Sequence[float]], xlabel: str) -> Figure:
    """One row of dots a method, one dot an image, the mean as a bar: all the scores at a glance."""
    figure, axes = canvas(height=0.9 + 0.7 * len(tables))
    scatter = np.random.default_rng(0)
    for row, values in enumerate(tables.values()):
        axes.plot(values, row + scatter.uniform(-0.18, 0.18, len(values)), "o", alpha=0.6)
        axes.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color="black")
    axes.set(xlabel=xlabel, yticks=range(len(tables)), yticklabels=list(tables))
    axes.invert_yaxis()
    return figure
