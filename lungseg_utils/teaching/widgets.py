"""Controls to play with: a scene of the course, moved by hand.

Every control works by mouse and by keyboard, and each change draws the picture once.
"""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets
import numpy as np
from ipywidgets import Checkbox, FloatSlider, IntRangeSlider, IntSlider, Text, ToggleButtons

from lungseg_utils.teaching import plots, scenes
from lungseg_utils.teaching.scenes import Case, Lung, Scene
from lungseg_utils.types import Record, Spacing

AS_GIVEN = "as given"
LABEL_CHOICES = {"any": None, "normal": 0, "abnormal": 1}
# roughly there: the rest is the reader's
LUNGS = {"image_left": Lung(0.4, 0.3, 0.5, 0.2), "image_right": Lung(0.4, 0.7, 0.5, 0.2)}


class Explorer(ipywidgets.VBox):
    """Controls above a picture with its caption.

    Args: `scene`, called with the value of each control by its name; the controls by name.
    """

    def __init__(self, scene: Callable[..., Scene], controls: Mapping):
        self.scene, self.controls = scene, dict(controls)
        self.shown, self._settling = ipywidgets.HTML(), False
        boxes = [control for control in controls.values() if isinstance(control, Checkbox)]
        others = [control for control in controls.values() if control not in boxes]
        super().__init__([_grid(others, 290), _grid(boxes, 150), self.shown])
        for control in self.controls.values():
            control.observe(self._changed, "value")
        self._changed()

    def values(self) -> dict:
        """The value of each control by its name."""
        return {name: control.value for name, control in self.controls.items()}

    def settle(self) -> None:
        """Make the controls fit each other, before the picture is drawn."""

    def _changed(self, _=None) -> None:
        if self._settling:  # by a control that another one moved
            return
        self._settling = True
        try:
            self.settle()
            self.shown.value = plots.picture(*self.scene(**self.values())).html
        finally:
            self._settling = False


class Browser(Explorer):
    """A scene of one of those that a subclass has `chosen`, its place under the last slider."""

    def __init__(self, scene: Callable[[Sequence, int], Scene], title: str, **filters):
        # the caption says the place, counted from 1
        controls = {**filters, "place": _slider(IntSlider, title, 0, 0, 0, 1, readout=False)}
        super().__init__(lambda place, **_: scene(self.chosen(), place), controls)

    def settle(self) -> None:
        """Let the slider reach the last one that is chosen."""
        self.controls["place"].max = max(len(self.chosen()) - 1, 0)


class RadiographBrowser(Browser):
    """One radiograph after the other, of those that fit the filters."""

    def __init__(self, records: Sequence[Record]):
        self.records = tuple(records)
        sexes = sorted({record.sex for record in self.records} - {""})
        super().__init__(
            scenes.browse,
            "radiograph",
            sex=_choice("sex", [("any", ""), *zip(sexes, sexes, strict=True)]),
            label=_choice("label", list(LABEL_CHOICES.items())),
            ages=_slider(IntRangeSlider, "age, years", scenes.EVERY_AGE, *scenes.EVERY_AGE, 1),
            words=Text(description="in the reading", continuous_update=False, **_form()),
        )

    def chosen(self) -> tuple[Record, ...]:
        """The records that fit the filters."""
        filters = {name: value for name, value in self.values().items() if name != "place"}
        return scenes.matching(self.records, **filters)


class LayerStack(Explorer):
    """A slider that builds a radiograph layer by layer, from first to last, and a box to take out
    each layer; `layers` and `develop` are those of `scenes.layered`.
    """

    def __init__(
        self,
        layers: dict[str, np.ndarray],
        develop: Callable[[np.ndarray], np.ndarray],
        spacing_mm: Spacing | None = None,
    ):
        self.layers, self.develop, self.spacing_mm = layers, develop, spacing_mm
        self.slider = _slider(IntSlider, "layers", 1, 1, len(layers), 1)
        self.boxes = {name: _box(name.replace("_", " ")) for name in layers}
        super().__init__(self._draw, {"reached": self.slider, **self.boxes})

    def chosen(self) -> list[str]:
        """Names of the layers in the picture: those the slider has reached and whose box is on."""
        reached = list(self.layers)[: self.slider.value]
        return [name for name in reached if self.boxes[name].value]

    def settle(self) -> None:
        """Close the boxes that the slider has not reached."""
        for place, box in enumerate(self.boxes.values()):
            box.disabled = place >= self.slider.value

    def _draw(self, reached: int, **_) -> Scene:
        newest = list(self.layers)[reached - 1]
        return scenes.layered(self.layers, self.develop, self.chosen(), newest, self.spacing_mm)


class MaskOverlay(Explorer):
    """The masks of both lungs over a radiograph, as `scenes.overlay` takes them."""

    def __init__(self, image, image_left, image_right, spacing_mm=None):
        style = _choice("masks", ["filled", "outlines", "off"])
        controls = {"opacity": _slider(FloatSlider, "opacity", 0.4, 0, 1, 0.05), "style": style}
        given = image, image_left, image_right, spacing_mm
        super().__init__(lambda **state: scenes.overlay(*given, **state), controls)


class ReceptiveField(Explorer):
    """What one pixel's answer can depend on, for any pixel and depth."""

    def __init__(self, image: np.ndarray):
        controls = {
            "row": _slider(FloatSlider, "row", 0.5, 0, 1, 0.01),
            "column": _slider(FloatSlider, "column", 0.35, 0, 1, 0.01),
            "depth": _slider(IntSlider, "depth", 4, 0, 5, 1),
        }
        super().__init__(lambda **state: scenes.receptive_field(image, **state), controls)


