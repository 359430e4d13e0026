"""Trains on simulated radiographs alone, then scores every image of real sets once.

    python benchmarks/transfer.py NAME=FOLDER [NAME=FOLDER ...]

writes benchmarks/transfer.json: scores with intervals, how many images, seconds. The real sets, in
the Montgomery layout, are opened for scoring only: no weight or threshold sees them. (What the
simulation itself owes to them is in MODEL_CARD.md, "What was used for what".)
"""

import json
import sys
import time
from functools import partial
from pathlib import Path
from unittest.mock import patch

import keras
from facts import FOLDER, facts

from lungseg_utils import start
from lungseg_utils.phantom import RARE, ranges, write_phantom_set
from lungseg_utils.predict import predict_mask
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import FOR_SIMULATED, Recipe
from lungseg_utils.results import by_group, evaluate, summarise
from lungseg_utils.squares import Squares, load_squares
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.training import Run, train

IMAGES = 2000
VALIDATION = 32  # of them, to watch the training; nothing is chosen by it
SIZE = 256  # pixels of the simulated files
SEED = 11
# Without the inverted ones: a network that knows them cannot tell that a picture is inverted.
KINDS = {name: share for name, share in RARE.items() if name != "inverted"}
# Where annotators draw a border, in mm beyond where the organ ends. Fitted to the training part of
# Montgomery alone, by the distance of a small network's borders from those of the masks.
ANNOTATORS = {
    "over_heart": (-2.3, -0.1),
    "over_mediastinum": (-1.9, 0.3),
    "over_wall": (0.2, 2.7),
    "over_apex": (2.0, 7.0),
}


def train_on_simulated(
    folder: Path, recipe: Recipe = FOR_SIMULATED, images: int = IMAGES, seed: int = SEED
) -> tuple[Run, dict[str, float]]:
    """The network and the seconds of simulating, preparing and training; all kept in `folder`."""
    seconds, began = {}, time.perf_counter()
    drawn = {name: ranges.Range(*ends, "mm", "") for name, ends in ANNOTATORS.items()}
    with patch.dict(ranges.ANNOTATOR, drawn):
        root = write_phantom_set(folder / "simulated", images, SIZE, seed, rare=KINDS)
    records = load_records(root)
    seconds["simulating"] = time.perf_counter() - began
    squares = load_squares(records, recipe.size, folder / "cache")
    seconds["preparing"] = time.perf_counter() - began - seconds["simulating"]
    training, validation = (
        Squares(squares.images[part], squares.masks[part])
        for part in (slice(VALIDATION, None), slice(VALIDATION))
    )
    trained = train(recipe, training, validation, folder / "runs", pick_precision())
    seconds["training"] = sum(row["seconds"] for row in trained.history)
    return trained, seconds


def score_sets(model: keras.Model, sets: dict[str, str]) -> dict:
    """Every image of each real set, scored."""
    found = {}
    for name, folder in sets.items():
        table = evaluate(partial(predict_mask, model), load_records(folder))
        found[name] = {
            "images": len(table),
            "patients": int(table["patient"].nunique()),
            "scores": summarise(table).to_dict(orient="index"),
            "dice_by_label": by_group(table, "label").to_dict(orient="index"),
            "median_dice": float(table["dice"].median()),
            "worst": table.nsmallest(5, "dice").set_index("name")["dice"].to_dict(),
        }
        print(f"{name}: Dice {table['dice'].mean():.4f} on {len(table)} images")
    return found


def main(sets: dict[str, str]) -> None:
    """Train, score and write the file."""
    trained, seconds = train_on_simulated(start.home() / "transfer")
    content = {
        "simulated_images": IMAGES - VALIDATION,
        "epochs": FOR_SIMULATED.epochs,
        "size": FOR_SIMULATED.size,
        "seconds": seconds,
        "simulated_validation_dice": trained.history[-1]["val_dice"],
        "sets": score_sets(trained.model, sets),
        "precision": pick_precision(),
        **facts(),
    }
    (FOLDER / "transfer.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def parse(arguments: list[str]) -> dict[str, str]:
    """Folders by name, from NAME=FOLDER; ends the program where there is none."""
    if not arguments or not all("=" in argument for argument in arguments):
        sys.exit(f"usage: python {Path(sys.argv[0]).name} NAME=FOLDER [NAME=FOLDER ...]")
    return dict(argument.split("=", 1) for argument in arguments)


if __name__ == "__main__":
    load_tensorflow()
    main(parse(sys.argv[1:]))
