"""Tuberculosis and its company: what is drawn into a lung, and the reading that says so.

Every finding adds attenuation inside the mask and leaves the mask alone: the reference boundary
is the inferred one. Sides and lobes are the patient's: the picture's left lung is right.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from .canvas import View, ellipse, noise, ribbon, smooth
from .person import Person
from .ranges import DISEASE, FINDINGS, INFLATED_LUNG, SHARES, WATER, Range

FLUID = WATER * (1 - INFLATED_LUNG)  # 1/mm, what filling the air spaces adds
STATES = (
    "active TB likely",
    "suspicious for active disease",
    "on treatment",
    "TB until disproved",
    "culture awaited",
    "please compare with older films",
)


@dataclass(frozen=True)
class Chest:
    """What a finding needs: the patient, the view, the masks (2, height, width), the lung's path
    in mm, and the generator."""

    who: Person
    view: View
    masks: np.ndarray
    path: np.ndarray
    rng: np.random.Generator

    @cached_property
    def rim(self) -> np.ndarray:
        """Distance in mm from the wall and the top of the chest on the patient's `side`, float32
        (height, width), less how far the lung has come off them where it has."""
        x, y = self.view.places
        wall, top = (self.who.edge(y) - self.who.side * x).clip(0.1), y.clip(0.1)
        gap = wall * top / np.hypot(wall, top)  # a rounded corner
        return (gap - self.who.p.get("gap", 0.0) * self.who.grown).astype(np.float32)

    @property
    def marked(self) -> np.ndarray:
        """How much of the vessels shows, float32: none in air outside the lung or in fluid."""
        if self.who.kind == "pneumothorax":
            return np.where(self.side_here > 0.5, (self.rim > 0), 1).astype(np.float32)
        return 1 - self.side_here if self.who.kind in AIRLESS else np.ones_like(self.level)

    @cached_property
    def side_here(self) -> np.ndarray:
        """1 on the patient's `side` of the mediastinum and 0 on the other, float32."""
        x = (self.view.places[0] - 0.5 * self.who.turn) * self.who.side
        return ((x + 3) / 6).clip(0, 1)

    @cached_property
    def level(self) -> np.ndarray:
        """Height of each pixel below the apex as a share of H, float32 (height, width)."""
        return self.view.places[1] / np.float32(self.who.H)

    def spot(self, side: int, limits: Range) -> tuple[np.ndarray, float]:
        """A place (x, y) in mm in the lung `side` (0 or 1), and its level, within limits in H."""
        inside = self.masks[side] & (self.level > limits.low) & (self.level < limits.high)
        core = cv2.erode(inside.astype(np.uint8), np.ones((5, 5)), iterations=2)
        rows, columns = np.nonzero(core if core.any() else self.masks[side])
        pick = self.rng.integers(len(rows))
        place = self.view.places[:, rows[pick], columns[pick]].astype(float)
        return place, float(self.level[rows[pick], columns[pick]])

    def blur(self, layer: np.ndarray, mm: float) -> np.ndarray:
        """A layer blurred by a standard deviation in mm."""
        return cv2.GaussianBlur(layer.astype(np.float32), (0, 0), max(mm / self.view.pixel_mm, 0.3))


def lobe(side: int, level: float) -> str:
    """The radiologist's name of a lobe: side 0 is the picture's left, the patient's right."""
    names = ("RUL", "RML", "RLL") if side == 0 else ("LUL", "lingula", "LLL")
    return names[int(level > 0.45) + int(level > 0.66)]


def patch(chest: Chest, centre: np.ndarray, size: float) -> np.ndarray:
    """A ragged cloud in [0, 1] around a place in mm, about `size` mm in radius."""
    radii = size * chest.rng.uniform(0.6, 1.2, 9)
    angles = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    outline = centre + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    cloud = chest.blur(chest.view.fill(smooth(outline, closed=True)), 0.3 * size)
    mottle = noise(chest.rng, chest.view.shape, 7 / chest.view.pixel_mm)
    mottle += noise(chest.rng, chest.view.shape, 3 / chest.view.pixel_mm)
    return cloud * (1 + 0.3 * mottle).clip(0.2, 1.8)


def infiltrate(chest: Chest, side: int) -> tuple[np.ndarray, str]:
    """Air spaces filled in a cloud, mostly in an upper lobe."""
    where = "infiltrate_upper" if chest.rng.random() < SHARES["upper"] else "infiltrate_lower"
    centre, level = chest.spot(side, DISEASE[where])
    layer = np.zeros(chest.view.shape, np.float32)
    for _ in range(chest.rng.integers(1, 6)):
        place = centre + chest.rng.normal(0, 18, 2) * chest.who.grown
        layer += patch(chest, place, DISEASE["infiltrate_size"].even(chest.rng) * chest.who.grown)
    depth = DISEASE["infiltrate_depth"].even(chest.rng)
    return FLUID * depth * layer.clip(0, 2), f"infiltrate {lobe(side, level)}"


