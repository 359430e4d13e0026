"""Soft tissue, lungs and gas: path length in mm times attenuation, one function an organ."""

import cv2
import numpy as np

from . import organs
from .canvas import GRID, STEP, View, X, Y, ellipse, inflate, mm, noise, outset, ribbon, smooth
from .person import LEVEL, Person
from .ranges import GAS, INFLATED_LUNG, SHARES, WATER

LUNG = WATER * INFLATED_LUNG


def cavity_path(who: Person) -> np.ndarray:
    """Path through the chest cavity, an elliptic cross-section, in mm on the smooth grid."""
    edge = (who.edge(LEVEL) + 2.0 - who.over_wall)[:, None]
    path = 2 * who.depth(LEVEL)[:, None] * np.sqrt((1 - (X / edge) ** 2).clip(0))
    return np.where(who.over_apex - 3 < Y, path, 0).astype(np.float32)


def silhouette(who: Person) -> np.ndarray:
    """Outline of neck, shoulders and trunk."""
    h, neck, wall = who.H, who.neck, who.wall
    acromion = who.half + who.shoulder + 0.4 * wall
    rise = who.clavicle_rise * h
    waist = who.edge(h) + wall * 0.8
    right = np.array(
        [
            [neck, -2.0 * h],
            [neck * 0.96, -0.42 * h],
            [neck * 1.10, -0.27 * h],
            [acromion * 0.55, -0.15 * h - 0.2 * rise],
            [acromion * 0.9, -0.06 * h - 0.5 * rise],
            [acromion * 1.05, 0.08 * h - 0.4 * rise],
            [acromion, 0.30 * h],
            [who.edge(0.5 * h) + 1.35 * wall, 0.56 * h],
            [who.edge(0.7 * h) + 1.1 * wall, 0.8 * h],
            [waist, 1.1 * h],
            [waist * 0.97, 1.4 * h],
            [waist * 1.03, 1.9 * h],
            [waist, 3.0 * h],
        ]
    )
    return np.vstack([smooth(right), smooth(right[::-1] * [-1, 1])])


def joint(who: Person, side: int) -> np.ndarray:
    """Centre of the shoulder joint, in mm."""
    rise = who.clavicle_rise * who.H
    return np.array([side * (who.half + who.shoulder), 0.10 * who.H - 0.5 * rise])


def arm_line(who: Person, side: int) -> np.ndarray:
    """Axis (20, 2) of the upper arm, from the shoulder joint down and out."""
    angle = np.radians(who.arm_angle)
    length = np.linspace(-0.02, 1.1, 20)[:, None] * who.H
    return joint(who, side) + length * [side * np.sin(angle), np.cos(angle)]


def trunk_path(who: Person) -> np.ndarray:
    """Path through neck, trunk and arms, in mm on the smooth grid."""
    chest = who.half * who.chest_depth + 0.36 * who.wall + 3.0
    deep = np.interp(
        LEVEL / who.H,
        (-0.5, -0.2, 0.0, 0.45, 1.0, 1.3),
        (0.95 * who.neck, 0.95 * who.neck, 0.74 * chest, chest, chest, chest),
    )
    outline, low = silhouette(who), np.interp(LEVEL / who.H, (0.7, 1.0), (0.0, 0.45))[:, None]
    round_, flat = inflate(outline, 0.95 * who.half), inflate(outline, 0.35 * who.half)
    path = 2 * deep[:, None] * ((1 - low) * round_ + low * flat)
    high = np.interp(LEVEL / who.H, (0.0, 0.5), (1.0, 0.0))[:, None]
    path = np.maximum(
        path, 2.7 * who.neck * who.shoulder_depth * high * inflate(outline, 0.7 * who.neck)
    )
    for side in (-1, 1):
        arm = ribbon(arm_line(who, side), 2.3 * who.arm)
        path = np.maximum(path, 2.2 * who.arm * inflate(arm, 1.15 * who.arm))
    return cv2.GaussianBlur(path.astype(np.float32), (0, 0), 2.2)


def body(who: Person, view: View, cavity: np.ndarray) -> np.ndarray:
    """The chest wall, neck, arms and belly wall: everything soft outside the chest cavity."""
    wall = np.maximum(trunk_path(who) - cavity, (cavity > 0) * (8.0 + 0.7 * who.wall))
    return WATER * view.carry(wall)


