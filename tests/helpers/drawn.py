"""What is drawn of some simulated patients, in a few numbers; written down so that a change shows.

python tests/helpers/drawn.py       after a change of the simulator that is meant
"""

import json
from pathlib import Path

import numpy as np

from lungseg_utils import phantom
from lungseg_utils.phantom.radiograph import Exposure

KEPT = Path(__file__).with_name("drawn.json")
SIZE = 96
SHOWN = 4  # tiles of the picture, down and across
# all kinds of disease, habit and foreign object; children, and a patient who comes again
PATIENTS = (
    *((0, index) for index in (1, 8, 27, 29, 77, 98, 114)),
    *((1, index) for index in (40, 64, 72, 87)),
    *((2, index) for index in (16, 37)),
    *((3, index) for index in (68, *range(200, 210))),
)


def moments(layer: np.ndarray) -> list[float]:
    """Sum of a layer, and its sums weighted by row and by column, as shares of a full one."""
    ramp = np.linspace(0, 1, len(layer))
    sums = layer.sum(), (layer.T @ ramp).sum(), (layer @ ramp).sum(), (layer**2).sum()
    return [round(float(one) / layer.size, 6) for one in sums]


def describe(seed: int, index: int) -> dict:
    """Attenuation by part, grey by tile, place of the lungs, and what is known of the patient."""
    exposure = Exposure(seed, index, SIZE)
    made = phantom.simulate(seed, index, SIZE)
    tiles = made.image.reshape(SHOWN, SIZE // SHOWN, SHOWN, -1).mean(axis=(1, 3))
    return {
        "parts": {name: moments(layer.astype(float)) for name, layer in exposure.layers()},
        "tiles": tiles.round(2).ravel().tolist(),
        "masks": [moments(mask.astype(float)) for mask in (made.mask_left, made.mask_right)],
        "known": [made.age, made.sex, made.label, made.reading, made.native_width],
    }


if __name__ == "__main__":
    found = {f"{seed} {index}": describe(seed, index) for seed, index in PATIENTS}
    KEPT.write_text(json.dumps(found), encoding="utf-8")
