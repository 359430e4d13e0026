"""What the confidence and the warnings of `predict` are worth on real X-rays.

    python benchmarks/uncertainty.py NAME=FOLDER [NAME=FOLDER ...]

writes benchmarks/uncertainty.json: for each set in the Montgomery layout the smallest lungs among
its reference masks, and, for at most 31 images that the weights that ship did not learn from, Dice,
confidence and warnings of both networks together, as they are and spoilt in one of six ways; the
mean risk over all coverages, surest first, beside a random and the best possible order.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from facts import FOLDER, facts
from transfer import parse

from lungseg_utils.app.networks import load_networks
from lungseg_utils.images import read_image
from lungseg_utils.masks import read_lungs, read_mask
from lungseg_utils.metrics import dice
from lungseg_utils.predict import predict
from lungseg_utils.pretrained import MONTGOMERY, pretrained_facts
from lungseg_utils.radiographs import load_records
from lungseg_utils.start import load_tensorflow
from lungseg_utils.types import Record

MOST = 31
MOVES = {
    "upside down": lambda array: array[::-1, ::-1],
    "on its side": np.rot90,
    "mirrored": np.fliplr,
}
TONES = {
    "inverted": lambda image: 1 - image,
    "too faint": lambda image: 0.45 + 0.1 * image,
    "blurred": lambda image: cv2.GaussianBlur(image, (0, 0), len(image) / 40),
}


def unseen(folder: str) -> list[Record]:
    """At most `MOST` records, evenly spaced, of those that no weight has learned from."""
    held_out = pretrained_facts(MONTGOMERY)["held_out"]
    records = [
        record
        for record in load_records(folder)
        if not record.name.startswith("MCUCXR_") or record.name in held_out
    ]
    return records[:: -(-len(records) // MOST)]


def smallest(folder: str) -> dict[str, float]:
    """The least share of a picture that both lungs cover, and the least lung beside the other."""
    cover, ratio = [], []
    for record in load_records(folder):
        sides = [read_mask(path) for path in record.mask_paths]
        areas = [side.mean() for side in sides]
        cover.append(sum(areas))
        ratio.append(min(areas) / max(areas))
    return {"masks": len(cover), "least_cover": min(cover), "least_ratio": min(ratio)}


def rows(models: list, records: list[Record]) -> pd.DataFrame:
    """Dice, confidence and warnings of each image, as it is and spoilt in one way."""
    found = []
    ways = [*MOVES, *TONES]
    for place, record in enumerate(records):
        image, lungs = read_image(record.image_path), read_lungs(record)
        way = ways[place % len(ways)]
        change = (MOVES | TONES)[way]
        truth = MOVES[way](lungs) if way in MOVES else lungs
        for name, seen, mask in (("as it is", image, lungs), (way, change(image), truth)):
            said = predict(models, np.ascontiguousarray(seen))
            score = dice(said.mask, np.ascontiguousarray(mask))
            found.append((name, score, said.confidence, said.warnings))
    return pd.DataFrame(found, columns=["change", "dice", "confidence", "warnings"])


def mean_risk(scores: np.ndarray, order: np.ndarray) -> float:
    """Mean over all coverages of 1 minus the mean Dice of those kept."""
    risks = np.cumsum(1 - scores[order]) / np.arange(1, len(scores) + 1)
    return float(risks.mean())


def summary(table: pd.DataFrame) -> dict:
    """The numbers of one set."""
    scores, sure = table["dice"].to_numpy(), table["confidence"].to_numpy()
    changes = {
        name: {
            "images": len(part),
            "dice": part["dice"].mean(),
            "confidence": part["confidence"].mean(),
            "least_confidence": part["confidence"].min(),
            "warned": int((part["warnings"].str.len() > 0).sum()),
            "warnings": dict(Counter(one for all_ in part["warnings"] for one in all_)),
        }
        for name, part in table.groupby("change", sort=False)
    }
    return {
        "changes": changes,
        "mean_risk": {
            "random": float(1 - scores.mean()),
            "surest_first": mean_risk(scores, np.argsort(-sure, kind="stable")),
            "best": mean_risk(scores, np.argsort(-scores, kind="stable")),
        },
    }


def main(sets: dict[str, str]) -> None:
    """Measure, and write the file."""
    models = load_networks()
    found = {}
    for name, folder in sets.items():
        simulated = (Path(folder) / "phantom.json").exists()
        found[name] = smallest(folder)
        if not simulated:
            found[name] |= summary(rows(models, unseen(folder)))
        print(name, json.dumps(found[name], indent=1))
    text = json.dumps({"sets": found, **facts()}, indent=1)
    (FOLDER / "uncertainty.json").write_text(text + "\n")


if __name__ == "__main__":
    load_tensorflow()
    main(parse(sys.argv[1:]))
