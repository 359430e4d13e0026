"""Controls: each is moved over its whole range, and each change draws once."""

import inspect

import ipywidgets
import numpy as np
import pytest
from explorers import (
    IMAGE,
    IMAGE_LEFT,
    IMAGE_RIGHT,
    MAKERS,
    OTHERS,
    PROBABILITY,
    REFERENCE,
    SHAPE,
    SPACING,
    SQUARE,
    SQUARE_MASK,
    cases,
    some_records,
    values,
)
from ipywidgets import Checkbox

from lungseg_utils import metrics
from lungseg_utils.augmentation import MILD
from lungseg_utils.phantom import explain
from lungseg_utils.teaching import plots, scenes, widgets
from lungseg_utils.teaching.scenes.frame import nothing
from lungseg_utils.unet import build_unet


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return some_records(tmp_path_factory.mktemp("widgets") / "set")


@pytest.fixture(params=MAKERS)
def maker(request, records):
    """A function that makes one of the widgets."""
    return lambda: MAKERS[request.param](records)


@pytest.fixture
def drawn(monkeypatch):
    """The texts of all scenes drawn from here on; the pixels, which take time, are left out."""
    texts = []

    def picture(figure, alt, caption):
        assert alt.strip() and caption.strip()
        texts.append((alt, caption))
        return plots.Picture(f"{len(texts)} {caption}", caption)

    monkeypatch.setattr(plots, "picture", picture)
    return texts


def test_every_control_draws_once_a_change_over_its_whole_range(maker, drawn):
    widget = maker()
    assert len(drawn) == 1
    for name, control in widget.controls.items():
        start = control.value
        for value in [*values(control), start]:
            count, changes = len(drawn), value != control.value
            control.value = value
            assert len(drawn) == count + changes, (name, value)
            assert not changes or widget.shown.value.startswith(f"{count + 1} ")


def test_controls_are_for_the_keyboard_and_their_names_are_whole(maker, drawn):
    widget = maker()
    assert isinstance(widget, ipywidgets.VBox)
    sliders, boxes, shown = widget.children
    assert [*sliders.children, *boxes.children] == list(widget.controls.values())
    assert shown is widget.shown
    for control in widget.controls.values():
        assert control.description
        assert getattr(control, "continuous_update", False) is False
        if not isinstance(control, Checkbox):
            assert len(control.description) <= 18  # 135 pixels hold as many
            assert control.style.description_width == "135px"


