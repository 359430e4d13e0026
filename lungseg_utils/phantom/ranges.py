"""Every number the simulated anatomy is drawn from: range, unit and where it comes from.

Sources: "masks" = measured on the manual masks of the Montgomery set (138 radiographs, patients of
4 to 89 years; medians and 2nd to 98th percentiles, in mm through 0.0875 mm a pixel); "Gray" =
Standring (ed.), Gray's Anatomy, 41st ed. 2016; "ICRU" = ICRU Report 44, 1989, and NIST XCOM at
60 to 70 keV; "Hopper" = Felson's Principles of Chest Roentgenology, signs and normal limits;
"films" = estimated by eye on posteroanterior films.
"""

from typing import NamedTuple

import numpy as np


class Range(NamedTuple):
    """Limits of one quantity; nearly all draws of a normal law lie inside them."""

    low: float
    high: float
    unit: str
    source: str

    def draw(self, rng: np.random.Generator) -> float:
        """One value, normal around the middle with the limits at two standard deviations."""
        middle, spread = (self.low + self.high) / 2, (self.high - self.low) / 4
        return float(np.clip(rng.normal(middle, spread), self.low, self.high))


# The person: fixed for all radiographs of one patient. "H" = height of the lungs, apex to angle.
PERSON = {
    "lung_height": Range(200, 338, "mm, adult", "masks"),
    "chest_width": Range(244, 336, "mm, outer edges of both lungs of average height", "masks"),
    "chest_depth": Range(0.50, 0.66, "inner depth / chest width", "Gray"),
    "barrel": Range(-0.06, 0.06, "relative change of width, apex against base", "masks"),
    "apex_width": Range(0.88, 1.12, "relative width of the apices", "masks"),
    "wall": Range(12, 58, "mm of skin, fat and muscle beside the ribs", "films"),
    "heart_ratio": Range(0.34, 0.52, "heart width / chest width", "Hopper: below 0.5"),
    "heart_density": Range(0.36, 0.98, "share of the chest's depth that the heart fills", "Gray"),
    "heart_right": Range(0.26, 0.37, "share of the heart right of the midline", "masks"),
    "heart_bulge": Range(0.0, 0.10, "heart's left width, convexity of the border", "films"),
    "heart_top": Range(0.36, 0.43, "H", "masks"),
    "aortic_knob": Range(24, 36, "mm from the midline", "masks"),
    "knob_level": Range(0.22, 0.31, "H", "masks"),
    "mediastinum_density": Range(0.62, 0.97, "share of the chest's depth that it fills", "Gray"),
    "mediastinum_right": Range(9.5, 20, "mm from the midline at 0.2 H", "masks"),
    "mediastinum_left": Range(7.5, 17, "mm from the midline at 0.15 H", "masks"),
    "dome": Range(0.12, 0.25, "H, top of the dome above the recess", "masks"),
    "dome_power": Range(1.25, 2.1, "steepness of the recess", "masks"),
    "dome_peak": Range(0.38, 0.58, "share of the half width", "masks"),
    "dome_roundness": Range(0.10, 0.40, "H, over which the belly fills the depth", "films"),
    "left_dome_lower": Range(-0.01, 0.09, "H below the right dome", "Gray: about 1 to 2.5 cm"),
    "left_angle_lower": Range(-0.07, 0.07, "H below the right angle", "masks"),
    "rib_width": Range(10.5, 14.5, "mm", "Gray"),
    "rib_slope": Range(0.38, 0.52, "H, fall from spine to anterior end", "films"),
    "rib_level": Range(-0.06, 0.0, "H, neck of the first rib", "films"),
    "rib_spacing": Range(0.082, 0.094, "H", "films"),
    "bone": Range(0.5, 1.35, "relative mineral content", "films"),
    "clavicle_width": Range(8.5, 13, "mm", "Gray"),
    "shoulder_depth": Range(0.45, 1.0, "depth of the shoulders, relative to the neck's", "films"),
    "muscle": Range(1, 20, "mm of muscle before and behind the upper chest", "films"),
    "neck": Range(46, 68, "mm, half width", "films"),
    "shoulder": Range(30, 58, "mm, joint beyond the chest wall", "films"),
    "arm": Range(40, 60, "mm, half width of the upper arm", "films"),
    "breast": Range(48, 84, "mm, half width", "films"),
    "breast_depth": Range(8, 46, "mm", "films"),
    "breast_level": Range(0.54, 0.80, "H, centre", "films"),
    "scoliosis": Range(-10, 10, "mm, bow of the spine", "films"),
    "vertebra_width": Range(27, 37, "mm", "Gray"),
    "trachea_width": Range(12, 21, "mm", "Gray"),
    "trachea_depth": Range(0.7, 1.7, "depth / width", "Gray: round to oval, deeper in emphysema"),
    "vessel": Range(4.0, 6.8, "mm, radius of the first branches", "Gray"),
    "haze": Range(0.0, 0.5, "share of tissue round the hila and along the mediastinum", "films"),
    "haze_reach": Range(5, 16, "mm, how far it spreads from the mediastinum", "films"),
    "markings": Range(0.7, 2.2, "relative density of vessels, hila and interstitium", "films"),
    "hilum_level": Range(0.40, 0.49, "H", "films"),
}

