"""Bones: ribs behind and in front, clavicles, scapulae, upper arms and the spine."""

import numpy as np

from .canvas import View, X, ellipse, mm, noise, ribbon, smooth
from .person import LEVEL, Person
from .ranges import BONE
from .tissue import arm_line, joint


def tubes(view: View, lines: list, widths: list, core: float, rim: float) -> np.ndarray:
    """Bones along lines: mm of bone in the ray, `core` in the middle and `rim` in the cortex."""
    whole, inner, shells = [], [], []
    for line, width in zip(lines, widths, strict=True):
        width = np.broadcast_to(np.asarray(width, float), len(line))
        edge = np.clip(width * 0.13, 0.8, 1.8)
        axis = ribbon(line, width - edge)
        whole.append(ribbon(line, width))
        inner.append(ribbon(line, 0.6 * width))
        shells += [ribbon(axis[: len(line)], edge), ribbon(axis[len(line) :][::-1], 1.3 * edge)]
    return core * (0.6 * view.fill(*whole) + 0.4 * view.fill(*inner)) + rim * view.fill(*shells)


def rib_line(who: Person, number: int, side: int, start: float, end: float) -> np.ndarray:
    """Axis (30, 2) of a rib between two angles, in degrees, round the chest from the spine."""
    angle = np.radians(np.linspace(start, end, 30))
    neck = (who.rib_level + (number - 1) * who.rib_spacing) * who.H
    fall = who.rib_slope * who.H * np.interp(number, (1, 2, 4, 7, 11), (0.42, 0.62, 0.88, 1.0, 0.8))
    hump = 0.045 * who.H * np.interp(number, (1, 3, 5, 9, 11), (0.0, 0.5, 1.0, 0.8, 0.2))
    y = neck + fall * (angle / np.radians(152)) ** np.interp(number, (1, 3), (1.0, 1.3))
    y -= hump * np.sin(2.2 * angle).clip(0) + who.tilt * who.H * (1 - np.cos(angle)) / 2
    small = np.interp(number, (1, 2, 3), (0.70, 0.93, 1.0))
    wide = small * (who.edge(np.array([neck + fall * 0.505]))[0] + 1.2)
    share = np.minimum(np.sin(angle), 0.985) / 0.985
    back = np.where(angle < np.pi / 2, share**0.86, share**0.8)
    return np.column_stack([side * wide * back + who.middle(y) * 0.6, y])


def ribs(
    who: Person, view: View, start: float, end: float, numbers: range, core: float, rim: float
) -> np.ndarray:
    """All ribs of both sides between two angles; denser where the ray runs along the curve."""
    layer = np.zeros(view.shape, np.float32)
    for parity in (0, 1):  # neighbours cross where they fall steeply, so they add up
        some = [(number, side) for number in numbers if number % 2 == parity for side in (-1, 1)]
        lines = [rib_line(who, number, side, start, end) for number, side in some]
        fade = np.interp(np.linspace(start, end, 30), (9, 55, 92, 150), (0.85, 1.0, 0.42, 1.15))
        widths = [
            who.rib_width * fade * np.interp(n, (1, 2, 8, 12), (0.85, 1, 1, 0.8)) for n, _ in some
        ]
        layer += tubes(view, lines, widths, core, rim)
    along = (1 - (X / (who.edge(LEVEL)[:, None] + 6)) ** 2).clip(0.12, 1) ** -0.25
    return BONE * who.bone * layer * view.carry(along)


def posterior_ribs(who: Person, view: View) -> np.ndarray:
    """Eleven pairs from the spine to the side of the chest."""
    return ribs(who, view, 9, 90, range(1, 12), 4.3, 2.2)


def anterior_ribs(who: Person, view: View) -> np.ndarray:
    """Pairs 1 to 9 from the side to where cartilage begins; flatter and fainter."""
    return ribs(who, view, 90, 151, range(1, 10), 2.8, 1.3)


def rib_cage_edge(who: Person, view: View) -> np.ndarray:
    """The outermost ribs and pleura, which the ray meets along the curve: a thin bright seam."""
    y = np.linspace(0.07, 1.28, 40) * who.H
    out = who.edge(y) + 3.2 * who.grown - who.over_wall
    lines = [np.column_stack([side * out, y]) for side in (-1, 1)]
    return BONE * who.bone * tubes(view, lines, [6.0 * who.grown] * 2, 0.8, 1.6)


