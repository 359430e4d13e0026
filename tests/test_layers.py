"""The layers of a radiograph under a slider and boxes: the picture is the sum of what is chosen."""

import numpy as np
import pytest

from lungseg_utils.phantom import explain
from lungseg_utils.widgets import LayerStack


@pytest.fixture(scope="module")
def layers():
    """The layers of a small chest with disease."""
    return explain(0, 25, 64)


@pytest.fixture
def stack(layers):
    """The controls, which draw a sum as it is, scaled to the whole."""
    return LayerStack(layers, lambda total: total / 8)


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


def test_every_change_is_drawn_once_with_its_texts(layers):
    drawn = []
    stack = LayerStack(layers, lambda total: drawn.append(1) or total / 8)
    stack.slider.value = 9
    names = ", ".join(layers).replace("_", " ").split(", ")[:9]
    assert len(drawn) == 2
    assert f'alt="The simulated radiograph of {", ".join(names)}; beside it' in stack.shown.value


def test_captions_tell_adding_from_taking_away():
    empty = np.zeros((64, 64), np.float32)
    layers = {"body": empty + 1, "air": empty - 0.5, "disease": empty}
    stack = LayerStack(layers, lambda total: total, (2.0, 1.0))
    for place, text in enumerate(("Body: +1.00", "Air: -0.50", "Disease: +0.00"), start=1):
        stack.slider.value = place
        assert text in stack.shown.value
