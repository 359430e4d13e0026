"""What stands in the figures of the course, in words and numbers: a change of one must be meant.

python tests/helpers/figures.py       after such a change, once the figures have been looked at
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import explorers
import numpy as np
from explorers import IMAGE, REFERENCE, SPACING
from matplotlib import artist, colors, contour, image, lines, patches, text
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lungseg_utils.teaching import diagrams, plots
from lungseg_utils.unet import build_unet

KEPT = Path(__file__).with_name("figures.json")
HISTORY = [
    {"epoch": epoch, "seconds": 2.0, "loss": 1 / epoch, "dice": 1 - 1 / epoch,
     "val_loss": 1.2 / epoch, "val_dice": 0.9 - 0.5 / epoch}
    for epoch in (1, 2, 3)
]  # fmt: skip


def moments(values) -> list:
    """Shape, mean, deviation and mean by place of an array, the last to see its order."""
    array = np.ma.filled(np.ma.masked_invalid(np.asarray(values, float)), 0.0)
    if not array.size:
        return [list(array.shape)]
    ramp = np.linspace(0, 1, array.size).reshape(array.shape)
    return [list(array.shape), *map(float, (array.mean(), array.std(), (array * ramp).mean()))]


def colour(value) -> str | None:
    return None if value is None else colors.to_hex(value, keep_alpha=True)


def of_line(line: lines.Line2D) -> list:
    look = line.get_linestyle(), line.get_marker()
    sizes = line.get_linewidth(), line.get_markersize()
    return [*look, *sizes, colour(line.get_color()), line.get_label(), moments(line.get_xydata())]


def of_text(one: text.Text) -> list:
    """Its words, place and look, and the arrow of an annotation."""
    look = one.get_ha(), one.get_va(), one.get_fontsize(), one.get_fontweight(), one.get_rotation()
    arrow = getattr(one, "arrow_patch", None)
    ends = [list(map(float, one.xy)), of_patch(arrow)] if arrow else []
    place = list(map(float, one.get_position()))
    return [one.get_text(), place, *look, colour(one.get_color()), *ends]


def of_patch(patch: patches.Patch) -> list:
    look = patch.get_linestyle(), patch.get_linewidth(), patch.get_hatch(), patch.get_label()
    paint = colour(patch.get_facecolor()), colour(patch.get_edgecolor()), patch.get_fill()
    place = [] if isinstance(patch, patches.FancyArrowPatch) else moments(patch.get_verts())
    return [*look, *paint, place]


def of_image(one: image.AxesImage) -> list:
    scale = one.cmap.name, *one.get_clim(), one.get_interpolation(), list(one.get_extent())
    return [*scale, moments(one.get_array())]


def of_contour(one: contour.ContourSet) -> list:
    paths = [moments(path.vertices) for path in one.get_paths()]
    look = [str(one.linestyles), [float(width) for width in one.get_linewidths()]]
    return [*look, [colour(edge) for edge in one.get_edgecolors()], paths]


def of_others(one: artist.Artist) -> list:
    """Dots and areas."""
    places = [moments(path.vertices) for path in one.get_paths()]
    paint = [[colour(each) for each in found[:2]]
             for found in (one.get_facecolors(), one.get_edgecolors())]  # fmt: skip
    return [one.get_label(), paint, places[:4], moments(one.get_offsets())]


KINDS = (
    (lines.Line2D, of_line), (text.Text, of_text), (image.AxesImage, of_image),
    (contour.ContourSet, of_contour), (patches.Patch, of_patch),
)  # fmt: skip


def of_legend(legend) -> list:
    words = [[one.get_text() for one in legend.get_texts()], legend.get_title().get_text()]
    frame = legend.get_frame()
    return [*words, str(legend._loc_real), legend._ncols, colour(frame.get_edgecolor())]


def artists(axes: Axes) -> Iterator[list]:
    """What was drawn in the axes, in order; their own frame and axes are left out."""
    own = {axes.patch, axes.title, axes._left_title, axes._right_title, axes.xaxis, axes.yaxis}
    for one in axes.get_children():
        if one in own or one in axes.spines.values() or one is axes.get_legend():
            continue
        describe = next((made for kind, made in KINDS if isinstance(one, kind)), of_others)
        shared = [type(one).__name__, one.get_alpha(), one.get_zorder(), one.get_visible()]
        yield [*shared, *describe(one)]


def of_axes(axes: Axes) -> list:
    words = axes.get_title(), axes.get_xlabel(), axes.get_ylabel()
    limits = [list(map(float, ends)) for ends in (axes.get_xlim(), axes.get_ylim())]
    rules = axes.get_xscale(), axes.get_yscale(), axes.axison, str(axes.get_aspect())
    spines = [name for name, spine in axes.spines.items() if spine.get_visible()]
    ticks = [[one.get_text() for one in labels] if fixed else None
             for labels, fixed in ((axes.get_xticklabels(), _named(axes.xaxis)),
                                   (axes.get_yticklabels(), _named(axes.yaxis)))]  # fmt: skip
    places = [[float(place) for place in ends] for ends in (axes.get_xticks(), axes.get_yticks())]
    legend = axes.get_legend() and of_legend(axes.get_legend())
    grid = axes.xaxis._major_tick_kw.get("gridOn"), axes.yaxis._major_tick_kw.get("gridOn")
    size = axes.title.get_fontsize()
    return [*words, size, limits, *rules, spines, ticks, places, legend, grid, list(artists(axes))]


def _named(axis) -> bool:
    return type(axis.get_major_formatter()).__name__ == "FixedFormatter"


def describe(figure: Figure) -> list:
    """All that can be told of a figure before it is laid out."""
    plots.finish(figure)
    size = [float(side) for side in figure.get_size_inches()]
    whole = figure.get_suptitle(), figure.get_supxlabel(), figure.get_supylabel()
    legends = [of_legend(one) for one in figure.legends]
    return [size, figure.dpi, *whole, legends, [of_axes(axes) for axes in figure.axes]]


def of_scene(widget) -> list:
    scene = widget.scene(**widget.values())
    return [scene.alt, scene.caption, describe(scene.figure)]


def all_figures(folder: Path) -> Iterator[tuple[str, list]]:
    """By name: each widget as it begins, and with each control moved that changes it by itself; and
    the figures without a widget.

    `folder` is where the radiographs of the browser are written.
    """
    records = explorers.some_records(folder)
    unseen = plots.Picture("", "")
    with mock.patch.object(plots, "picture", lambda *_: unseen):  # pixels take time
        for name, make in explorers.MAKERS.items():
            widget = make(records)
            beginning = of_scene(widget)
            yield f"{name}, as it begins", beginning
            for title, control in widget.controls.items():
                start = control.value
                values = [one for one in explorers.values(control) if one not in (start, "")]
                control.value = values[-1]
                moved = of_scene(widget)
                if moved != beginning:
                    yield f"{name}, {title} {control.value}", moved
                control.value = start
    others = {
        "a gallery": plots.gallery([IMAGE, REFERENCE, IMAGE], ["a", "b", "c"], 2, [SPACING] * 3),
        "a comparison": plots.comparison(IMAGE, REFERENCE, np.roll(REFERENCE, 3), SPACING),
        "learning curves": plots.learning_curves(HISTORY, 5),
        "score strips": plots.score_strips({"one": [0.9, 0.95, 0.7], "other": [0.5, 0.6]}, "Dice"),
        "a network": diagrams.draw_unet(build_unet(32, filters=4, depth=2)),
    }
    for name, figure in others.items():
        yield name, ["", "", describe(figure)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        found = dict(all_figures(Path(empty) / "set"))
    short = json.loads(json.dumps(found), parse_float=lambda digits: float(f"{float(digits):.5g}"))
    KEPT.write_text("{" + ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}"
                                     for name, one in short.items()) + "}\n",
                    encoding="utf-8")  # fmt: skip
