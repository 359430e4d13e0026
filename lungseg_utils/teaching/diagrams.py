"""The picture of a network, drawn from the network itself."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lungseg_utils.teaching.plots import BLUE, GREY, ORANGE, canvas

# a layer of one of these kinds begins a new stage
WAYS = {"InputLayer": "down", "MaxPooling2D": "down", "Conv2DTranspose": "up"}


class Stage(NamedTuple):
    """One block of a U-Net: its way (down, up or out), its output, and its parameters."""

    way: str
    side: int  # of the square image, in pixels
    channels: int
    parameters: int


def stages(model) -> list[Stage]:
    """The blocks of a U-Net made by `build_unet`, in the order in which an image passes them."""
    found: list[Stage] = []
    for layer in model.layers:
        way = "out" if layer is model.layers[-1] else WAYS.get(type(layer).__name__)
        if way:
            found.append(Stage(way, 0, 0, 0))
        _, side, _, channels = layer.output.shape
        last = found[-1]
        found[-1] = Stage(last.way, side, channels, last.parameters + layer.count_params())
    return found


def draw_unet(model) -> Figure:
    """A U-Net made by `build_unet` as a U: taller blocks have more pixels, wider more channels."""
    blocks = stages(model)
    levels = [round(np.log2(blocks[0].side / block.side)) for block in blocks]
    deepest = max(levels)
    figure, axes = canvas(width=9.0, height=deepest + 1.8)
    pairs = enumerate(zip(levels, blocks, strict=True))
    boxes = [_draw_block(axes, place, *pair) for place, pair in pairs]
    for place in range(1, len(blocks)):
        if blocks[place].way == "up":
            skip = boxes[levels.index(levels[place])]
            _draw_arrow(axes, skip, boxes[place], ORANGE, "--")
        _draw_arrow(axes, boxes[place - 1], boxes[place], GREY, "-")
    for level, block in enumerate(blocks[: deepest + 1]):
        axes.text(-0.7, -level, f"{block.side} x {block.side}", ha="right", va="center")
    axes.plot([], [], color=GREY, label="next step: pool, or enlarge")
    axes.plot([], [], "--", color=ORANGE, label="skip connection")
    axes.set(xlim=(-1.7, len(blocks) - 0.5), ylim=(-deepest - 0.5, 0.7))
    axes.legend(loc="lower right", frameon=False)
    axes.set_axis_off()
    return figure


def _draw_block(axes: Axes, place: int, level: int, block: Stage) -> Rectangle:
    width, height = 0.05 * np.log2(2 * block.channels), 0.085 * np.log2(block.side)
    box = Rectangle((place - width / 2, -level - height / 2), width, height, color=BLUE)
    axes.text(place, -level + height / 2 + 0.03, str(block.channels), ha="center", va="bottom")
    return axes.add_patch(box)


def _draw_arrow(axes: Axes, start: Rectangle, end: Rectangle, colour: str, style: str) -> None:
    """An arrow from one block's right side, towards its top if it goes up, to the other's left."""
    (_, y), (_, end_y) = start.get_center(), end.get_center()
    lean = np.sign(round(end_y - y)) / 3
    tail = start.get_corners()[2][0] + 0.06, y + lean * start.get_height()
    tip = end.get_x() - 0.06, end_y - lean * end.get_height()
    arrow = {"arrowstyle": "->", "color": colour, "linestyle": style, "linewidth": 1.5}
    axes.annotate("", tip, tail, arrowprops=arrow)