class AugmentationPreview(Explorer):
    """Copies such as training draws, with the largest change of each kind under a slider."""

    def __init__(self, image: np.ndarray, mask: np.ndarray):
        self.image, self.mask = image, mask
        controls = {
            "rotation": _slider(FloatSlider, "rotation, °", 12, 0, 45, 1),
            "zoom": _slider(FloatSlider, "zoom", 0.15, 0, 0.5, 0.01),
            "shift": _slider(FloatSlider, "shift", 0.08, 0, 0.5, 0.01),
            "gamma": _slider(FloatSlider, "gamma", 0.4, 0, 1.5, 0.05),
            "contrast": _slider(FloatSlider, "contrast", 0.2, 0, 1, 0.05),
            "noise": _slider(FloatSlider, "noise", 0.03, 0, 0.3, 0.01),
            "seed": _slider(IntSlider, "seed", 0, 0, 20, 1),
        }
        super().__init__(self._draw, controls)

    def _draw(self, seed: int, **largest: float) -> Scene:
        from lungseg_utils.augmentation import Augmentation

        return scenes.augmented(self.image, self.mask, Augmentation(**largest), seed)


class LossExplorer(Explorer):
    """What the losses say of a prediction that is shifted, grown, or less sure."""

    def __init__(self):
        controls = {
            "shift": _slider(IntSlider, "shift, px", 4, -16, 16, 1),
            "growth": _slider(IntSlider, "growth, px", 0, -6, 6, 1),
            "confidence": _slider(FloatSlider, "confidence", 0.9, 0.5, 0.99, 0.01),
        }
        super().__init__(scenes.losses, controls)


class ThresholdExplorer(Explorer):
    """The scores and the mistakes of a probability at any threshold."""

    def __init__(self, image, probability, reference, spacing_mm=None):
        given = image, probability, reference, spacing_mm
        controls = {"threshold": _slider(FloatSlider, "threshold", 0.5, 0.01, 0.99, 0.01)}
        super().__init__(lambda threshold: scenes.thresholded(*given, threshold), controls)


class YouAreTheBaseline(Explorer):
    """Two lungs to place with sliders, scored and ranked among `others`, Dice by name."""

    def __init__(self, image, reference, spacing_mm, others: Mapping[str, float]):
        self.given, self.others = (image, reference, spacing_mm), others
        controls = {}
        for field in Lung._fields:
            low, high, step = (-30, 30, 1) if field == "tilt" else (0.05, 0.95, 0.01)
            for side, lung in LUNGS.items():
                title, value = f"{side.replace('_', ' ')} {field}", getattr(lung, field)
                controls[f"{side}_{field}"] = _slider(FloatSlider, title, value, low, high, step)
        controls["reveal"] = _box("show the reference", value=False)
        super().__init__(self._draw, controls)

    def lungs(self) -> tuple[Lung, Lung]:
        """The lungs as the sliders place them, at image left and at image right."""
        values = self.values()
        return tuple(Lung(*(values[f"{side}_{name}"] for name in Lung._fields)) for side in LUNGS)

    def _draw(self, reveal: bool, **_) -> Scene:
        return scenes.drawn_by_hand(*self.given, *self.lungs(), self.others, reveal)


class FailureBrowser(Browser):
    """Scored cases from the worst to the best, by any of their scores."""

    def __init__(self, cases: Sequence[Case]):
        self.cases = list(cases)
        names = dict.fromkeys(name for case in self.cases for name in case.scores)
        order = _choice("sorted by", [AS_GIVEN, *names])
        super().__init__(scenes.failure, "worst to best", order=order)

    def chosen(self) -> list[Case]:
        """The cases that have the score, in its order."""
        score = self.controls["order"].value
        return self.cases if score == AS_GIVEN else scenes.worst_first(self.cases, score)


class WorkersExplorer(Explorer):
    """What more workers bring, until the folder they read from can deliver no more."""

    def __init__(self, seconds: float = 0.1):
        controls = {
            "workers": _slider(IntSlider, "workers", 8, 1, 64, 1),
            "megabytes": _slider(FloatSlider, "MB a file", 1, 0.2, 20, 0.2),
            "folder": _slider(IntSlider, "folder, MB/s", 100, 10, 1000, 10),
        }
        super().__init__(lambda **state: scenes.throughput(seconds=seconds, **state), controls)


class ShardExplorer(Explorer):
    """What a killed worker costs, by the size of the shards and the second in which it happens."""

    def __init__(self):
        controls = {
            "size": _slider(IntSlider, "files in a shard", 20, 1, 80, 1),
            "killed_at": _slider(IntSlider, "killed after, s", 50, 0, 80, 1),
        }
        super().__init__(scenes.shards, controls)


def _grid(controls: Sequence, narrowest: int) -> ipywidgets.GridBox:
    columns = f"repeat(auto-fit, minmax({narrowest}px, 1fr))"
    look = {"grid_template_columns": columns, "max_width": "800px", "margin": "0 0 4px"}
    return ipywidgets.GridBox(controls, layout=ipywidgets.Layout(**look))


def _form() -> dict:
    return {"style": {"description_width": "135px"}, "layout": ipywidgets.Layout(width="auto")}


def _slider(kind, title: str, value, low: float, high: float, step: float, **more):
    limits = {"value": value, "min": low, "max": high, "step": step}
    return kind(description=title, continuous_update=False, **limits, **_form(), **more)


def _choice(title: str, options: Sequence) -> ToggleButtons:
    # no menu: JupyterLab takes its arrow keys; the class puts the title beside the buttons
    buttons = ToggleButtons(options=options, description=title, **_form())
    buttons.style.button_width = "auto"
    return buttons.add_class("widget-inline-hbox")


def _box(title: str, value: bool = True) -> Checkbox:
    return Checkbox(value, description=title, indent=False, layout=_form()["layout"])
