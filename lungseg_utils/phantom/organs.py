"""Outlines of the chest's organs, in mm: the lungs as the masks have them, and what bounds them.

`side` is -1 for the picture's left (the patient's right) and +1 for its right. A mask is what
the chest cavity keeps after heart, mediastinum and the part below the diaphragm are taken away:
the convention of the Montgomery set, without the lung behind the heart.
"""

import cv2
import numpy as np

from .canvas import View, mm, smooth
from .person import Person


def half_cavity(who: Person, side: int) -> np.ndarray:
    """Outline of one half of the chest cavity, from the apex down past the recess."""
    level = np.array([0.0, 0.02, 0.05, 0.1, 0.17, 0.25, 0.35, 0.5, 0.65, 0.8, 0.95, 1.1, 1.25])
    outer = np.column_stack([who.edge(level * who.H), level * who.H])
    apex = np.array([[0.0, 0.22], [0.055, 0.15], [0.07, 0.09], [0.095, 0.045], [0.135, 0.012]])
    apex[:, 0] *= 1.45 * who.half * who.apex_width
    apex[:, 1] *= who.H
    outer[0, 0] *= 0.9
    points = np.vstack([apex, outer])
    return np.vstack([smooth(points), [[0.0, 1.25 * who.H]]]) * [side, 1]


def recess(who: Person, side: int) -> float:
    """Height, in mm below the apex, of the costophrenic angle."""
    return who.H * (1 + (who.left_angle_lower if side > 0 else 0.0))


def dome_height(who: Person, side: int) -> float:
    """Rise of the diaphragm above the costophrenic angle, in mm."""
    lower = who.left_dome_lower - who.left_angle_lower if side > 0 else 0.0
    return max(who.H * (who.dome - lower), 0.05 * who.H)


def diaphragm_height(who: Person, side: int, x: np.ndarray) -> np.ndarray:
    """Height of the diaphragm, in mm below the apex, at distances |x| in mm from the midline."""
    reach, peak = who.edge(recess(who, side)) * 1.01, who.dome_peak
    share = (np.abs(x) / reach).clip(0, 1)
    outer = ((share - peak) / (1 - peak)).clip(0, 1) ** who.dome_power
    inner = ((peak - share) / peak).clip(0, 1) ** 2 * 0.45
    return recess(who, side) - dome_height(who, side) * (1 - outer - inner)


def below_diaphragm(who: Person, side: int) -> np.ndarray:
    """Outline of the belly under one dome of the diaphragm."""
    x = np.linspace(0, who.half * 1.3, 60)
    y = diaphragm_height(who, side, x)
    floor = [[x[-1], 3 * who.H], [0.0, 3 * who.H]]
    return np.vstack([np.column_stack([x, y]), floor]) * [side, 1]


def heart(who: Person) -> np.ndarray:
    """Outline of the heart with the great vessels' root."""
    width = who.heart_ratio * 2 * who.half
    right, left = width * who.heart_right, width * (1 - who.heart_right)
    top, low = who.heart_top * who.H, diaphragm_height(who, 1, np.array([left * 0.8]))[0]
    tall, turn, b = low - top, who.turn, who.heart_bulge
    points = np.array(
        [
            [-0.30 * right, top - 0.04 * tall],
            [0.22 * left, top - 0.06 * tall],
            [0.48 * left, top + 0.22 * tall],
            [(0.70 + b) * left, top + 0.48 * tall],
            [(0.92 + b) * left, top + 0.74 * tall],
            [0.98 * left, top + 0.97 * tall],
            [0.70 * left, top + 1.18 * tall],
            [0.0, top + 1.3 * tall],
            [-0.70 * right, top + 1.15 * tall],
            [-0.97 * right, top + 0.80 * tall],
            [-0.98 * right, top + 0.52 * tall],
            [-0.74 * right, top + 0.22 * tall],
        ]
    )
    return smooth(points + mm(turn, 0), closed=True)


def aortic_arch(who: Person) -> np.ndarray:
    """Outline of the aortic knob and the descending aorta's edge beside the spine."""
    reach, level, h = who.aortic_knob, who.knob_level * who.H, who.H
    points = np.array(
        [
            [0, level - 0.07 * h],
            [0.62 * reach, level - 0.058 * h],
            [0.95 * reach, level - 0.025 * h],
            [reach, level + 0.012 * h],
            [0.92 * reach, level + 0.05 * h],
            [0.84 * reach, level + 0.09 * h],
            [0.78 * reach, level + 0.3 * h],
            [0.60 * reach, level + 0.8 * h],
            [0, level + 0.8 * h],
        ]
    )
    return smooth(points + mm(0.6 * who.turn, 0), closed=True)


def mediastinum(who: Person) -> np.ndarray:
    """Outline of the great vessels, the oesophagus and fat between the lungs."""
    right, left, h = who.mediastinum_right, who.mediastinum_left, who.H
    points = np.array(
        [
            [-1.15 * right, -0.2 * h],
            [1.4 * left, -0.2 * h],
            [1.15 * left, 0.04 * h],
            [left, 0.14 * h],
            [1.15 * left, 0.24 * h],
            [1.35 * left, 0.36 * h],
            [1.7 * left, 0.46 * h],
            [1.5 * left, 1.3 * h],
            [-1.2 * right, 1.3 * h],
            [-1.45 * right, 0.60 * h],
            [-1.55 * right, 0.45 * h],
            [-1.2 * right, 0.33 * h],
            [-right, 0.2 * h],
            [-0.92 * right, 0.1 * h],
            [-1.05 * right, 0.02 * h],
        ]
    )
    return smooth(points + mm(0.5 * who.turn, 0), closed=True)


def hilum(who: Person, side: int) -> np.ndarray:
    """Centre, in mm, of one hilum; the left one lies a little higher."""
    out = max(who.mediastinum_right * 1.4, 0.105 * who.H) if side < 0 else 0.115 * who.H
    return np.array([side * out + 0.7 * who.turn, (who.hilum_level - 0.02 * (side > 0)) * who.H])


def lung_area(who: Person, side: int, view: View, behind_heart: bool = False) -> np.ndarray:
    """One lung's mask, bool, at the pixels of a view; with what lies behind heart and aorta."""
    middle, low = 0.5 * who.turn, 1.4 * who.H  # the mediastinum, shifted far, leaves none behind
    behind = np.array([[0, -low], [middle, -low], [middle, low], [0, low]])
    around = [below_diaphragm(who, side), mediastinum(who), behind]
    around += [] if behind_heart else [heart(who), aortic_arch(who)]
    area = view.area(half_cavity(who, side), *around).astype(np.uint8)
    count, pieces, sizes, _ = cv2.connectedComponentsWithStats(area, connectivity=4)
    return pieces == (1 + sizes[1:, cv2.CC_STAT_AREA].argmax() if count > 1 else 1)
