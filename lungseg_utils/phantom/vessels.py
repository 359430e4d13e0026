"""The lungs' blood vessels: trees that branch from each hilum towards the pleura."""

import cv2
import numpy as np

from . import organs
from .canvas import View, mm, ribbon
from .person import Person
from .ranges import VESSELS, WATER

FAN = 19  # first branches a lung
DEPTH = 64  # grey levels a mm of radius
THINNEST = 0.42  # mm, radius below which a vessel is drawn fainter, not thinner
FINEST = 0.24  # mm, radius below which no vessel shows


def roots(who: Person, side: int, rng: np.random.Generator) -> tuple:
    """First branches of one lung: starts (n, 2) and lengths in mm, angles from straight down."""
    share = (np.arange(FAN) + rng.uniform(0.1, 0.9, FAN)) / FAN
    angle = np.interp(share, (0, 0.28, 0.5, 1), (3.0, 2.3, 1.2, -0.1))
    radius = who.vessel * VESSELS["first_radius"].even(rng, FAN)
    radius *= np.interp(angle, (0, 1.5, 3), (1, 0.8, 0.66))
    start = organs.hilum(who, side) + rng.normal(0, 6 * who.grown, (FAN, 2))
    start[:, 1] += 0.085 * who.H * np.cos(angle)
    return start, angle, radius, who.H * VESSELS["first_length"].even(rng, FAN)


def tree(who: Person, side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Vessels of one lung: lines (n, 5, 2) and radii (n,) in mm."""
    start, angle, radius, length = roots(who, side, rng)
    lines, radii = [], []
    while len(radius):
        turn = angle[:, None] + np.linspace(0, 1, 4) * rng.normal(0, 0.18, (len(angle), 1))
        steps = np.stack([side * np.sin(turn), np.cos(turn)], -1) * length[:, None, None] / 4
        line = start[:, None] + np.concatenate([0 * steps[:, :1], np.cumsum(steps, 1)], 1)
        lines.append(line)
        radii.append(radius)
        split = VESSELS["split"].even(rng, len(radius))
        share = VESSELS["share"].even(rng, len(radius))
        hand = rng.choice((-1.0, 1.0), len(radius))
        start = np.repeat(line[:, -1], 2, 0)
        fork = hand * split
        angle = np.column_stack([turn[:, -1] + 0.35 * fork, turn[:, -1] - fork]).ravel()
        radius = np.column_stack([radius * share, radius * (1.32 - share)]).ravel()
        length = np.repeat(length, 2) * VESSELS["shorter"].even(rng, len(radius))
        keep = radius > FINEST
        start, angle, radius, length = start[keep], angle[keep], radius[keep], length[keep]
    return np.concatenate(lines), np.concatenate(radii)


def vessels(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """Vessel trees of both lungs; blood where the lung's tissue was thin."""
    layer = np.zeros(view.shape, np.float32)
    for _ in ("arteries", "veins"):
        drawn = np.zeros(view.shape, np.uint8)
        for side in (-1, 1):
            lines, radii = tree(who, side, rng)
            order = np.argsort(radii)
            lines, radii = lines[order], radii[order]
            thick = np.maximum(radii, THINNEST)
            grey = np.minimum(255, DEPTH * radii * np.sqrt(radii / thick)).tolist()
            view.draw(drawn, ribbon(lines, 2 * thick[:, None]), grey)
        layer += drawn
    layer = cv2.GaussianBlur(layer, (0, 0), max(0.2 / view.pixel_mm, 0.3))
    return WATER * who.markings * 5.5 / DEPTH * layer


def hila(who: Person, view: View) -> np.ndarray:
    """The large arteries at both hila: a trunk and the descending branch."""
    trunks, uppers, r = [], [], who.vessel
    for side in (-1, 1):
        root = organs.hilum(who, side)
        bow = root + mm(side * 0.045 * who.H, 0.06 * who.H)
        down = root + mm(side * 0.03 * who.H, 0.2 * who.H)
        line = np.array([root + mm(side * -12, -8), root + mm(side * 4, 2), bow, down])
        trunks.append(ribbon(line, np.array([2.8, 2.6, 2.0, 0.9]) * r))
        up = root + mm(side * 0.05 * who.H, -0.14 * who.H)
        bent = np.array([root, (root + up) / 2 - mm(side * 3, 0), up])
        uppers.append(ribbon(bent, np.array([2, 1.5, 0.8]) * r))
    layer = 2.0 * r * view.fill(*trunks) + 1.3 * r * view.fill(*uppers)
    return WATER * who.markings * cv2.GaussianBlur(layer, (0, 0), 2.2 / view.pixel_mm)