PLACES = (0.05, 0.95, 0.01)
SLIDERS = {  # least, largest and step, by title
    "RadiographBrowser": {"age, years": (0, 120, 1), "radiograph": (0, 3, 1)},
    "LayerStack": {"layers": (1, 22, 1)},
    "MaskOverlay": {"opacity": (0, 1, 0.05)},
    "ReceptiveField": {"row": (0, 1, 0.01), "column": (0, 1, 0.01), "depth": (0, 5, 1)},
    "AugmentationPreview": {"rotation, °": (0, 45, 1), "zoom": (0, 0.5, 0.01),
                            "shift": (0, 0.5, 0.01), "gamma": (0, 1.5, 0.05),
                            "contrast": (0, 1, 0.05), "noise": (0, 0.3, 0.01),
                            "seed": (0, 20, 1)},
    "LossExplorer": {"shift, px": (-16, 16, 1), "growth, px": (-6, 6, 1),
                     "confidence": (0.5, 0.99, 0.01)},
    "ThresholdExplorer": {"threshold": (0.01, 0.99, 0.01)},
    "YouAreTheBaseline": {f"image {side} {what}": (-30, 30, 1) if what == "tilt" else PLACES
                          for what in ("row", "column", "height", "width", "tilt")
                          for side in ("left", "right")},
    "FailureBrowser": {"worst to best": (0, 2, 1)},
    "WorkersExplorer": {"workers": (1, 64, 1), "MB a file": (0.2, 20, 0.2),
                        "folder, MB/s": (10, 1000, 10)},
    "ShardExplorer": {"files in a shard": (1, 80, 1), "killed after, s": (0, 80, 1)},
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_every_slider_has_its_range(name, records, drawn):
    controls = MAKERS[name](records).controls.values()
    sliders = [one for one in controls if hasattr(one, "step")]
    assert {one.description: (one.min, one.max, one.step) for one in sliders} == SLIDERS[name]


GIVEN = {  # what each scene is drawn of, by the names that the scene has for it
    "MaskOverlay": ("overlay", {"image": IMAGE, "image_left": IMAGE_LEFT,
                                "image_right": IMAGE_RIGHT, "spacing_mm": SPACING,
                                "opacity": 0.4, "style": "filled"}),
    "ReceptiveField": ("receptive_field", {"image": SQUARE, "row": 0.5, "column": 0.35,
                                           "depth": 4}),
    "AugmentationPreview": ("augmented", {"image": SQUARE, "mask": SQUARE_MASK,
                                          "augmentation": MILD, "seed": 0}),
    "LossExplorer": ("losses", {"shift": 4, "growth": 0, "confidence": 0.9}),
    "ThresholdExplorer": ("thresholded", {"image": IMAGE, "probability": PROBABILITY,
                                          "reference": REFERENCE, "spacing_mm": SPACING,
                                          "threshold": 0.5}),
    "YouAreTheBaseline": ("drawn_by_hand", {"image": IMAGE, "reference": REFERENCE,
                                            "spacing_mm": SPACING, "others": OTHERS,
                                            "image_left_lung": widgets.LUNGS["image_left"],
                                            "image_right_lung": widgets.LUNGS["image_right"],
                                            "reveal": False}),
    "WorkersExplorer": ("throughput", {"workers": 8, "seconds": 0.2, "megabytes": 1,
                                       "folder": 100}),
    "ShardExplorer": ("shards", {"size": 20, "killed_at": 50}),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_a_widget_shows_what_it_was_given(name, drawn, monkeypatch):
    """Each thing in its own place, and what the controls say."""
    scene, expected = GIVEN[name]
    signature, given = inspect.signature(getattr(scenes, scene)), []

    def noted(*values, **named):
        given.append(signature.bind(*values, **named).arguments)
        return nothing("a picture")

    monkeypatch.setattr(scenes, scene, noted)
    MAKERS[name](None)
    assert given[0].keys() == expected.keys()
    for part, value in expected.items():
        found = given[0][part]
        assert found is value if isinstance(value, np.ndarray) else found == value, part


def test_the_picture_comes_with_its_texts(maker):
    html = maker().shown.value
    assert html.startswith("<figure") and 'alt="' in html and "<figcaption" in html


# the browser of radiographs


def test_browser_shows_what_matches(records, drawn):
    browser = widgets.RadiographBrowser(records)
    controls = browser.controls
    controls["place"].value = 3
    assert records[3].name in drawn[-1][0] and "4 of 4" in drawn[-1][1]
    controls["sex"].value = "F"
    assert browser.chosen() == (records[0], records[3]) and controls["place"].max == 1
    assert records[3].name in drawn[-1][0] and "2 of 2" in drawn[-1][1]
    controls["label"].value = 0
    assert browser.chosen() == records[:1] and "1 of 1" in drawn[-1][1]
    controls["ages"].value = (28, 90)
    assert browser.chosen() == () and "No radiograph matches" in drawn[-1][1]
    controls["sex"].value, controls["label"].value = "", None
    assert browser.chosen() == (records[1], records[3]) and "1 of 2" in drawn[-1][1]
    controls["words"].value = "Effusion"
    assert browser.chosen() == records[1:2]
    controls["ages"].value = (0, 120)
    assert browser.chosen() == records[1:3]


def test_browser_of_no_records_says_so(drawn):
    widgets.RadiographBrowser([])
    assert "No radiograph matches" in drawn[-1][1]


# the layers of a radiograph


@pytest.fixture(scope="module")
def layers():
    """The layers of a small chest with disease."""
    return explain(0, 25, 64)


@pytest.fixture
def stack(layers):
    """The controls, which draw a sum as it is, scaled to the whole."""
    return widgets.LayerStack(layers, lambda total: total / 8)


def image(stack):
    """The radiograph that the stack draws, as an array."""
    return stack.scene(**stack.values()).figure.axes[0].images[0].get_array().data


def test_starts_with_the_first_layer(stack, layers):
    assert stack.chosen() == ["body"]
    assert (image(stack) == layers["body"] / 8).all()


def test_slider_at_its_end_shows_the_sum_of_all(stack, layers):
    stack.slider.value = stack.slider.max
    assert stack.chosen() == list(layers)
    assert (image(stack) == sum(layers.values()) / 8).all()


def test_a_box_takes_its_layer_out(stack, layers):
    stack.slider.value = stack.slider.max
    stack.boxes["lungs"].value = stack.boxes["spine"].value = False
    rest = [layer for name, layer in layers.items() if name not in ("lungs", "spine")]
    assert (image(stack) == sum(rest) / 8).all()


def test_boxes_above_the_slider_wait(stack, layers):
    stack.slider.value = 4
    assert [not box.disabled for box in stack.boxes.values()] == [
        place < 4 for place in range(len(layers))
    ]
    stack.boxes["foreign_objects"].value = False
    assert stack.chosen() == list(layers)[:4]


def test_nothing_chosen_is_nothing_in_the_way(stack):
    stack.boxes["body"].value = False
    assert stack.chosen() == [] and not image(stack).any()
    assert "radiograph of nothing" in stack.shown.value


def test_a_layer_is_told_with_its_strength(drawn):
    """Which is negative where it takes away, as air does in the body; alone it is white."""
    empty = np.zeros((64, 64), np.float32)
    air = empty.copy()
    air[20:30, 10:40] = -0.5
    air[40, 40] = 0.25
    layers = {"body": empty + 1, "air": air, "disease": empty}
    stack = widgets.LayerStack(layers, lambda total: total, (2.0, 1.0))
    stack.slider.value = 2
    alone = stack.scene(**stack.values()).figure.axes[1].images[0].get_array().data
    np.testing.assert_array_equal(alone, air / -0.5)
    for place, text in enumerate(("Body: +1.00", "Air: -0.50", "Disease: +0.00"), start=1):
        stack.slider.value = place
        assert text in drawn[-1][1]
    assert "The simulated radiograph of body, air, disease; beside it" in drawn[-1][0]


# the other controls


def test_augmentation_starts_mild(drawn):
    preview = widgets.AugmentationPreview(SQUARE, SQUARE_MASK)
    start = {name: value for name, value in preview.values().items() if name != "seed"}
    assert start == {name: getattr(MILD, name) for name in start}
    assert len(start) == 6


def test_receptive_field_starts_with_the_course_s_depth():
    assert widgets.ReceptiveField(SQUARE).controls["depth"].value == build_unet.__defaults__[2]


def test_threshold_moves_through_all_thresholds(drawn):
    slider = widgets.ThresholdExplorer(IMAGE, PROBABILITY, REFERENCE, SPACING).controls["threshold"]
    ends = slider.min, slider.max, slider.max - slider.min
    assert ends == pytest.approx((*scenes.THRESHOLDS[[0, -1]], 98 * slider.step))


def test_you_place_the_lungs_that_are_scored(drawn):
    you = widgets.YouAreTheBaseline(IMAGE, REFERENCE, SPACING, OTHERS)
    assert you.lungs() == tuple(widgets.LUNGS.values())
    assert 0.3 < metrics.dice(mask_of(you), REFERENCE) < 0.9
    best = {"row": 0.5, "column": 0.27, "height": 0.66, "width": 0.25, "tilt": 0}
    for name, value in best.items():
        you.controls[f"image_left_{name}"].value = value
        you.controls[f"image_right_{name}"].value = 0.73 if name == "column" else value
    dice = metrics.dice(mask_of(you), REFERENCE)
    assert dice > 0.85
    assert f"Dice {dice:.3f}" in drawn[-1][1] and "rank 2 of 4" in drawn[-1][1]


def mask_of(you):
    return np.logical_or(*(scenes.lung_mask(lung, SHAPE) for lung in you.lungs()))


def test_failures_are_sorted_by_any_score(drawn):
    browser = widgets.FailureBrowser(cases())
    assert browser.chosen() == browser.cases and "case 0, 1 of 3" in drawn[-1][1]
    browser.controls["place"].value = 2
    assert "case 2, 3 of 3" in drawn[-1][1]
    browser.controls["order"].value = "hd95_mm"
    assert [case.name for case in browser.chosen()] == ["case 0", "case 2"]
    assert "case 2, 2 of 2" in drawn[-1][1]
    browser.controls["order"].value = "dice"
    assert len(browser.chosen()) == 3


def test_no_failures_are_said_to_be_none(drawn):
    widgets.FailureBrowser([])
    assert "no case" in drawn[-1][1]