def breasts(who: Person, view: View) -> np.ndarray:
    """Both breasts; in men and children the chest muscles."""
    layer = np.zeros_like(X)
    for side in (-1, 1):
        centre = (side * who.half * 0.60, who.breast_level * who.H)
        size = who.breast * who.grown
        outline = ellipse(centre, (size, 1.15 * size), -side * 0.3)
        fade = (1 + (Y - centre[1]) / size).clip(0, 2) / 2
        layer += inflate(outline, 0.9 * size) * fade
    return WATER * who.breast_depth * who.grown * view.carry(layer)


def muscles(who: Person, view: View) -> np.ndarray:
    """Muscle over the upper chest: in front from the breastbone to the arm, behind on the blade."""
    layer, h = np.zeros_like(X), who.H
    for side in (-1, 1):
        arm, out = joint(who, side), who.edge(0.4 * h)
        front = smooth(
            [
                mm(side * 12, 0.16 * h),
                arm + mm(0, -0.02 * h),
                arm + mm(0, 0.2 * h),
                mm(side * 0.98 * out, 0.42 * h),
                mm(side * 0.5 * out, 0.50 * h),
                mm(side * 12, 0.42 * h),
            ],
            closed=True,
        )
        inner = who.edge(0.3 * h) + who.scapula_in - 0.06 * h
        back = smooth(
            [
                mm(side * inner, 0.02 * h),
                arm - mm(0, 0.06 * h),
                arm + mm(side * 10, 0.3 * h),
                mm(side * (out + who.wall), 0.75 * h),
                mm(side * 0.97 * out, 0.66 * h),
                mm(side * inner, 0.42 * h),
            ],
            closed=True,
        )
        layer += 0.6 * inflate(front, 0.2 * h) + inflate(back, 0.16 * h)
    return WATER * who.muscle * view.carry(cv2.GaussianBlur(layer, (0, 0), 1.5))


def haze(who: Person, view: View, air: np.ndarray) -> np.ndarray:
    """Vessels, nodes and fat too fine to draw, round the hila and beside the mediastinum."""
    core = GRID.fill(organs.heart(who), organs.aortic_arch(who), organs.mediastinum(who))
    near = cv2.GaussianBlur(core, (0, 0), who.haze_reach / STEP)
    for side in (-1, 1):
        x, y = organs.hilum(who, side)
        far = ((X - x) / 0.08) ** 2 + ((Y - y) / 0.12) ** 2
        near = np.maximum(near, 0.8 * np.exp(-far / 2 / who.H**2))
    return (WATER - LUNG) * who.haze * air * view.carry(near)


