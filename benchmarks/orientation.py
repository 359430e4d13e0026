"""How sure the network that judges orientation is of an X-ray, turned and inverted as well.

    python benchmarks/orientation.py NAME=FOLDER ...

writes benchmarks/orientation.json: for each set the least and the median sureness of X-rays as they
are, the most of those turned and of those inverted, and how many look surer another way.
"""

import json
import sys

import numpy as np
from facts import FOLDER, facts
from tqdm import tqdm

from lungseg_utils.app.networks import load_networks
from lungseg_utils.images import read_image
from lungseg_utils.metrics import soft_dice
from lungseg_utils.predict import THRESHOLD, predict_squares, squares_for
from lungseg_utils.radiographs import load_records
from lungseg_utils.squares import to_native

VIEWS = [(quarters, inverted) for inverted in (False, True) for quarters in range(4)]
INVERTED = VIEWS.index((0, True))


def measure_set(folder: str) -> dict:
    """Of the last network, whose answers are compared at the size of the first."""
    first, last = load_networks()
    side, found = first.input_shape[1], []
    for record in tqdm(load_records(folder), folder):
        (square,) = squares_for([last], read_image(record.image_path))
        views = [np.rot90(1 - square if inverted else square, k) for k, inverted in VIEWS]
        answers = [to_native(one, (side, side)) for one in predict_squares(last, np.stack(views))]
        found.append([soft_dice(one, one > THRESHOLD) for one in answers])
    sure = np.array(found)
    upright, turned = sure[:, 0], np.delete(sure, [0, INVERTED], axis=1)
    return {
        "images": len(sure),
        "upright": {"least": float(upright.min()), "median": float(np.median(upright))},
        "turned": {"most": float(turned.max())},
        "inverted": {"most": float(sure[:, INVERTED].max())},
        "surer_another_way": int((sure[:, 1:].max(axis=1) > upright).sum()),
    }


if __name__ == "__main__":
    sets = dict(one.split("=", 1) for one in sys.argv[1:])
    content = {name: measure_set(folder) for name, folder in sets.items()} | {"run": facts()}
    (FOLDER / "orientation.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