def cavity(chest: Chest, side: int) -> tuple[np.ndarray, str]:
    """A thick wall round air, in a cloud of infiltrate."""
    centre, level = chest.spot(side, DISEASE["cavity_level"])
    size = DISEASE["cavity_size"].even(chest.rng) * chest.who.grown
    angles, ragged = np.linspace(0, 2 * np.pi, 10, endpoint=False), chest.rng.uniform(0.75, 1.2, 10)
    ring = np.column_stack([np.cos(angles), 0.85 * np.sin(angles)]) * size * ragged[:, None]
    outer = chest.view.fill(smooth(centre + ring, closed=True))
    hollow = DISEASE["cavity_hollow"].even(chest.rng)
    inner = chest.view.fill(smooth(centre + ring * hollow, closed=True))
    layer = chest.blur(0.9 * outer - 0.8 * inner, 1.3) + 0.4 * patch(chest, centre, 1.7 * size)
    return FLUID * 20 * layer.clip(0), f"cavity with infiltrate round it {lobe(side, level)}"


def nodule(chest: Chest, side: int) -> tuple[np.ndarray, str]:
    """One round shadow, often calcified."""
    centre, level = chest.spot(side, DISEASE["nodule_level"])
    size = DISEASE["nodule_size"].even(chest.rng)
    ball = chest.blur(chest.view.fill(ellipse(centre, (size, size * 0.9))), 0.8)
    hard = chest.rng.random() < SHARES["calcified"]
    what = "calcified granuloma" if hard else f"{2 * size:.0f} mm nodule"
    return WATER * size * (2.6 if hard else 1.6) * ball, f"{what} {lobe(side, level)}"


def scars(chest: Chest, side: int) -> tuple[np.ndarray, str]:
    """Strands drawn towards the apex, with small calcified spots."""
    centre, level = chest.spot(side, DISEASE["scars_level"])
    layer = np.zeros(chest.view.shape, np.float32)
    for _ in range(chest.rng.integers(5, 13)):
        start = centre + chest.rng.normal(0, 10, 2) * chest.who.grown
        end = start + chest.rng.normal(0, 13, 2) * chest.who.grown
        strand = np.array([start, (start + end) / 2 + chest.rng.normal(0, 2.5, 2), end])
        line = smooth(strand)
        layer += DISEASE["scars_density"].even(chest.rng) * chest.view.fill(ribbon(line, 1.4))
    layer = chest.blur(layer, 0.6) + 0.25 * patch(chest, centre, 14 * chest.who.grown)
    return FLUID * 18 * layer, f"scars {lobe(side, level)}"


def consolidation(chest: Chest, side: int) -> tuple[np.ndarray, str]:
    """A lobe, or much of one, without air; sharp where a fissure ends it."""
    rng, x = chest.rng, np.abs(chest.view.places[0]) / chest.who.half
    middle = DISEASE["consolidation_level"].even(rng)
    half = DISEASE["consolidation_half"].even(rng)
    ragged = 0.03 * noise(rng, chest.view.shape, 25 / chest.view.pixel_mm)
    level = chest.level + DISEASE["consolidation_slope"].even(rng) * (x - 0.5) + ragged
    sharp, soft = sorted(DISEASE["consolidation_edge"].even(rng, 2))
    top = ((level - middle + half) / (soft if middle > 0.5 else sharp)).clip(0, 1)
    low = ((middle + half - level) / (sharp if middle > 0.5 else soft)).clip(0, 1)
    mottle = 1 + 0.15 * noise(rng, chest.view.shape, 9 / chest.view.pixel_mm)
    layer = chest.path * top * low * mottle.clip(0.4, 1.4)
    fill = DISEASE["consolidation_fill"].even(rng)
    return FLUID * fill * layer, f"consolidation {lobe(side, middle)}"


def collapse(chest: Chest, side: int) -> tuple[np.ndarray, str]:
    """An upper lobe shrunk against the mediastinum and the apex, its lower edge a sharp curve."""
    x, rng = np.abs(chest.view.places[0]) / chest.who.half, chest.rng
    edge = DISEASE["collapse_level"].even(rng) + DISEASE["collapse_bow"].even(rng) * (x - 0.4) ** 2
    inside = ((edge - chest.level) / 0.02).clip(0, 1)
    layer = FLUID * DISEASE["collapse_fill"].even(rng) * chest.path * inside
    return layer, f"collapse {lobe(side, 0.2)}"


