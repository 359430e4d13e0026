"""Which warnings see a picture that shows too much, or too little, of a chest.

    python benchmarks/framing.py NAME=FOLDER ...

writes benchmarks/framing.json: for each set, of every third X-ray as it is and in seven other
frames, how many have which warning, how many lose more than .05 of Dice, and how many of those lose
it without any warning. A picture of two X-rays is right if both are found.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
from facts import FOLDER, facts
from greys import SILENT
from tqdm import tqdm

from lungseg_utils.app.networks import load_networks
from lungseg_utils.masks import read_pair
from lungseg_utils.metrics import dice
from lungseg_utils.predict import predict
from lungseg_utils.radiographs import load_records

Pair = tuple[np.ndarray, np.ndarray]  # an image and its mask, (height, width) each
EVERY = 3
SIDE = 512


def beside(one: Pair, other: Pair) -> Pair:
    return tuple(np.hstack(both) for both in zip(one, other, strict=True))


def above(one: Pair, other: Pair) -> Pair:
    return tuple(np.vstack(both) for both in zip(one, other, strict=True))


def half(value: float) -> Callable[[Pair, Pair], Pair]:
    """The lower half painted over; what was drawn there still counts."""

    def frame(one: Pair, _: Pair) -> Pair:
        image = one[0].copy()
        image[SIDE // 2 :] = value
        return image, one[1]

    return frame


def page(share: float) -> Callable[[Pair, Pair], Pair]:
    """A small copy on a white page; `share` of its width."""

    def frame(one: Pair, _: Pair) -> Pair:
        side = int(share * SIDE)
        place = np.s_[SIDE // 4 : SIDE // 4 + side, SIDE // 4 : SIDE // 4 + side]
        image, lungs = np.ones((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), bool)
        image[place], lungs[place] = (resized(array, side) for array in one)
        return image, lungs

    return frame


def resized(array: np.ndarray, side: int = SIDE) -> np.ndarray:
    found = cv2.resize(array.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return found >= 0.5 if array.dtype == bool else found


FRAMES = {
    "as it is": lambda one, _: one,
    "two side by side": beside,
    "one above the other": above,
    "a black lower half": half(0),
    "a white lower half": half(1),
    "half as wide, on a page": page(0.5),
    "a third as wide, on a page": page(0.33),
    "a fifth as wide, on a page": page(0.2),
}


def measure_set(folder: str) -> dict:
    """The warnings in each frame."""
    models = load_networks()
    pairs = [tuple(map(resized, read_pair(one))) for one in load_records(folder)[::EVERY]]
    found: dict[str, list] = {name: [] for name in FRAMES}
    for one, other in tqdm(zip(pairs, pairs[1:] + pairs[:1], strict=True), folder):
        for name, frame in FRAMES.items():
            image, lungs = frame(one, other)
            said = predict(models, image)
            found[name].append((dice(said.mask, lungs), said.warnings))
    plain = np.array([score for score, _ in found["as it is"]])
    return {name: row(rows, plain) for name, rows in found.items()}


def row(rows: list, plain: np.ndarray) -> dict:
    """One line of the table, of a Dice and the warnings for each image."""
    lost = plain - [score for score, _ in rows] > SILENT
    silent = lost & [not said for _, said in rows]
    said = Counter(one.split(":")[0].split(" (")[0] for _, those in rows for one in set(those))
    return {"images": len(rows), "lost": int(lost.sum()), "silent": int(silent.sum()),
            "warnings": dict(said.most_common())}  # fmt: skip


if __name__ == "__main__":
    sets = dict(one.split("=", 1) for one in sys.argv[1:])
    content = {name: measure_set(folder) for name, folder in sets.items()} | {"run": facts()}
    (FOLDER / "framing.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
