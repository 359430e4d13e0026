"""One simulated radiograph: the patient, the layers of attenuation, the film, the masks."""

from dataclasses import dataclass

import numpy as np

from . import acquisition, disease, objects, organs, physics, skeleton, tissue, vessels
from .canvas import View
from .person import Person, draw_label, draw_person, first_visit


@dataclass(frozen=True)
class Phantom:
    """A simulated radiograph and all that is known of it.

    `image`: uint8 (size, size), bone bright. `mask_left`, `mask_right`: bool (size, size), the
    lungs on the left and right side of the image. `age` in years, `label` 0 normal or 1
    abnormal, native sizes in pixels of 0.0875 mm before the stretch to a square.
    """

    image: np.ndarray
    mask_left: np.ndarray
    mask_right: np.ndarray
    age: float
    sex: str
    label: int
    reading: str
    native_width: int
    native_height: int


@dataclass(frozen=True)
class Scene:
    """A patient before the film: who, the view, masks (2, size, size), layers and reading."""

    who: Person
    view: View
    native: tuple[int, int]
    masks: np.ndarray
    layers: dict[str, np.ndarray]
    reading: str


def file_name(index: int, label: int) -> str:
    """Name of a radiograph's files without .png, as in the Montgomery set."""
    return f"SIM_{index + 1:04d}_{label}"


def build_layers(
    who: Person, view: View, masks: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The attenuation of each part of a healthy chest, float32 (size, size)."""
    cavity = tissue.cavity_path(who)
    path, lungs = view.carry(cavity), masks.any(0)
    layers = {
        "body": tissue.body(who, view, cavity),
        "breasts": tissue.breasts(who, view),
        "lungs": tissue.lungs(path, lungs),
        **tissue.fillings(who, view, path, lungs),
        "airways": tissue.airways(who, view),
        "belly_gas": tissue.belly_gas(who, view, rng),
        "posterior_ribs": skeleton.posterior_ribs(who, view),
        "anterior_ribs": skeleton.anterior_ribs(who, view),
        "rib_cage_edge": skeleton.rib_cage_edge(who, view),
        "clavicles": skeleton.clavicles(who, view),
        "scapulae": skeleton.scapulae(who, view),
        "arms": skeleton.arm_bones(who, view),
        "spine": skeleton.spine(who, view, rng),
        "foreign_objects": objects.foreign_objects(who, view, rng),
    }
    air = (layers["lungs"] + layers["hidden_lung"]) / tissue.LUNG / path.clip(1)
    layers["hila"] = vessels.hila(who, view) * air
    layers["vessels"] = vessels.vessels(who, view, rng) * air
    layers["interstitium"] = tissue.grain(who, view, rng, path) * lungs
    return layers


def levels(view: View, height: float) -> np.ndarray:
    """Height of each pixel below the apex as a share of `height` mm, float32 (size, size)."""
    rows, columns = np.indices(view.shape, dtype=np.float32)
    inverse = np.linalg.inv(view.matrix[:, :2]).astype(np.float32)
    x, y = columns - np.float32(view.matrix[0, 2]), rows - np.float32(view.matrix[1, 2])
    return (inverse[1, 0] * x + inverse[1, 1] * y) / np.float32(height)


def stand(seed: int, index: int, size: int, rng: np.random.Generator) -> tuple:
    """The patient before the film: (who, native size, view, masks), masks bool (2, size, size)."""
    who = draw_person(seed, index, rng)
    native = acquisition.native_size(who, rng)
    view = acquisition.place(who, native, size)
    return who, native, view, np.stack([organs.lung_mask(who, side, view) for side in (-1, 1)])


def build_scene(seed: int, index: int, size: int, rng: np.random.Generator) -> Scene:
    """Patient, masks and layers of one radiograph, disease included."""
    who, native, view, masks = stand(seed, index, size, rng)
    layers, reading = build_layers(who, view, masks, rng), "normal"
    layers["disease"] = np.zeros(view.shape, np.float32)
    if draw_label(seed, index):
        path = (layers["lungs"] + layers["hidden_lung"]) / tissue.LUNG
        chest = disease.Chest(who, view, masks, path, levels(view, who.H), rng)
        layers["disease"], reading = disease.draw_disease(chest)
    first = first_visit(index)
    if first != index:
        reading += f" (same pt as {file_name(first, draw_label(seed, first))})"
    return Scene(who, view, native, masks, layers, reading)


def explain(seed: int, index: int = 0, size: int = 512) -> dict[str, np.ndarray]:
    """The attenuation of each part of the chest, whose sum the X-rays meet.

    Args: seed and index name the radiograph, size is its width and height in pixels.
    Returns: float32 arrays (size, size) by name, path length times attenuation, no unit. "lungs"
        is above 0 exactly where a mask of `simulate(seed, index, size)` is True; "airways" and
        "belly_gas" are below 0, air where soft tissue was counted.
    """
    return build_scene(seed, index, size, np.random.default_rng([seed, index])).layers


def simulate(seed: int, index: int, size: int = 512) -> Phantom:
    """One simulated chest radiograph with exact lung masks.

    Args: seed names the set, index the radiograph in it, size is width and height in pixels.
    Returns: the radiograph, the same for the same arguments on any machine.
    Raises: ValueError if size is below 64.
    """
    if size < 64:
        raise ValueError(f"a radiograph of {size} pixels shows nothing: use a size of 64 or more")
    rng = np.random.default_rng([seed, index])
    scene = build_scene(seed, index, size, rng)
    total = sum(scene.layers.values())
    picture = physics.expose(total.clip(0), scene.masks.any(0), scene.view, rng)
    lowest = np.flatnonzero(scene.masks.any((0, 2))).max()
    acquisition.borders(picture, lowest, rng)
    acquisition.marks(picture, rng)
    image = np.round(picture * 255).astype(np.uint8)
    return Phantom(
        image,
        scene.masks[0],
        scene.masks[1],
        scene.who.age,
        scene.who.sex,
        draw_label(seed, index),
        scene.reading,
        *scene.native,
    )
