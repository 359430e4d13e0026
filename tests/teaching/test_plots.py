"""Figures: what is drawn where, their style, their alt texts, and curves that grow."""

import base64
import io
import re
import time
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image
from sets import SHAPE, bare_record, lungs, radiograph

from lungseg_utils.overlay import BLUE, GREEN, GREY, ORANGE
from lungseg_utils.recipes import COURSE
from lungseg_utils.teaching import plots

IMAGE = radiograph()
LEFT, RIGHT = lungs()
HISTORY = [
    {"epoch": epoch, "seconds": 2.0, "loss": 1 / epoch, "dice": 1 - 0.5 / epoch,
     "val_loss": 1.5 / epoch, "val_dice": 1 - 0.6 / epoch}
    for epoch in range(1, 4)
]  # fmt: skip


def titles(figure):
    return [panel.get_title() for panel in figure.axes]


def test_canvas_is_as_large_as_it_says_and_in_the_course_s_colours():
    figure, axes = plots.canvas(width=5, height=2)
    np.testing.assert_allclose(figure.get_size_inches() * figure.dpi, (500, 200))
    for colour in (BLUE, ORANGE, GREY, GREEN):
        (line,) = axes.plot([0, 1])
        assert to_hex(line.get_color()).upper() == colour
    assert [axes.spines[side].get_visible() for side in ("top", "right", "left")] == [0, 0, 1]
    assert plots.canvas(2, 3)[1].shape == (2, 3)


def test_picture_is_an_image_with_its_texts():
    figure, axes = plots.canvas(width=4, height=3)
    axes.plot([0, 1], label="a")
    axes.set_title("large", fontsize=20)
    axes.legend()
    shown = plots.picture(figure, 'a "line" & more', "It <rises>.")
    assert (axes.title.get_fontsize(), axes.get_legend().get_frame().get_edgecolor()[3]) == (10, 0)
    assert shown._repr_mimebundle_() == {"text/html": shown.html, "text/plain": "It <rises>."}
    assert 'alt="a &quot;line&quot; &amp; more"' in shown.html and "It &lt;rises&gt;." in shown.html
    content = base64.b64decode(re.search(r'base64,([^"]+)"', shown.html)[1])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert pixels.shape == (300, 400, 3)
    near = np.abs(pixels.astype(int) - np.array([*bytes.fromhex(BLUE[1:])])).max(axis=2) < 8
    assert near.sum() > 200 and (pixels[0, 0] == 255).all()


@pytest.mark.parametrize("alt, caption", [("", "a"), ("a", ""), (" ", "a"), ("a", "\n")])
def test_a_picture_without_words_is_refused(alt, caption):
    with pytest.raises(ValueError, match="an alt text and a caption"):
        plots.picture(plots.canvas()[0], alt, caption)


