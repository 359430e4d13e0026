"""Things on or in the patient that the beam meets: leads, a pacemaker, a necklace, buttons."""

import numpy as np

from .canvas import View, ellipse, ribbon, smooth
from .person import Person
from .ranges import FOREIGN, OBJECTS, PACED_RIGHT

METAL = 1.6  # attenuation of wires and thin metal parts


def lead(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """Electrodes with their wires, running off to one side."""
    layer = np.zeros(view.shape, np.float32)
    for side in (-1, 1):
        x = side * who.half * OBJECTS["lead_x"].even(rng)
        spot = np.array([x, who.H * OBJECTS["lead_level"].even(rng)])
        way = np.linspace(0, 1, 5)[:, None] * [side * OBJECTS["lead_aside"].even(rng), -1.2 * who.H]
        wire = smooth(spot + way + rng.normal(0, 9, (5, 2)) * [[0], [1], [1], [1], [1]])
        layer += 0.5 * view.fill(ribbon(wire, 1.4)) + 0.8 * view.fill(ellipse(spot, (4, 4)))
    return METAL * layer


def pacemaker(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """The generator under one collar bone and its wire to the heart."""
    side = rng.choice((-1, 1), p=(PACED_RIGHT, 1 - PACED_RIGHT))
    box = np.array([side * who.half * 0.72, who.H * OBJECTS["pacemaker_level"].even(rng)])
    wire = smooth(
        [
            box,
            [side * 40, 0.10 * who.H],
            [-8, 0.25 * who.H],
            [-24, 0.55 * who.H],
            [0, 0.74 * who.H],
            [30, 0.78 * who.H],
        ]
    )
    return METAL * (2 * view.fill(ellipse(box, (21, 19))) + 0.7 * view.fill(ribbon(wire, 1.8)))


def necklace(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """A fine chain that was not taken off."""
    drop = who.H * OBJECTS["necklace_drop"].even(rng)
    x = who.neck * np.array([-1, -0.8, 0, 0.8, 1])
    chain = smooth(np.column_stack([x, [-0.3 * who.H, 0.2 * drop, drop, 0.2 * drop, -0.3 * who.H]]))
    return METAL * 0.6 * view.fill(ribbon(chain, 1.5))


def buttons(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """A row of buttons or snaps."""
    x = rng.normal(0, 14)
    heights = np.arange(0.05, 1.0, OBJECTS["button_spacing"].even(rng)) * who.H
    return 0.35 * view.fill(*[ellipse((x, y), (5.5, 5.5)) for y in heights])


DRAWN = {"lead": lead, "pacemaker": pacemaker, "necklace": necklace, "buttons": buttons}


def foreign_objects(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """One kind of foreign object in about one radiograph in twelve."""
    kind = rng.choice(list(FOREIGN), p=list(FOREIGN.values()))
    if kind == "none" or (kind == "pacemaker" and who.age < 50):
        return np.zeros(view.shape, np.float32)
    return DRAWN[kind](who, view, rng).astype(np.float32)
