"""Things on or in the patient that the beam meets: leads, tubes, jewellery, hands that hold."""

import numpy as np

from .canvas import View, X, ellipse, inflate, mm, ribbon, smooth
from .person import Person
from .ranges import BONE, FOREIGN, OBJECTS, SHARES, WATER
from .tissue import joint

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
    side = rng.choice((-1, 1), p=(SHARES["paced_right"], 1 - SHARES["paced_right"]))
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


def devices(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """In the windpipe, to the stomach, in the great veins, a drain of the chest; and leads."""
    h, half, aside, side = who.H, who.half, 0.5 * who.turn, who.side
    vein = -0.9 * who.mediastinum_right + aside
    ways = (
        (8.0, 0.7, [[0, -0.9 * h], [aside, -0.1 * h], [aside, OBJECTS["tube_end"].even(rng) * h]]),
        (5.0, 0.6, [[3, -0.9 * h], [aside, 0.2 * h], [aside, 0.8 * h], [0.3 * half, 1.15 * h]]),
        (2.5, 0.7, [[side * 0.7 * half, 0], [side * 15, 0.06 * h], [vein, 0.2 * h],
                    [vein, 0.4 * h]]),
        (8.0, SHARES["drained"], [[side * 1.3 * half, 0.8 * h], [side * 0.8 * half, 0.5 * h],
                        [side * 0.5 * half, 0.15 * h]]),
    )  # fmt: skip
    layer = np.zeros(view.shape, np.float32)
    for width, share, points in ways:
        if rng.random() < share:
            jitter = rng.normal(0, 5, (len(points), 2)) * who.grown
            line = smooth(points + jitter)
            walls = view.fill(ribbon(line, width)) - view.fill(ribbon(line, 0.6 * width))
            layer += 0.12 * walls + 0.3 * view.fill(ribbon(line, 1.3))
    for _ in range(rng.integers(3)):
        layer += 0.5 * lead(who, view, rng)
    return layer


def hands(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """An adult's fingers round a child's arms."""
    layer = np.zeros(view.shape, np.float32)
    for side in (-1, 1):
        if rng.random() < SHARES["held"]:
            wrist = joint(who, side) + mm(side * 60, -0.5 * who.H) + rng.normal(0, 15, 2)
            angles = rng.normal(0.4, 0.5) + np.array([-0.4, -0.15, 0.1, 0.35, 1.1])
            ways = np.column_stack([-side * np.cos(angles), np.sin(angles)])
            fingers = [np.array([wrist, wrist + 85 * way]) for way in ways]
            soft = view.fill(*[ribbon(finger, 17) for finger in fingers])
            bones = view.fill(*[ribbon(finger, 9) for finger in fingers])
            layer += WATER * 13 * soft + BONE * 5 * bones
    return layer


def prostheses(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """Silicone in both breasts, with a sharp edge below."""
    layer = np.zeros_like(X)
    size, depth = OBJECTS["prosthesis_size"].even(rng), OBJECTS["prosthesis_depth"].even(rng)
    for side in (-1, 1):
        centre = side * who.half * 0.58, who.breast_level * who.H + rng.normal(0, 6)
        layer += depth * inflate(ellipse(centre, (size, 1.05 * size)), 0.6 * size)
    return 1.3 * WATER * view.carry(layer)


RARE_OBJECTS = {"bedside": devices, "lying child": hands, "prostheses": prostheses}
DRAWN = {"lead": lead, "pacemaker": pacemaker, "necklace": necklace, "buttons": buttons}


def foreign_objects(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """Those of a rare kind, or else one in about one radiograph in twelve."""
    if who.kind in RARE_OBJECTS:
        return RARE_OBJECTS[who.kind](who, view, rng).astype(np.float32)
    kind = rng.choice(list(FOREIGN), p=list(FOREIGN.values()))
    if kind == "none" or (kind == "pacemaker" and who.age < 50):
        return np.zeros(view.shape, np.float32)
    return DRAWN[kind](who, view, rng).astype(np.float32)