def effusion(chest: Chest, side: int) -> tuple[np.ndarray, str]:
    """Fluid over the diaphragm, higher along the chest wall; it blunts the angle."""
    size = "large" if chest.rng.random() < SHARES["large"] else "small"
    lowest = float(chest.level[chest.masks[side]].max())
    top = lowest - DISEASE[f"effusion_{size}"].even(chest.rng)
    x = chest.view.places[0]
    out = (np.abs(x) / chest.who.half - 0.5).clip(0) / 0.5
    depth = ((chest.level - top + 0.11 * out**2) / 0.16).clip(0, 1)
    here = ((x * (2 * side - 1) + 3) / 6).clip(0, 1)
    name = ("right", "left")[side]
    return FLUID * 0.92 * chest.path * depth * here, f"{size} {name} pleural effusion"


def miliary(chest: Chest) -> tuple[np.ndarray, str]:
    """Seeds of 2 mm in both lungs."""
    layer, rng, who = np.zeros(chest.view.shape, np.uint8), chest.rng, chest.who
    centres = rng.uniform([-who.half, 0], [who.half, who.H * 1.05], (rng.integers(700, 1500), 2))
    seeds = [ellipse(centre, (1.3, 1.3)) for centre in centres]
    chest.view.draw(layer, seeds, DISEASE["miliary_density"].even(rng, len(seeds)))
    return WATER * 4.5 / 255 * chest.blur(layer, 0.5), "miliary nodules throughout both lungs"


def white_lung(chest: Chest) -> tuple[np.ndarray, str]:
    """Half the chest without air: fluid to the top, a lung that shrank, or none."""
    who, rng = chest.who, chest.rng
    side = ("right", "left")[who.side > 0]
    top = DISEASE["white_top"].even(rng)
    high = ((chest.level - top) / 0.15).clip(0, 1) if who.kind == "white lung" else 1.0
    layer = FLUID * DISEASE["white_fill"].even(rng) * chest.path * chest.side_here * high
    towards = who.side * who.turn > 0
    what = f"{side} collapse" if towards else f"massive {side} effusion"
    return layer, f"{side} lung removed" if who.kind == "lung removed" else what


def pneumothorax(chest: Chest) -> tuple[np.ndarray, str]:
    """Air between the chest wall and a lung that has come off it, and the pleura's thin line."""
    lung = chest.masks[int(chest.who.side > 0)]
    outside, pleura = (0.5 - chest.rim).clip(0, 1), np.exp(-(chest.rim**2))
    denser = DISEASE["shrunk"].even(chest.rng) * (1 - outside) - 0.8 * outside
    layer = WATER * (INFLATED_LUNG * chest.path * denser + 3 * pleura) * lung
    return layer, f"{('right', 'left')[chest.who.side > 0]} pneumothorax"


AIRLESS = "white lung", "lung removed"
RARE_FINDINGS = {**dict.fromkeys(AIRLESS, white_lung), "pneumothorax": pneumothorax}
PATTERNS = tuple(
    (kind, FINDINGS[kind.__name__])
    for kind in (infiltrate, cavity, nodule, scars, effusion, consolidation, collapse)
)

EFFUSION = 4  # the one kind that also fills the lung hidden behind heart and dome


def draw_disease(chest: Chest) -> tuple[np.ndarray, str]:
    """What a rare kind shows, or one to three findings in the lungs: the attenuation they add, and
    the reading.
    """
    rng = chest.rng
    if chest.who.kind in RARE_FINDINGS:
        return RARE_FINDINGS[chest.who.kind](chest)
    state = STATES[rng.integers(len(STATES))]
    texts = [chest.who.habit] if chest.who.habit else []
    if rng.random() < SHARES["miliary"]:
        layer, text = miliary(chest)
        return layer * chest.masks.any(0), f"{', '.join([*texts, text])}; {state}"
    total = np.zeros(chest.view.shape, np.float32)
    for _ in range(1 + (rng.random() < SHARES["second"]) + (rng.random() < SHARES["third"])):
        kind = rng.choice(len(PATTERNS), p=[share for _, share in PATTERNS])
        side = int(rng.integers(2))
        layer, text = PATTERNS[kind][0](chest, side)
        total += layer if kind == EFFUSION else layer * chest.masks[side]
        texts.append(text)
        if kind == EFFUSION and rng.random() < SHARES["both_sides"]:
            layer, text = effusion(chest, 1 - side)
            total += layer
            texts.append(text)
    # no more than fills the air; where there is little of it, calcium still shows
    total = np.minimum(total, FLUID * chest.path.clip(20))
    return total, f"{', '.join(dict.fromkeys(texts))}; {state}"
