"""One simulated radiograph: the patient, the layers of attenuation, the film, the masks."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from . import acquisition, disease, objects, organs, physics, skeleton, tissue, vessels
from .canvas import View
from .person import Person, draw_label, draw_person, first_visit
from .ranges import RARE


@dataclass(frozen=True)
class Phantom:
    """A simulated radiograph and all that is known of it.

    `image`: uint8 (size, size), or uint16 where 12 bits were asked for, bone bright. `mask_left`,
    `mask_right`: bool (size, size), the lungs on the left and right side of the image. `age` in
    years, `label` 0 normal or 1 abnormal, native sizes in pixels of 0.0875 mm before the stretch
    to a square.
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


def file_name(index: int, label: int) -> str:
    """Name of a radiograph's files without .png, as in the Montgomery set."""
    return f"SIM_{index + 1:04d}_{label}"


def draw_kind(seed: int, index: int, shares: Mapping[str, float]) -> str:
    """One of `ranges.RARE`, each in its share, or "" for most; the same at each visit."""
    chances = [max(0.0, 1 - sum(shares.values())), *shares.values()]
    return str(
        np.random.default_rng([seed, first_visit(index), 4]).choice(["", *shares], p=chances)
    )


def position(
    seed: int, index: int, size: int | None, rng: np.random.Generator, kind: str = ""
) -> tuple:
    """Who stands where: (who, native (width, height), view, masks bool (2, height, width))."""
    who = draw_person(seed, index, rng, kind)
    native = acquisition.native_size(who, rng)
    view = acquisition.place(who, native, (size, size) if size else native[::-1])
    return who, native, view, both_lungs(who, view)


def both_lungs(who: Person, view: View, behind_heart: bool = False) -> np.ndarray:
    """Masks, bool (2, height, width); that of a lung that was removed is empty."""
    lungs = [organs.lung_area(who, side, view, behind_heart) for side in (-1, 1)]
    gone = who.side if who.kind == "lung removed" else 0
    return np.stack(lungs) & (np.array([-1, 1]) != gone)[:, None, None]


class Exposure:
    """One patient before the film, and what attenuates the beam.

    `who` and `view` say who stands where; `native` is (width, height) in pixels; `masks` bool
    (2, height, width); `reading` is what a radiologist would write.
    """

    def __init__(self, seed: int, index: int, size: int | None, kind: str = ""):
        self.rng = np.random.default_rng([seed, index])
        self.who, self.native, self.view, self.masks = position(seed, index, size, self.rng, kind)
        self.label, self.reading, self.disease = draw_label(seed, index, kind), "normal", 0.0
        self.cavity = tissue.cavity_path(self.who)
        self.path = self.view.carry(self.cavity)
        self.fillings = tissue.fillings(self.who, self.view, self.path, self.masks.any(0))
        self.air = self.path.clip(4) * self.masks.any(0)
        self.air = self.air + self.fillings["hidden_lung"] / tissue.LUNG
        if self.label:
            chest = disease.Chest(self.who, self.view, self.masks, self.air, self.rng)
            self.disease, self.reading = disease.draw_disease(chest)
            self.air = self.air * chest.marked
        first = first_visit(index)
        if first != index:
            self.reading += f" (same pt as {file_name(first, draw_label(seed, first))})"

    def layers(self) -> Iterator[tuple[str, np.ndarray]]:
        """The attenuation of each part, float32 (height, width), one after the other."""
        who, view, rng, lungs = self.who, self.view, self.rng, self.masks.any(0)
        yield "body", tissue.body(who, view, self.cavity)
        yield "muscles", tissue.muscles(who, view)
        yield "breasts", tissue.breasts(who, view)
        yield "lungs", tissue.aerated_lungs(self.path, lungs)
        yield from self.fillings.items()
        yield "airways", tissue.airways(who, view)
        airy = self.air / self.path.clip(1)
        haze = tissue.haze(who, view, self.air)
        yield "hila", haze + vessels.hila(who, view) * airy
        yield "vessels", vessels.vessels(who, view, rng) * airy
        yield "interstitium", tissue.grain(who, view, rng, self.path) * lungs
        yield "belly_gas", tissue.belly_gas(who, view, rng)
        yield "posterior_ribs", skeleton.posterior_ribs(who, view)
        yield "anterior_ribs", skeleton.anterior_ribs(who, view)
        yield "rib_cage_edge", skeleton.rib_cage_edge(who, view)
        yield "clavicles", skeleton.clavicles(who, view)
        yield "scapulae", skeleton.scapulae(who, view)
        yield "arms", skeleton.arm_bones(who, view)
        yield "spine", skeleton.spine(who, view, rng)
        yield "disease", np.zeros(view.shape, np.float32) + self.disease
        yield "foreign_objects", objects.foreign_objects(who, view, rng)


def explain(
    seed: int, index: int = 0, size: int | None = 512, kind: str = ""
) -> dict[str, np.ndarray]:
    """The attenuation of each part of the chest, whose sum the X-rays meet.

    Args: seed, index and kind name the radiograph, size is its width and height in pixels; None
        for the native size.
    Returns: float32 arrays (size, size) by name, path length times attenuation, no unit. "lungs"
        is above 0 exactly where a mask of `simulate(seed, index, size)` is True; "airways" and
        "belly_gas" are below 0, air where soft tissue was counted; "interstitium" is so in places,
        and "disease" where a lung has come off the chest wall.
    """
    return dict(Exposure(seed, index, size, kind).layers())


def simulate(
    seed: int,
    index: int,
    size: int | None = 512,
    bits: int = 8,
    without: Collection[str] = (),
    kind: str = "",
    lung_behind_heart: bool = False,
) -> Phantom:
    """One simulated chest radiograph with exact lung masks.

    Args: seed names the set, index the radiograph in it, size is width and height in pixels, or
        None for the native size, 4020 x 4892 or 4892 x 4020; bits of grey, 8 or 12; without, parts
        named as by `explain` that are left out, of a patient who is otherwise the same; kind, "" or
        one of `ranges.RARE`, such as "bedside"; lung_behind_heart, whether the masks count the
        lung that heart and aorta hide, which the Montgomery set's do not. The picture is the same.
    Returns: the radiograph, the same for the same arguments on any machine.
    Raises: ValueError if size is below 64, bits is neither 8 nor 12, or the kind is not known.
    """
    if size is not None and size < 64:
        raise ValueError(f"a radiograph of {size} pixels shows nothing: use a size of 64 or more")
    if bits not in (8, 12):
        raise ValueError(f"{bits} bits of grey: use 8 or 12")
    if kind and kind not in RARE:
        raise ValueError(f"no kind of radiograph is called {kind}: use one of {', '.join(RARE)}")
    exposure = Exposure(seed, index, size, kind)
    total = np.zeros(exposure.view.shape, np.float32)
    for name, layer in exposure.layers():
        if name not in without:
            total += layer
    lungs, view, rng = exposure.masks.any(0), exposure.view, exposure.rng
    picture = physics.expose(total.clip(0), lungs, view, rng, kind == "inverted")
    acquisition.borders(picture, lungs, rng)
    acquisition.marks(picture, rng, exposure.who.kind)
    image = np.round(picture * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    known = exposure.who.age, exposure.who.sex, exposure.label, exposure.reading
    masks = both_lungs(exposure.who, view, True) if lung_behind_heart else exposure.masks
    return Phantom(image, *masks, *known, *exposure.native)