def test_show_displays_the_picture(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", shown.append)
    plots.show(plots.canvas()[0], "nothing", "Empty axes.")
    assert [(one.caption, 'alt="nothing"' in one.html) for one in shown] == [("Empty axes.", True)]


@pytest.mark.parametrize("spacing, aspect", [(None, 1), ((2.0, 0.5), 4)])
def test_an_image_is_drawn_as_it_is_in_its_true_proportions(spacing, aspect):
    _, axes = plots.canvas()
    plots.draw_image(axes, 0.5 * IMAGE, spacing, "half")
    (drawn,) = axes.images
    np.testing.assert_array_equal(drawn.get_array(), 0.5 * IMAGE)
    assert (drawn.get_clim(), drawn.get_cmap().name) == ((0, 1), "gray")
    assert drawn.get_extent() == [-0.5, 31.5, 23.5, -0.5]
    assert (axes.get_aspect(), axes.get_title(), axes.axison) == (aspect, "half", False)


@pytest.mark.parametrize("side, step", [(999, 1), (1000, 1), (1999, 1), (2000, 2), (5000, 5)])
def test_a_large_image_is_drawn_thinned_in_its_own_places(side, step):
    image = np.zeros((side, 30), bool)
    image[side // 2 :] = True
    assert plots.step_of(image) == plots.step_of(image.T) == step
    _, axes = plots.canvas()
    plots.draw_image(axes, image)
    plots.draw_outline(axes, image)
    assert axes.images[0].get_array().shape[0] == -(-side // step)
    assert axes.images[0].get_extent() == [-0.5, 29.5, side - 0.5, -0.5]
    (outline,) = axes.collections
    rows = outline.get_paths()[0].vertices[:, 1]
    assert np.abs(rows - side // 2).max() <= step


def test_an_outline_runs_along_the_mask():
    _, axes = plots.canvas()
    plots.draw_outline(axes, LEFT, ORANGE, "--", "a lung")
    (outline,) = axes.collections
    corners = outline.get_paths()[0].vertices
    rows, columns = np.nonzero(LEFT)
    np.testing.assert_allclose(corners.min(0), (columns.min() - 0.5, rows.min() - 0.5))
    np.testing.assert_allclose(corners.max(0), (columns.max() + 0.5, rows.max() + 0.5))
    assert to_hex(outline.get_edgecolor()[0]).upper() == ORANGE
    assert outline.get_linestyle()[0][1] is not None, "dashed"
    assert axes.get_legend_handles_labels()[1] == ["a lung"]


@pytest.mark.parametrize("mask", [np.zeros(SHAPE, bool), np.ones(SHAPE, bool)])
def test_a_mask_without_an_edge_has_no_outline_but_its_name(mask):
    _, axes = plots.canvas()
    plots.draw_outline(axes, mask, label="nothing")
    assert not axes.collections and axes.get_legend_handles_labels()[1] == ["nothing"]
    plots.draw_outline(axes, LEFT)
    assert len(axes.collections) == 1 and len(axes.get_legend_handles_labels()[1]) == 1


def test_gallery_has_each_image_under_its_title():
    images = [IMAGE, 0.5 * IMAGE, 1 - IMAGE]
    figure = plots.gallery(images, ["a", "b", "c"], columns=2, spacings_mm=[(1, 1), (2, 1), None])
    assert titles(figure) == ["a", "b", "c", ""] and not any(one.axison for one in figure.axes)
    for panel, image, aspect in zip(figure.axes, images, (1, 2, 1), strict=False):
        np.testing.assert_array_equal(panel.images[0].get_array(), image)
        assert panel.get_aspect() == aspect
    assert not figure.axes[3].images
    high = (figure.get_size_inches() * figure.dpi)[1]
    tallest = 2 * IMAGE.shape[0] / IMAGE.shape[1]
    assert high == pytest.approx(100 * 2 * (9 / 2 * tallest + 0.35))
    assert plots.gallery(images, ["a", "b", "c"]).axes[2].get_aspect() == 1


def test_comparison_shows_both_masks_and_both_outlines():
    figure = plots.comparison(IMAGE, LEFT, RIGHT, (2.0, 1.0), "one")
    assert titles(figure) == ["image", "reference", "prediction", "outlines"]
    for panel, shown in zip(figure.axes, (IMAGE, LEFT, RIGHT, IMAGE), strict=True):
        np.testing.assert_array_equal(panel.images[0].get_array(), shown)
        assert panel.get_aspect() == 2
    blue, orange = figure.axes[3].collections
    for outline, mask, colour in ((blue, LEFT, BLUE), (orange, RIGHT, ORANGE)):
        assert to_hex(outline.get_edgecolor()[0]).upper() == colour
        across = outline.get_paths()[0].vertices[:, 0].mean()
        assert across == pytest.approx(np.nonzero(mask)[1].mean(), abs=1)
    assert (blue.get_linestyle()[0][1], orange.get_linestyle()[0][1] is None) == (None, False)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["reference", "prediction"]
    assert figure.get_suptitle() == "one"


def test_learning_curves_are_the_history():
    figure = plots.learning_curves(HISTORY, 5)
    assert titles(figure) == ["loss", "Dice"]
    for panel, key in zip(figure.axes, ("loss", "dice"), strict=True):
        training, validation = panel.lines
        for line, name, style in ((training, key, "-"), (validation, f"val_{key}", "--")):
            assert list(line.get_xdata()) == [1, 2, 3]
            assert list(line.get_ydata()) == [row[name] for row in HISTORY]
            assert line.get_linestyle() == style
        assert (panel.get_xlim(), panel.get_xlabel()) == ((0.5, 5.5), "epoch")
        assert panel.get_legend_handles_labels()[1] == ["training", "validation"]
    assert figure.axes[1].get_ylim()[1] == 1.0
    assert figure.axes[0].get_legend() and not figure.axes[1].get_legend()


def test_score_strips_have_a_dot_for_each_image_and_a_bar_at_the_mean():
    tables = {"first": [0.2, 0.4, 0.9], "second": [0.5, 0.7]}
    (axes,) = plots.score_strips(tables, "Dice").axes
    for row, values in enumerate(tables.values()):
        dots, bar = axes.lines[2 * row : 2 * row + 2]
        assert list(dots.get_xdata()) == values and dots.get_marker() == "o"
        assert np.abs(np.subtract(dots.get_ydata(), row)).max() <= 0.18
        assert len(set(dots.get_ydata())) == len(values), "no dot hides another"
        assert list(bar.get_xdata()) == [pytest.approx(np.mean(values))] * 2
        assert list(bar.get_ydata()) == [row - 0.3, row + 0.3]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["first", "second"]
    assert list(axes.get_yticks()) == [0, 1] and axes.yaxis_inverted()
    assert axes.get_xlabel() == "Dice"


def test_live_curves_say_the_numbers_of_the_last_epoch(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "display", lambda shown, **_: drawn.append(shown) or Handle(drawn))
    report = plots.LiveCurves()
    report(replace(COURSE, epochs=3), HISTORY[:2])
    scores = "loss 0.500, validation loss 0.750, validation Dice 0.7000"
    assert drawn[0].caption == f"Epoch 2 of 3, 2.0 s, 0.0 min left: {scores}."
    assert "Two curves over 2 epochs" in drawn[0].html


def test_live_curves_do_not_hold_up_short_epochs(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "display", lambda shown, **_: drawn.append(shown) or Handle(drawn))
    keys = ("loss", "dice", "val_loss", "val_dice", "seconds")
    history = [{"epoch": epoch, **dict.fromkeys(keys, 0.5)} for epoch in range(1, 31)]
    report, recipe = plots.LiveCurves(), replace(COURSE, epochs=30)
    began = time.monotonic()
    for epoch in range(1, 31):
        report(recipe, history[:epoch])
    assert 2 <= len(drawn) <= 3 + (time.monotonic() - began) / report.PAUSE
    assert "Epoch 1 of 30" in drawn[0].caption and "Epoch 30 of 30" in drawn[-1].caption


def test_a_ruler_measures_in_mm_only_where_every_spacing_is_known():
    unknown = bare_record("one")
    known = replace(unknown, spacing_mm=(0.5, 2.0))
    mask = np.zeros(SHAPE, bool)
    mask[:10, :20] = True
    ruler = plots.Ruler([known, known])
    assert (ruler.length, ruler.area, ruler.step(known)) == ("mm", "cm²", (0.5, 2.0))
    assert ruler.area_of(mask, known) == 2.0 and "in mm" in str(ruler)
    ruler = plots.Ruler([known, unknown])
    assert (ruler.length, ruler.area, ruler.step(known)) == ("pixels", "pixels", (1.0, 1.0))
    assert ruler.area_of(mask, known) == 200 and "No spacing is known" in str(ruler)


class Handle:
    """Stands in for the place in a notebook where a picture is shown."""

    def __init__(self, drawn):
        self.update = drawn.append
