"""Controls to play with: a figure of the course, moved by hand."""

from collections.abc import Callable

import ipywidgets
import numpy as np

from lungseg_utils import plots


class LayerStack(ipywidgets.VBox):
    """A slider that builds a radiograph layer by layer, and a box to take out each layer.

    Args: `layers`, the attenuation (height, width) of each part by name, from first to last;
        `develop`, which makes of a summed attenuation the image (height, width) in [0, 1];
        `spacing_mm`, the (row, column) size of a pixel, square without it.
    """

    def __init__(
        self,
        layers: dict[str, np.ndarray],
        develop: Callable[[np.ndarray], np.ndarray],
        spacing_mm: tuple[float, float] | None = None,
    ):
        self.layers, self.develop, self.spacing_mm = layers, develop, spacing_mm
        wide = ipywidgets.Layout(width="600px")
        self.slider = ipywidgets.IntSlider(
            1, 1, len(layers), description="layers", continuous_update=False, layout=wide
        )
        self.boxes = {name: _box(name) for name in layers}
        self.shown = ipywidgets.HTML()
        columns = ipywidgets.Layout(grid_template_columns="repeat(4, 1fr)", max_width="900px")
        grid = ipywidgets.GridBox(list(self.boxes.values()), layout=columns)
        super().__init__([self.slider, grid, self.shown])
        for control in (self.slider, *self.boxes.values()):
            control.observe(self._draw, "value")
        self._draw()

    def chosen(self) -> list[str]:
        """Names of the layers in the picture: those the slider has reached and whose box is on."""
        reached = list(self.layers)[: self.slider.value]
        return [name for name in reached if self.boxes[name].value]

    def image(self) -> np.ndarray:
        """The radiograph of the chosen layers, (height, width) in [0, 1]."""
        total = np.zeros_like(next(iter(self.layers.values())))
        return self.develop(sum((self.layers[name] for name in self.chosen()), total))

    def _draw(self, _=None) -> None:
        for place, box in enumerate(self.boxes.values()):
            box.disabled = place >= self.slider.value
        newest = list(self.layers)[self.slider.value - 1]
        layer, title = self.layers[newest], newest.replace("_", " ")
        strongest = layer.flat[np.abs(layer).argmax()]
        alone = layer / strongest if strongest else layer
        figure, panels = plots.canvas(1, 2, height=5.5)
        count = f"{len(self.chosen())} of {len(self.layers)} layers"
        plots.draw_image(panels[0], self.image(), self.spacing_mm, count)
        plots.draw_image(panels[1], alone, self.spacing_mm, f"the newest alone: {title}")
        parts = ", ".join(self.chosen()).replace("_", " ") or "nothing"
        alt = f"The simulated radiograph of {parts}; beside it {title} alone."
        caption = f"{title}: {strongest:+.2f} in the exponent where it is strongest."
        self.shown.value = plots.picture(figure, alt, caption.capitalize()).html


def _box(name: str) -> ipywidgets.Checkbox:
    narrow = ipywidgets.Layout(width="auto")
    title = name.replace("_", " ")
    return ipywidgets.Checkbox(True, description=title, indent=False, layout=narrow)
