"""Every range and share the simulation draws from. The ranges are the rows of ranges.csv.

Sources: "masks" = measured on the manual masks of the Montgomery set (138 radiographs, patients of
4 to 89 years; medians and 2nd to 98th percentiles, in mm through 0.0875 mm a pixel); "greys" = on
the grey of its training part (benchmarks/realism.py); "Gray" = Standring (ed.), Gray's Anatomy,
41st ed. 2016; "ICRU" = ICRU Report 44, 1989, and NIST XCOM at 60 to 70 keV; "Hopper" = Felson's
Principles of Chest Roentgenology, signs and normal limits; "films" = estimated by eye on
posteroanterior films, "bedside" and "infants" on films taken lying down. "H" in a unit = height of
the lungs, apex to costophrenic angle; "x" and "y" of borders and marks = shares of the picture.
The unit of a share says of what; both its limits are the share.
"""

import csv
from pathlib import Path
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


def _read_ranges() -> dict[str, dict[str, Range]]:
    found = {}
    with Path(__file__).with_name("ranges.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            one = Range(float(row["low"]), float(row["high"]), row["unit"], row["source"])
            found.setdefault(row["table"], {})[row["name"]] = one
    return found


RANGES = _read_ranges()
PERSON = RANGES["person"]  # fixed for all radiographs of one patient
ANNOTATOR = RANGES["annotator"]  # how far organs reach over borders as annotators draw them
MOMENT = RANGES["moment"]  # drawn anew for every radiograph
BEND = RANGES["bend"]  # how far one body's shape is from another's, beyond what PERSON says
PICTURE = RANGES["picture"]  # the tube, the film and the reader's window
# All values between the limits of these are equally likely.
VESSELS, GAS, DISEASE = RANGES["vessels"], RANGES["gas"], RANGES["disease"]
OBJECTS, BORDERS, MARKS = RANGES["objects"], RANGES["borders"], RANGES["marks"]
# What chronic disease makes of a body: these replace draws of PERSON and MOMENT.
HABITS = {name: RANGES[name] for name in ("enlarged heart", "hyperinflation", "scoliosis")}

SHARES, FINDINGS, FOREIGN, RARE = (
    {name: share.low for name, share in RANGES[table].items()}
    for table in ("share", "finding", "foreign", "rare")
)
# RARE, radiographs that the Montgomery set lacks, are in no set unless they are asked for. The
# ranges of the table of that name, if there is one, replace draws of PERSON, MOMENT and GAS.

WAVES = 6  # of a bend
WATER = 0.0190  # 1/mm, soft tissue at about 70 keV (ICRU)
INFLATED_LUNG = 0.20  # density of inflated lung relative to soft tissue (ICRU)
BONE = 0.040  # 1/mm, spongy and cortical bone mixed, above the tissue it replaces (ICRU)
SPACING_MM = 0.0875  # one native pixel of the Montgomery set
LONG, SHORT = 4892, 4020  # native pixels

# Half width of the lung's outer edge (relative to its largest) at levels below the apex, in H.
EDGE_LEVEL = (0.0, 0.02, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 1.0, 1.15)
EDGE_WIDTH = (0.36, 0.50, 0.59, 0.69, 0.80, 0.86, 0.90, 0.922, 0.94, 0.964, 0.988, 1.0, 1.0, 0.99)

RIMS = tuple(  # equally often
    Range(1.3, widest, "pixels of 512, bright rim along the borders", "films")
    for widest in (2.0, 2.5, 5.0)
)