def aerated_lungs(path: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The lungs as the masks have them: attenuation is above 0 exactly where a mask is True."""
    return LUNG * np.maximum(path, 4.0) * masks


def fillings(who: Person, view: View, path: np.ndarray, masks: np.ndarray) -> dict:
    """What fills the chest cavity beside the lungs: heart, mediastinum, belly, hidden lung. The
    first two reach a little over the masks' borders, which annotators draw on them.
    """
    over = who.over_mediastinum * who.grown
    column = inflate(outset(organs.mediastinum(who), over), 8 * who.grown)
    arch = inflate(outset(organs.aortic_arch(who), over), 17 * who.grown)
    column = np.maximum(who.mediastinum_density * column, 0.85 * arch)
    column = cv2.GaussianBlur(column, (0, 0), 1.5)
    heart = inflate(outset(organs.heart(who), who.over_heart * who.grown), 0.32 * who.half)
    rise = (0.35 + (Y / who.H - who.heart_top) / 0.22).clip(0, 1)
    shares = {
        "heart": who.heart_density * heart * rise,
        "mediastinum": np.maximum(column, 0.8 * arch),
        "belly": belly_share(who),
    }
    filled, layers = np.zeros_like(path), {}
    for name, share in shares.items():
        reach = np.maximum(view.carry(share.astype(np.float32)), filled)
        layers[name], filled = WATER * (reach - filled) * path, reach
    layers["hidden_lung"] = LUNG * (1 - filled) * ~masks * path
    return layers


def belly_share(who: Person) -> np.ndarray:
    """Share of the chest's depth that the dome of the diaphragm fills, on the smooth grid."""
    share, beside = np.zeros_like(X), np.maximum(np.abs(X[0]), 0.8 * who.dome_peak * who.half)
    for side in (-1, 1):
        under = Y - organs.diaphragm_height(who, side, beside)
        swell = np.sqrt(1 - (1 - (under / (who.dome_roundness * who.H)).clip(0, 1)) ** 2)
        swell = 0.2 * ((under + 2) / 4).clip(0, 1) + 0.8 * swell
        share = np.where(X * side >= 0, swell, share)
    return share.astype(np.float32)


def airways(who: Person, view: View) -> np.ndarray:
    """Air in the trachea and main bronchi, where soft tissue was counted: below 0."""
    h, wide, shift = who.H, who.trachea_width, 0.5 * who.turn
    carina = np.array([shift, 0.33 * h])
    trachea = smooth([[0, -0.8 * h], [shift, 0.0], [shift + 2, 0.2 * h], carina])
    layer = inflate(ribbon(trachea, wide), wide / 2) * wide * who.trachea_depth
    for side, steep in ((-1, 0.95), (1, 0.62)):
        tip = carina + mm(side * 0.15 * h, 0.15 * h * steep)
        width = np.linspace(0.8, 0.45, 10) * wide
        tube = ribbon(np.linspace(carina - mm(side * 2, 6), tip, 10), width)
        layer = np.maximum(layer, inflate(tube, wide * 0.35) * wide * 0.6)
    return -WATER * 0.9 * view.carry(layer.astype(np.float32))


def bubble(who: Person, rng: np.random.Generator) -> np.ndarray:
    """Gas in the stomach on the smooth grid (mm), flat below where fluid stands."""
    draw = {name: who.p.get(name, limits.even(rng)) for name, limits in GAS.items()}
    x = who.half * draw["stomach_x"]
    dome = float(organs.diaphragm_height(who, 1, np.array([x]))[0])
    top = dome + draw["stomach_below"] * who.grown
    wide, tall = draw["stomach_width"] * who.grown, draw["stomach_height"] * who.grown
    outline = ellipse((x, top + tall), (wide, tall), draw["stomach_tilt"])
    fluid = top + tall * draw["stomach_fluid"]
    gas = inflate(outline, 0.8 * tall) * ((fluid - Y) / 3).clip(0, 1)
    return gas * tall * draw["stomach_depth"]


def bowel(who: Person, rng: np.random.Generator) -> np.ndarray:
    """Gas in the colon under the left dome on the smooth grid (mm), in rounded pouches."""
    gas = np.zeros_like(X)
    x, y = who.half * GAS["bowel_x"].even(rng), who.H * GAS["bowel_level"].even(rng)
    for _ in range(rng.integers(3, 9)):
        size = GAS["bowel_size"].even(rng) * who.grown
        pouch = ellipse((x, y), (size, size * GAS["bowel_flat"].even(rng)), rng.uniform(0, 3))
        pouch = inflate(pouch, 0.9 * size) * size * GAS["bowel_depth"].even(rng)
        gas = np.maximum(gas, pouch)
        x, y = x + rng.normal(-4, 10), y + rng.normal(5, 11)
    return gas


def belly_gas(who: Person, view: View, rng: np.random.Generator) -> np.ndarray:
    """Gas in stomach and colon, where soft tissue was counted: below 0."""
    share = 1.0 if who.kind == "raised domes" else SHARES["stomach_gas"]
    gas = bubble(who, rng) if rng.random() < share else np.zeros_like(X)
    if rng.random() < SHARES["bowel_gas"]:
        gas = np.maximum(gas, bowel(who, rng))
    under = (organs.diaphragm_height(who, 1, X[0]) + 3 < Y).astype(np.float32)
    return -WATER * view.carry(cv2.GaussianBlur((gas * under).astype(np.float32), (0, 0), 0.7))


def grain(who: Person, view: View, rng: np.random.Generator, path: np.ndarray) -> np.ndarray:
    """Fine branching and connective tissue of the lung that no single vessel shows."""
    fine = noise(rng, view.shape, 1.5 / view.pixel_mm) + noise(rng, view.shape, 3 / view.pixel_mm)
    return LUNG * who.markings * path * 0.04 * fine
