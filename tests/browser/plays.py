"""What is done to each widget, and the plain call that must give the same picture."""

from dataclasses import dataclass
from typing import Any, NamedTuple


class Move(NamedTuple):
    """A control by its title, "control: button" if it has several; the keys pressed on it; and what
    they make of the state.
    """

    title: str
    keys: tuple[str, ...]
    change: dict[str, Any]


@dataclass(frozen=True)
class Play:
    """Moves in the order in which Tab reaches the controls; every control is moved.

    `call` is evaluated in the notebook, with the names as they were when the widget was made and
    the names of the state; `start` is the state that the widget begins with.
    """

    notebook: str
    widget: str
    call: str
    start: dict[str, Any]
    moves: tuple[Move, ...]


RIGHT, LEFT, END, SPACE = "ArrowRight", "ArrowLeft", "End", "Space"
BROWSE = Play(
    "01_reading_the_data",
    "RadiographBrowser",
    "scenes.browse(scenes.matching(course.records, sex, label, ages, words), place)",
    {"sex": "", "label": None, "ages": (0, 120), "words": "", "place": 0},
    (
        Move("sex: F", (SPACE,), {"sex": "F"}),
        Move("label: abnormal", (SPACE,), {"label": 1}),
        Move("age, years", ("PageUp",) * 4, {"ages": (20, 120)}),
        Move("age, years: upper", ("PageDown",) * 14, {"ages": (20, 50)}),
        Move("in the reading", (*"INFILTRATE", "Enter"), {"words": "infiltrate"}),
        Move("radiograph", (RIGHT,), {"place": 1}),
        Move("radiograph", (END,), {"place": 5}),
    ),
)
PARTS = [
    "body",
    "muscles",
    "breasts",
    "lungs",
    "heart",
    "mediastinum",
    "belly",
    "hidden_lung",
    "airways",
    "hila",
    "vessels",
    "interstitium",
    "belly_gas",
    "posterior_ribs",
    "anterior_ribs",
    "rib_cage_edge",
    "clavicles",
    "scapulae",
    "arms",
    "spine",
    "disease",
    "foreign_objects",
]
LAYERS = Play(
    "01_reading_the_data",
    "LayerStack",
    "scenes.layered(layers, develop, [name for name in list(layers)[:reached] "
    "if name not in without], list(layers)[reached - 1], tall)",
    {"reached": 1, "without": ()},
    (
        Move("layers", (RIGHT,) * 3, {"reached": 4}),
        Move("layers", (END,), {"reached": len(PARTS)}),
        *(
            Move(name.replace("_", " "), (SPACE,), {"without": tuple(PARTS[: place + 1])})
            for place, name in enumerate(PARTS)
        ),
    ),
)
CROSS = Play(
    "01_reading_the_data",
    "Explorer",
    "attenuation_at(row, column)",
    {"row": 0.55, "column": 0.62},
    (
        Move("row", (RIGHT,), {"row": 0.56}),
        Move("column", (LEFT, LEFT), {"column": 0.6}),
        Move("column", ("Home",), {"column": 0}),
    ),
)
MASKS = Play(
    "02_merging_the_masks",
    "MaskOverlay",
    "scenes.overlay(*both, opacity, style)",
    {"style": "filled", "opacity": 0.4},
    (
        Move("opacity", (RIGHT, RIGHT), {"opacity": 0.5}),
        Move("masks: outlines", (SPACE,), {"style": "outlines"}),
    ),
)
FIELD = Play(
    "03_building_the_unet",
    "ReceptiveField",
    "scenes.receptive_field(image, row, column, depth)",
    {"row": 0.5, "column": 0.35, "depth": 4},
    (
        Move("row", (RIGHT,), {"row": 0.51}),
        Move("column", (LEFT, LEFT), {"column": 0.33}),
        Move("depth", (LEFT,), {"depth": 3}),
        Move("depth", ("Home",), {"depth": 0}),
    ),
)
COPIES = Play(
    "04_training_on_a_gpu",
    "AugmentationPreview",
    "scenes.augmented(image, mask, type(recipe.augmentation)("
    "rotation, zoom, shift, gamma, contrast, noise), seed)",
    {
        "rotation": 12,
        "zoom": 0.15,
        "shift": 0.08,
        "gamma": 0.4,
        "contrast": 0.2,
        "noise": 0.03,
        "seed": 0,
    },
    (
        Move("rotation, °", (END,), {"rotation": 45}),
        Move("zoom", (RIGHT,), {"zoom": 0.16}),
        Move("shift", (LEFT,), {"shift": 0.07}),
        Move("gamma", (RIGHT,), {"gamma": 0.45}),
        Move("contrast", (END,), {"contrast": 1}),
        Move("noise", (RIGHT,), {"noise": 0.04}),
        Move("seed", (RIGHT,), {"seed": 1}),
    ),
)
LOSSES = Play(
    "04_training_on_a_gpu",
    "LossExplorer",
    "scenes.losses(shift, growth, confidence)",
    {"shift": 4, "growth": 0, "confidence": 0.9},
    (
        Move("shift, px", (LEFT,), {"shift": 3}),
        Move("growth, px", (RIGHT, RIGHT), {"growth": 2}),
        Move("confidence", (END,), {"confidence": 0.99}),
    ),
)
THRESHOLD = Play(
    "05_measuring_with_metrics",
    "ThresholdExplorer",
    "scenes.thresholded(*first, threshold)",
    {"threshold": 0.5},
    (
        Move("threshold", (RIGHT,), {"threshold": 0.51}),
        Move("threshold", ("Home",), {"threshold": 0.01}),
        Move("threshold", (END,), {"threshold": 0.99}),
    ),
)
SIDES, FIELDS = ("image_left", "image_right"), ("row", "column", "height", "width", "tilt")
UNMOVED = (0.4, 0.3, 0.5, 0.2, 0), (0.4, 0.7, 0.5, 0.2, 0)
PLACED = {
    f"{side}_{field}": value
    for side, lung in zip(SIDES, UNMOVED, strict=True)
    for field, value in zip(FIELDS, lung, strict=True)
}
LUNGS = ", ".join(
    f"scenes.Lung({', '.join(f'{side}_{field}' for field in FIELDS)})" for side in SIDES
)
HAND = Play(
    "06_reading_the_results",
    "YouAreTheBaseline",
    f"scenes.drawn_by_hand(image, reference, record.spacing_mm, {LUNGS}, others, reveal)",
    {**PLACED, "reveal": False},
    (
        *(
            Move(f"{side} {field}".replace("_", " "), (RIGHT,), {f"{side}_{field}": value})
            for field, values in zip(
                FIELDS,
                ((0.41, 0.41), (0.31, 0.71), (0.51, 0.51), (0.21, 0.21), (1, 1)),
                strict=True,
            )
            for side, value in zip(SIDES, values, strict=True)
        ),
        Move("show the reference", (SPACE,), {"reveal": True}),
    ),
)
FAILURES = Play(
    "06_reading_the_results",
    "FailureBrowser",
    "scenes.failure(scenes.worst_first(cases, order) if order else cases, place)",
    {"order": "", "place": 0},
    (
        Move("sorted by: precision", (SPACE,), {"order": "precision"}),
        Move("sorted by: recall", ("Enter",), {"order": "recall"}),
        Move("worst to best", (RIGHT,), {"place": 1}),
        Move("worst to best", (RIGHT,), {"place": 2}),
    ),
)
MORE = Play(
    "09_outgrowing_one_computer",
    "WorkersExplorer",
    "scenes.throughput(workers, cost.sum(), megabytes, folder)",
    {"workers": 8, "megabytes": 1, "folder": 100},
    (
        Move("workers", (RIGHT,), {"workers": 9}),
        Move("MB a file", (END,), {"megabytes": 20}),
        Move("folder, MB/s", (RIGHT,), {"folder": 110}),
    ),
)
SHARDS = Play(
    "09_outgrowing_one_computer",
    "ShardExplorer",
    "scenes.shards(size, killed_at)",
    {"size": 20, "killed_at": 50},
    (
        Move("files in a shard", (END,), {"size": 80}),
        Move("killed after, s", (RIGHT,), {"killed_at": 51}),
    ),
)
PLAYS = (
    COPIES, LOSSES, HAND, FAILURES, BROWSE, LAYERS, CROSS, FIELD, THRESHOLD, MASKS, MORE, SHARDS,
)  # fmt: skip
