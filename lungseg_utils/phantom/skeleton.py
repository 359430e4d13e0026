"""Bones: ribs behind and in front, clavicles, scapulae, upper arms and the spine."""

import numpy as np

from .canvas import GRID, X, View, ellipse, noise, ribbon, smooth
from .person import LEVEL, Person
from .ranges import BONE
from .tissue import arm_line, joint


def tube(view: View, line: np.ndarray, width, core: float, rim: float) -> np.ndarray:
    """A bone along a line: spongy core of `core` mm of bone, and `rim` mm in the cortex."""
    edge = np.clip(np.asarray(width) * 0.16, 1.0, 2.2)
    layer = core * view.fill(ribbon(line, width))
    for across in (1, -1):
        shell = ribbon(line, np.asarray(width) - edge)
        half = shell[: len(line)] if across > 0 else shell[len(line):][::-1]
        layer += rim * view.fill(ribbon(half, edge))
    return layer


def rib_line(who: Person, number: int, side: int, start: float, end: float) -> np.ndarray:
    """Axis (30, 2) of a rib between two angles, in degrees, round the chest from the spine."""
    angle = np.radians(np.linspace(start, end, 30))
    neck = (who.rib_level + (number - 1) * who.rib_spacing) * who.H
    fall = who.rib_slope * who.H * np.interp(number, (1, 3, 6, 10), (0.42, 0.75, 1.0, 0.9))
    y = neck + fall * ((angle / np.radians(140)) ** 1.55 - 0.10 * np.sin(2 * angle).clip(0))
    wide = who.edge(np.array([neck + fall * 0.5]))[0] + 1.0
    x = side * wide * np.sin(angle) ** 0.9
    return np.column_stack([x + who.middle(y) * 0.5, y])


def ribs(who: Person, view: View, start: float, end: float, numbers: range, core: float,
         rim: float) -> np.ndarray:
    """All ribs of both sides between two angles; denser where the ray runs along the curve."""
    layer = np.zeros(view.shape, np.float32)
    for number in numbers:
        for side in (-1, 1):
            line = rib_line(who, number, side, start, end)
            width = who.rib_width * np.interp(number, (1, 3, 8, 12), (1.05, 1.0, 1.0, 0.8))
            layer += tube(view, line, width, core, rim)
    along = (1 - (X / (who.edge(LEVEL)[:, None] + 4)) ** 2).clip(0.16, 1) ** -0.35
    return BONE * who.bone * layer * view.carry(along)


def posterior_ribs(who: Person, view: View) -> np.ndarray:
    """Eleven pairs from the spine to the side of the chest."""
    return ribs(who, view, 9, 92, range(1, 12), 2.3, 2.6)


def anterior_ribs(who: Person, view: View) -> np.ndarray:
    """Pairs 1 to 7 from the side to where cartilage begins; flatter and fainter."""
    return ribs(who, view, 86, 140, range(1, 8), 1.6, 1.3)


def clavicles(who: Person, view: View) -> np.ndarray:
    """Both collar bones, S-shaped, from the breastbone to the shoulder."""
    layer = np.zeros(view.shape, np.float32)
    for side in (-1, 1):
        inner = np.array([side * 17 * who.grown + 0.6 * who.turn, who.clavicle_level * who.H])
        outer = joint(who, side) + [side * 2, -0.075 * who.H]
        span, up = outer - inner, np.array([0, -1.0])
        bows = ((0.0, 0.0), (0.22, -0.022), (0.45, 0.012), (0.68, 0.055), (0.86, 0.05), (1, 0.0))
        line = smooth([inner + t * span + bow * who.H * up for t, bow in bows])
        width = who.clavicle_width * np.interp(np.linspace(0, 1, len(line)),
                                               (0, 0.15, 0.5, 1), (1.5, 1.1, 0.9, 1.25))
        layer += tube(view, line, width, 3.2, 2.6)
    return BONE * who.bone * layer


def scapulae(who: Person, view: View) -> np.ndarray:
    """Shoulder blades: a thin blade with thick borders, its spine and the shoulder's roof."""
    layer = np.zeros(view.shape, np.float32)
    for side in (-1, 1):
        socket, h = joint(who, side) - [side * 15 * who.grown, -4], who.H
        inner = who.edge(0.3 * h) + who.scapula_in
        tip = np.array([side * (inner + 0.06 * h), 0.60 * h])
        corner = np.array([side * inner * 0.94, 0.06 * h])
        blade = smooth([socket + [0, 0.05 * h], (socket + tip) / 2 - [side * 8, 0], tip,
                        [side * inner * 0.98, 0.35 * h], corner,
                        (corner + socket) / 2 - [0, 0.02 * h]], closed=True)
        layer += 0.8 * view.fill(blade)
        layer += tube(view, smooth([socket + [0, 0.04 * h], (socket + tip) / 2, tip]), 8, 1.6, 1.0)
        layer += tube(view, smooth([corner + [0, 0.05 * h], socket - [0, 0.05 * h],
                                    joint(who, side) - [-side * 6, 0.095 * h]]), 9, 1.8, 0.8)
        layer += 1.2 * view.fill(ellipse(socket - [side * 8, 0.06 * h], (9, 12), side * 0.6))
    return BONE * who.bone * layer


def arm_bones(who: Person, view: View) -> np.ndarray:
    """Both upper arm bones with their heads."""
    layer = np.zeros(view.shape, np.float32)
    for side in (-1, 1):
        line, size = arm_line(who, side), who.grown
        width = np.linspace(30, 21, len(line)) * size
        layer += tube(view, line, width, 3.5, 4.0)
        layer += 5.0 * view.fill(ellipse(joint(who, side), (22 * size, 23 * size)))
    return BONE * who.bone * layer


def vertebra(who: Person, view: View, y: float, tall: float, layer: np.ndarray) -> None:
    """Add one vertebra, centred at height y: body, end plates, pedicles, spinous process."""
    x, half = float(who.middle(y)), who.vertebra_width / 2
    waist = [[-half, -tall], [-0.9 * half, 0], [-half, tall], [half, tall], [0.9 * half, 0],
             [half, -tall]]
    layer += 7.0 * view.fill(np.array(waist) + [x, y])
    for edge in (-tall, tall):
        plate = np.array([[-half, edge], [half, edge]]) + [x, y]
        layer += 3.0 * view.fill(ribbon(plate, 1.6))
    for side in (-1, 1):
        layer += 3.0 * view.fill(ellipse((x + side * half * 0.62, y - tall * 0.3), (3.2, 4.5)))
    layer += 4.0 * view.fill(ellipse((x, y + tall * 0.7), (3.2, 7.5)))


def spine(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """The vertebral column, neck to loins."""
    layer, pitch = np.zeros(view.shape, np.float32), who.rib_spacing * who.H
    for number in range(-8, 18):
        size = np.interp(number, (-8, 0, 17), (0.72, 0.9, 1.25))
        vertebra(who, view, (who.rib_level + number * who.rib_spacing) * who.H,
                 pitch * 0.42 * min(size, 1.0), layer)
    mottle = 1 + 0.12 * noise(rng, view.shape, 5 / view.pixel_mm)
    return BONE * who.bone * layer * mottle
