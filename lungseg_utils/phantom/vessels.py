"""The lungs' blood vessels: trees that branch from each hilum towards the pleura."""

import cv2
import numpy as np

from . import organs
from .canvas import View, ribbon
from .person import Person
from .ranges import WATER

FAN = 13  # first branches a lung


def branch(rng, start, angle, radius, length, side, found) -> None:
    """Collect (line, radius) of a vessel and its branches, until they are too fine to show."""
    if radius < 0.32 or len(found) > 420:
        return
    bend = rng.normal(0, 0.16)
    turn = angle + np.linspace(0, bend, 5)
    steps = np.column_stack([side * np.sin(turn), np.cos(turn)]) * length / 4
    line = np.vstack([start, start + np.cumsum(steps[1:], axis=0)])
    found.append((line, radius))
    split = rng.uniform(0.25, 0.65)
    share = rng.uniform(0.62, 0.86)
    for turned, thick in ((angle + bend + split * 0.4, share), (angle + bend - split, 1.25 - share)):
        branch(rng, line[-1], turned, radius * thick, length * rng.uniform(0.72, 1.0), side, found)


def tree(who: Person, side: int, rng: np.random.Generator) -> list:
    """Vessels of one lung as (line in mm, radius in mm); thicker towards the base."""
    found: list = []
    root = organs.hilum(who, side)
    for share in (np.arange(FAN) + rng.uniform(0.2, 0.8, FAN)) / FAN:
        angle = np.interp(share, (0, 0.3, 1), (2.9, 1.8, 0.05))
        radius = who.vessel * rng.uniform(0.30, 0.62) * np.interp(angle, (0, 1.5, 3), (1, 0.8, 0.62))
        start = root + rng.normal(0, 5, 2) * who.grown + [0, -9 * np.cos(np.pi - angle)]
        branch(rng, start, angle, radius, who.H * rng.uniform(0.08, 0.125), side, found)
    return found


def vessels(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """Vessel trees of both lungs; blood where the lung's tissue was thin."""
    layer = np.zeros(view.shape, np.float32)
    for side in (-1, 1):
        for half in np.array_split(np.array(tree(who, side, rng), object), 2):
            drawn = np.zeros(view.shape, np.uint8)
            for line, radius in sorted(half, key=lambda piece: piece[1]):
                view.draw(drawn, ribbon(line, 2 * max(radius, 0.45)), min(255, radius * 40))
            layer += drawn
    return WATER * 1.1 / 40 * 2 * cv2.GaussianBlur(layer, (0, 0), 0.6 / view.pixel_mm)


def hila(who: Person, view: View) -> np.ndarray:
    """The large arteries at both hila: a trunk and the descending branch."""
    layer = np.zeros(view.shape, np.float32)
    for side in (-1, 1):
        root, r = organs.hilum(who, side), who.vessel
        down = root + [side * 0.02 * who.H, 0.17 * who.H]
        bow = root + [side * 0.055 * who.H, 0.06 * who.H]
        line = np.array([root + [side * -8, -8], root + [side * 4, 2], bow, down])
        layer += 1.5 * r * view.fill(ribbon(line, np.array([2.6, 2.6, 2.1, 1.1]) * r))
        up = root + [side * 0.05 * who.H, -0.13 * who.H]
        layer += 1.0 * r * view.fill(ribbon(np.array([root, (root + up) / 2, up]), [2 * r, 1.6 * r, r]))
    return WATER * cv2.GaussianBlur(layer, (0, 0), 2.4 / view.pixel_mm)
