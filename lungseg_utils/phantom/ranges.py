"""Every range the simulation draws from, each with its unit and where it comes from.

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

    def even(self, rng: np.random.Generator, count: int | None = None) -> float | np.ndarray:
        """One value, all between the limits equally likely; with `count`, an array (count,)."""
        return rng.uniform(self.low, self.high, count)


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

# From here on all values between the limits are equally likely: `Range.even`.

# How the lungs' vessels branch.
VESSELS = {
    "first_radius": Range(0.2, 0.5, "of the person's vessel", "films"),
    "first_length": Range(0.055, 0.11, "H", "films"),
    "split": Range(0.35, 0.95, "radians, by which the thinner branch turns off", "films"),
    "share": Range(0.62, 0.9, "radius of the thicker branch / radius before the fork", "films"),
    "shorter": Range(0.68, 1.0, "length of a branch / length before the fork", "films"),
}

# Gas under the left dome. "x" counts from the midline.
GAS = {
    "stomach_x": Range(0.3, 0.65, "half width of the chest", "films"),
    "stomach_below": Range(2.5, 11, "mm from dome to gas, adult", "films"),
    "stomach_width": Range(18, 50, "mm, half width of the bubble, adult", "films"),
    "stomach_height": Range(7, 40, "mm, half height of the bubble, adult", "films"),
    "stomach_tilt": Range(-0.1, 0.3, "radians", "films"),
    "stomach_fluid": Range(0.8, 1.9, "half heights, from the bubble's top to the fluid", "films"),
    "stomach_depth": Range(1.5, 3.0, "depth / half height", "films"),
    "bowel_x": Range(0.5, 0.85, "half width of the chest, first pouch", "films"),
    "bowel_level": Range(1.0, 1.15, "H, first pouch", "films"),
    "bowel_size": Range(7, 22, "mm, half the length of a pouch, adult", "films"),
    "bowel_flat": Range(0.6, 1, "width / length of a pouch", "films"),
    "bowel_depth": Range(1.4, 2.6, "depth / half length of a pouch", "films"),
}
STOMACH_GAS = 0.75  # share of radiographs with a bubble of gas in the stomach (films)
BOWEL_GAS = 0.5  # share of radiographs with gas in the colon (films)

# Tuberculosis and its company. "fill" = share of the air that fluid or tissue replaces.
DISEASE = {
    "infiltrate_upper": Range(0.05, 0.45, "H, centre of most infiltrates", "films"),
    "infiltrate_lower": Range(0.4, 0.9, "H, centre of the others", "films"),
    "infiltrate_size": Range(9, 38, "mm, radius of one cloud, adult", "films"),
    "infiltrate_depth": Range(10, 34, "mm of lung without air on the beam's way", "films"),
    "cavity_level": Range(0.06, 0.42, "H", "films"),
    "cavity_size": Range(9, 22, "mm, outer radius, adult", "films"),
    "cavity_hollow": Range(0.62, 0.84, "inner / outer radius", "films"),
    "nodule_level": Range(0.08, 0.9, "H", "films"),
    "nodule_size": Range(4, 12, "mm, radius", "films"),
    "scars_level": Range(0.05, 0.32, "H", "films"),
    "scars_density": Range(0.4, 1, "relative density of one strand", "films"),
    "consolidation_level": Range(0.15, 0.95, "H, middle", "films"),
    "consolidation_half": Range(0.08, 0.28, "H, half its height", "films"),
    "consolidation_slope": Range(-0.25, 0.25, "H, from the midline to the outer edge", "films"),
    "consolidation_edge": Range(0.02, 0.16, "H, over which an edge fades", "films"),
    "consolidation_fill": Range(0.25, 0.85, "share of the air", "films"),
    "collapse_level": Range(0.16, 0.34, "H, lower edge of the shrunken lobe", "films"),
    "collapse_bow": Range(0.1, 0.3, "H, bow of that edge over half the chest's width", "films"),
    "collapse_fill": Range(0.45, 0.9, "share of the air", "films"),
    "effusion_large": Range(0.25, 0.7, "H, from the lung's lowest point up", "films"),
    "effusion_small": Range(0.05, 0.2, "H, from the lung's lowest point up", "films"),
    "miliary_density": Range(90, 255, "of 255, density of one seed", "films"),
}
FINDINGS = {  # share of the findings, without miliary ones (films)
    "infiltrate": 0.34,
    "cavity": 0.13,
    "nodule": 0.12,
    "scars": 0.17,
    "effusion": 0.12,
    "consolidation": 0.09,
    "collapse": 0.03,
}
MILIARY = 0.06  # share of abnormal radiographs (films)
SECOND = 0.4  # share of the other abnormal radiographs with one more finding (films)
THIRD = 0.15  # share of them with one more again, whether or not they have a second (films)
UPPER = 0.7  # share of infiltrates in the upper half of the lung (films)
CALCIFIED = 0.5  # share of nodules (films)
LARGE = 0.5  # share of effusions (films)
BOTH_SIDES = 0.3  # share of effusions (films)

# Things on or in the patient.
OBJECTS = {
    "lead_x": Range(0.3, 0.8, "half width of the chest, electrode from the midline", "films"),
    "lead_level": Range(0.1, 0.8, "H, electrode", "films"),
    "lead_aside": Range(0, 60, "mm, run of the wire to the side", "films"),
    "pacemaker_level": Range(0.12, 0.25, "H, generator", "films"),
    "necklace_drop": Range(0.12, 0.32, "H, lowest point", "films"),
    "button_spacing": Range(0.18, 0.3, "H", "films"),
}
FOREIGN = {  # share of radiographs (films)
    "none": 0.92,
    "lead": 0.02,
    "pacemaker": 0.015,
    "necklace": 0.025,
    "buttons": 0.02,
}
PACED_RIGHT = 0.2  # share of pacemakers under the patient's right collar bone (films)

# Collimator and edges of the film.
BORDERS = {
    "lower": Range(0.70, 1.05, "of the picture's height, where the lower border lies", "films"),
    "other": Range(0.005, 0.09, "of the picture's size, how far another border reaches", "films"),
}
RIMS = tuple(  # equally often
    Range(1.3, widest, "pixels of 512, bright rim along the borders", "films")
    for widest in (2.0, 2.5, 5.0)
)
RIMMED = 0.4  # share of radiographs whose borders have a bright rim (films)
LOWER_BORDER = 0.72  # share of radiographs (films)
OTHER_BORDER = 0.2  # share of radiographs, for each of the other three sides (films)

# What is written on the film. "x" and "y" are shares of the picture's width and height.
MARKS = {
    "letters": Range(15, 21, "pixels of 512, height of the side marker", "films"),
    "side_x": Range(0.01, 0.12, "x of the side marker", "films"),
    "side_y": Range(0.05, 0.1, "y of the side marker", "films"),
    "label_x": Range(0.78, 0.86, "x of the projection's label", "films"),
    "label_y": Range(0.035, 0.07, "y of the projection's label", "films"),
    "print_start": Range(0.01, 0.1, "y where a line of the small print starts", "films"),
    "print_shift": Range(0, 0.2, "y, shift of both lines", "films"),
    "print_x": Range(0.86, 0.935, "x of the small print", "films"),
    "blank_size": Range(0.08, 0.24, "x, and of 0.4 of the height: a blanked corner", "films"),
    "blank_left": Range(0, 0.15, "x of a blanked left corner", "films"),
    "blank_right": Range(0.7, 0.8, "x of a blanked right corner", "films"),
}
BLANKED = 0.12  # share of radiographs with a corner blanked (films)
SIDE_MARKED = 0.92  # share of radiographs with a side marker (films)
LABELLED = 0.85  # share of radiographs with the projection's label (films)
BOXED = 0.85  # share of those labels that are black in a white box (films)
PRINTED = 0.7  # share of radiographs with small print (films)
