"""Who is radiographed and how they stand: everything drawn at random about the anatomy."""

from dataclasses import dataclass

import numpy as np

from .canvas import Bend, Y
from .ranges import (
    ANNOTATOR,
    BEND,
    EDGE_LEVEL,
    EDGE_WIDTH,
    HABITS,
    MOMENT,
    PERSON,
    RANGES,
    SHARES,
    WAVES,
)

# In every block of 138 radiographs these (index: index of the first one) show a patient again.
BLOCK = 138
AGAIN = {7: 4, 22: 17, 29: 17, 101: 95}

ABNORMAL_KINDS = "white lung", "lung removed", "pneumothorax"
GROWN = (0, 1, 4, 15.2), (0.36, 0.47, 0.632, 1.0)  # years; size relative to an adult
BREADTH = 0.45  # power by which the chest widens with its height, from the Montgomery masks

# Draws in mm that grow with the body.
GROW = (
    "muscle", "haze_reach", "wall", "neck", "arm", "shoulder", "aortic_knob", "rib_width", "vessel",
    "clavicle_width", "mediastinum_right", "mediastinum_left", "vertebra_width", "trachea_width",
)  # fmt: skip


def first_visit(index: int) -> int:
    """Index of the same patient's first radiograph (the index itself for most)."""
    block, place = divmod(index, BLOCK)
    return block * BLOCK + AGAIN.get(place, place)


def draw_label(seed: int, index: int, kind: str = "") -> int:
    """1 (abnormal) for 42 % of the indices, evenly spread; patients seen again are all abnormal,
    and so are those of `ABNORMAL_KINDS`.
    """
    if index % BLOCK in {*AGAIN, *AGAIN.values()} or kind in ABNORMAL_KINDS:
        return 1
    golden = (index * 0.6180339887 + np.random.default_rng([seed]).random()) % 1
    return int(golden < SHARES["abnormal"] - 0.02)


@dataclass(frozen=True)
class Person:
    """One patient at one moment; `p` holds the draws of `ranges.PERSON` and `ranges.MOMENT`.

    H (mm) is the height of the lungs, half (mm) half the width of the chest, grown (relative to
    an adult) the size of a child, habit a name of `ranges.HABITS` or "", kind one of `ranges.RARE`
    or "", side (-1 left of the picture, 1 right) where that kind shows.
    """

    sex: str
    age: float
    grown: float
    H: float
    half: float
    p: dict[str, float]
    bend: Bend
    habit: str
    kind: str = ""
    side: int = 1

    def __getattr__(self, name: str) -> float:
        try:
            return self.__dict__["p"][name]
        except KeyError:
            raise AttributeError(name) from None

    def edge(self, y: np.ndarray) -> np.ndarray:
        """Half width of the chest cavity, in mm, at heights y in mm below the apex."""
        level = np.asarray(y) / self.H
        width = np.interp(level, EDGE_LEVEL, EDGE_WIDTH, left=0.0)
        top = 1 + (self.apex_width - 1) * np.exp(-np.clip(level, 0, None) / 0.15)
        return self.half * width * top * (1 - self.barrel * (level - 0.6))

    def depth(self, y: np.ndarray) -> np.ndarray:
        """Half depth of the chest cavity, in mm, at heights y in mm below the apex."""
        level = (np.asarray(y) / self.H).clip(0, 1)
        return self.half * self.chest_depth * np.sqrt(1 - (1 - (level / 0.55).clip(0.02, 1)) ** 2)

    def middle(self, y: np.ndarray) -> np.ndarray:
        """x of the spine, in mm, at heights y in mm below the apex."""
        return self.scoliosis * np.sin(np.asarray(y) / self.H * 3.0)


def draw_age(rng: np.random.Generator, kind: str = "") -> float:
    """Years; about one in eight is a child, as in the Montgomery set."""
    if kind == "lying child":
        return RANGES[kind]["age"].even(rng)
    child = rng.random() < 0.12
    return int(rng.integers(4, 17)) if child else int(np.clip(rng.normal(42, 17), 17, 89))


def draw_habit(rng: np.random.Generator) -> str:
    """One of `ranges.HABITS`, or for most patients none."""
    return str(rng.choice(list(HABITS))) if rng.random() < SHARES["habitual"] else ""


def draw_bend(rng: np.random.Generator, grown: float) -> Bend:
    """What makes this body's shape its own: a few smooth waves that bend it all."""
    angle = rng.uniform(0, 2 * np.pi, WAVES)
    length = [BEND["wavelength"].draw(rng) * grown for _ in range(WAVES)]
    wave = np.column_stack([np.cos(angle), np.sin(angle)]) * (2 * np.pi / np.array(length))[:, None]
    size = rng.standard_normal((WAVES, 2))
    strain = (np.linalg.norm(size, axis=1) * np.linalg.norm(wave, axis=1)).sum()
    size *= BEND["strain"].draw(rng) / strain
    return Bend(size, wave, rng.uniform(0, 2 * np.pi, WAVES))


def draw_person(seed: int, index: int, rng: np.random.Generator, kind: str = "") -> Person:
    """The patient of radiograph `index`: `rng` draws the moment, (seed, first visit) the rest; of
    a `kind` of `ranges.RARE`.
    """
    body = np.random.default_rng([seed, first_visit(index), 1])
    sex, age = "MF"[int(body.random() < 0.48)], draw_age(body, kind)
    p = {name: limits.draw(body) for name, limits in PERSON.items()}
    p |= {name: limits.draw(rng) for name, limits in MOMENT.items()}
    habit = draw_habit(body) if draw_label(seed, index) and age > 16 else ""
    p |= {name: limits.draw(body) for name, limits in HABITS.get(habit, {}).items()}
    side = 1
    hand = np.random.default_rng([seed, index, 2])
    p |= {name: limits.draw(hand) for name, limits in ANNOTATOR.items()}
    if kind:
        rare = np.random.default_rng([seed, first_visit(index), 3])
        side = int(rare.choice((-1, 1)))
        p |= {name: limits.draw(rare) for name, limits in RANGES.get(kind, {}).items()}
        towards = kind == "lung removed" or rare.random() < SHARES["pulled"]
        p["turn"] += (side if towards else -side) * p.get("shift", 0.0)
        if kind == "bent spine":
            p["scoliosis"] *= side
        if kind == "prostheses":
            sex, age = "F", max(age, 18)
    later = index != first_visit(index) and rng.random() < 0.4
    grown = float(np.interp(age, *GROWN))
    size = grown * (0.95 if sex == "F" and age > 13 else 1.0)
    for name in GROW:
        p[name] *= size
    p["aortic_knob"] *= 0.84 + 0.004 * age
    if sex == "M" or age < 13:
        p["breast_depth"] *= 0.12
    height = p["lung_height"] * size * p["inspiration"]
    average = sum(PERSON["lung_height"][:2]) / 2
    broad = (p["lung_height"] / average) ** BREADTH
    half = p["chest_width"] * broad * size / 2 * p["inspiration"] ** -0.3
    return Person(
        sex, float(age + later), size, height, half, p, draw_bend(body, size), habit, kind, side
    )


LEVEL = Y[:, 0]  # mm below the apex of each row of the smooth grid