def clavicles(who: Person, view: View) -> np.ndarray:
    """Both collar bones, S-shaped, from the breastbone to the shoulder."""
    lines, widths = [], []
    for side in (-1, 1):
        inner = np.array(
            [side * 17 * who.grown + 0.6 * who.turn, (who.clavicle_level - who.tilt) * who.H]
        )
        outer = joint(who, side) + mm(side * 2, -(0.09 + 0.4 * who.tilt) * who.H)
        bows = ((0.0, 0.0), (0.22, -0.025), (0.45, 0.012), (0.68, 0.06), (0.86, 0.055), (1, 0.0))
        line = smooth([inner + t * (outer - inner) - mm(0, bow * who.H) for t, bow in bows])
        along = np.linspace(0, 1, len(line))
        lines.append(line)
        widths.append(who.clavicle_width * np.interp(along, (0, 0.15, 0.5, 1), (1.7, 1.2, 1, 1.4)))
    return BONE * who.bone * tubes(view, lines, widths, 7.5, 4.0)


def scapulae(who: Person, view: View) -> np.ndarray:
    """Shoulder blades: a thin blade with thick borders, its spine and the shoulder's roof."""
    blades, borders, sockets, h = [], [], [], who.H
    for side in (-1, 1):
        socket = joint(who, side) - mm(side * 17 * who.grown, -4)
        inner = who.edge(0.3 * h) + who.scapula_in
        tip, corner = mm(side * (inner + 0.07 * h), 0.60 * h), mm(side * inner, 0.07 * h)
        middle = (socket + tip) / 2 - mm(side * 9, 0)
        blades.append(
            smooth(
                [
                    socket + mm(0, 0.06 * h),
                    middle,
                    tip,
                    [side * inner, 0.36 * h],
                    corner,
                    (corner + socket) / 2 - mm(0, 0.03 * h),
                ],
                closed=True,
            )
        )
        borders.append(smooth([socket + mm(0, 0.05 * h), middle, tip]))
        borders.append(
            smooth(
                [
                    corner + mm(0, 0.05 * h),
                    socket - mm(side * 4, 0.05 * h),
                    joint(who, side) + mm(side * 10, -0.10 * h),
                ]
            )
        )
        sockets.append(ellipse(socket, (6, 17), -side * 0.2))
        sockets.append(ellipse(socket - mm(side * 12, 0.07 * h), (8, 9)))
    layer = 1.6 * view.fill(*blades) + 3.0 * view.fill(*sockets)
    return BONE * who.bone * (layer + tubes(view, borders, [7.5 * who.grown] * 4, 3.6, 2.2))


def arm_bones(who: Person, view: View) -> np.ndarray:
    """Both upper arm bones with their heads."""
    size, sides = who.grown, (-1, 1)
    width = np.interp(np.linspace(0, 1, 20), (0, 0.15, 0.3, 1), (1.6, 1.5, 1.0, 0.9)) * 23 * size
    shafts = tubes(view, [arm_line(who, side) for side in sides], [width, width], 5.0, 6.5)
    heads = view.fill(*[ellipse(joint(who, side), (22 * size, 24 * size)) for side in sides])
    return BONE * who.bone * (shafts + 5.5 * heads)


def vertebra(who: Person, number: int) -> tuple[np.ndarray, list, list]:
    """One vertebra: the outlines of its body, its two end plates, and its processes."""
    y = (who.rib_level + number * who.rib_spacing) * who.H
    grow = np.interp(number, (-8, 0, 17), (0.72, 0.92, 1.25))
    x, half = float(who.middle(y)), who.vertebra_width / 2 * grow
    tall = who.rib_spacing * who.H * 0.42 * min(grow, 1.0)
    corners = ((-1, -tall), (-0.88, 0), (-1, tall), (1, tall), (0.88, 0), (1, -tall))
    body = smooth([(x + side * half, y + edge) for side, edge in corners], closed=True, pieces=3)
    plates = [
        ribbon(np.array([[x - half, y + edge], [x + half, y + edge]]), 1.7)
        for edge in (-tall, tall)
    ]
    knobs = [ellipse((x + side * half * 0.62, y - tall * 0.3), (3.0, 4.6)) for side in (-1, 1)]
    wing = np.array([[0.9 * half, -0.4 * tall], [1.75 * half, -0.75 * tall]])
    wings = [ribbon(mm(x, y) + wing * [side, 1], 6.5) for side in (-1, 1)]
    return body, plates, [*knobs, *wings, ellipse((x, y + tall * 0.8), (2.8, 7.5))]


def spine(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """The vertebral column, neck to loins."""
    parts = [vertebra(who, number) for number in range(-8, 32)]
    layer = 5.5 * view.fill(*[body for body, _, _ in parts])
    layer += 1.4 * view.fill(*[plate for _, plates, _ in parts for plate in plates])
    layer += 1.6 * view.fill(*[knob for _, _, knobs in parts for knob in knobs])
    return BONE * who.bone * layer * (1 + 0.10 * noise(rng, view.shape, 5 / view.pixel_mm))