# What chronic disease makes of a body: these replace the draws above.
HABITS = {
    "enlarged heart": {"heart_ratio": Range(0.52, 0.62, "heart width / chest width", "Hopper")},
    "hyperinflation": {
        "dome": Range(0.06, 0.12, "H", "Hopper: flat domes"),
        "inspiration": Range(1.06, 1.16, "relative lung height", "Hopper: over 10 posterior ribs"),
        "heart_ratio": Range(0.28, 0.38, "heart width / chest width", "Hopper"),
        "chest_depth": Range(0.64, 0.74, "inner depth / chest width", "Hopper"),
    },
    "scoliosis": {"scoliosis": Range(12, 34, "mm, bow of the spine to the right", "Hopper")},
}
HABITUAL = 0.22  # share of abnormal patients with one of these

# How far one body's shape is from another's, beyond what the ranges above say.
BEND = {
    "wavelength": Range(150, 520, "mm, adult", "films"),
    "strain": Range(0.05, 0.42, "sum of the waves' slopes; 1 would fold the picture", "masks"),
}
WAVES = 6

# The moment: drawn anew for every radiograph.
MOMENT = {
    "inspiration": Range(0.90, 1.06, "relative lung height", "Hopper: 8 to 10 posterior ribs"),
    "turn": Range(-7, 7, "mm, shift of the mediastinum as the patient turns", "films"),
    "arm_angle": Range(8, 78, "degrees, upper arm from the vertical", "films"),
    "clavicle_level": Range(0.06, 0.21, "H, sternal end", "films"),
    "tilt": Range(-0.06, 0.09, "H, front of the chest seen above the back", "films"),
    "clavicle_rise": Range(-0.02, 0.17, "H, shoulder end above the sternal end", "films"),
    "scapula_in": Range(-26, 26, "mm, medial border outside the lung's edge", "films"),
    "rotation": Range(-3.5, 3.5, "degrees in the picture plane", "films"),
    "apex_at": Range(0.01, 0.185, "share of the field's height above the apices", "masks"),
    "off_centre": Range(-25, 20, "mm", "masks"),
}

# The tube, the film and the reader's window.
PICTURE = {
    "kilovolt_contrast": Range(0.85, 1.12, "relative attenuation", "ICRU"),
    "scatter": Range(0.15, 0.9, "scattered over primary, with grid", "films"),
    "scatter_reach": Range(18, 38, "mm", "films"),
    "photons": Range(8000, 60000, "a pixel of 0.7 mm in air", "films"),
    "blur": Range(0.25, 0.55, "mm, focal spot and screen", "films"),
    "lung_grey": Range(0.18, 0.48, "median of the lungs on the film, 1 = white", "films"),
    "gradient": Range(1.25, 2.5, "slope of the film curve", "films"),
    "white": Range(0.84, 1.02, "what becomes white, relative to the densest part", "films"),
    "black": Range(0.0, 0.2, "grey of the lungs' darkest twentieth", "films"),
    "harmony": Range(
        0.0, 0.35, "share of the broad shades that digital processing takes out", "films"
    ),
    "detail": Range(0.0, 0.6, "share that it adds to detail", "films"),
    "detail_reach": Range(5, 40, "mm, what counts as detail", "films"),
}

INVERTED = 0.015  # share of radiographs that are black where others are white
DIGITAL = 0.5  # share of radiographs that were processed digitally
WATER = 0.0190  # 1/mm, soft tissue at about 70 keV (ICRU)
INFLATED_LUNG = 0.20  # density of inflated lung relative to soft tissue (ICRU)
BONE = 0.040  # 1/mm, spongy and cortical bone mixed, above the tissue it replaces (ICRU)
SPACING_MM = 0.0875  # one native pixel of the Montgomery set
LONG, SHORT = 4892, 4020  # native pixels
PORTRAIT = 0.70  # share of radiographs higher than wide, as in the Montgomery set
ABNORMAL = 0.42  # share of radiographs with disease, as in the Montgomery set

# Half width of the lung's outer edge (relative to its largest) at levels below the apex, in H.
EDGE_LEVEL = (0.0, 0.02, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 1.0, 1.15)
EDGE_WIDTH = (0.36, 0.50, 0.59, 0.69, 0.80, 0.86, 0.90, 0.922, 0.94, 0.964, 0.988, 1.0, 1.0, 0.99)
