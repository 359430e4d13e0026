"""Does a network that begins with simulated radiographs need fewer real ones?

    python benchmarks/mixing.py FOLDER

trains on 8, 16, 32 and all training images of a real set in the Montgomery layout, from random
weights and from those of benchmarks/transfer.py, and writes benchmarks/mixing.json: Dice on the
same test images, with intervals. Every training takes as many steps; nothing is chosen by a score.
"""

import json
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from facts import FOLDER, facts
from transfer import train_on_simulated

from lungseg_utils import start
from lungseg_utils.metrics import bootstrap_interval
from lungseg_utils.predict import predict_mask
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import COURSE, FOR_SIMULATED
from lungseg_utils.results import evaluate
from lungseg_utils.splits import split_by_patient
from lungseg_utils.squares import Squares, load_squares
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.training import train

COUNTS = (8, 16, 32, None)  # None for all there are
REPEATS = 1  # each with other training images and other random weights
EPOCHS = 24  # over all training images; over fewer, more of them
WATCHED = 4  # validation images, to keep the many short epochs quick; nothing is chosen by them
# Half the course's learning rate for weights that are not random: fixed before any score.
RECIPES = {
    "random": replace(COURSE, name="real", size=FOR_SIMULATED.size),
    "simulated": replace(COURSE, name="mixed", size=FOR_SIMULATED.size, learning_rate=1e-3),
}


def measure(folder: str) -> pd.DataFrame:
    """Dice of each test image: one row for each image, count of training images, start, repeat."""
    home = start.home() / "transfer"
    pretrained, _ = train_on_simulated(home)
    weights = home / "simulated.weights.h5"
    pretrained.model.save_weights(weights)
    split = split_by_patient(load_records(folder))
    training, watched = (
        load_squares(part, FOR_SIMULATED.size, home / "cache")
        for part in (split.train, split.validation[:WATCHED])
    )
    tables = []
    for repeat in range(REPEATS):
        order = np.random.default_rng(repeat).permutation(len(training.images))
        for count in COUNTS:
            chosen = order[:count]
            some = Squares(training.images[chosen], training.masks[chosen])
            for name, recipe in RECIPES.items():
                epochs = round(EPOCHS * len(order) / len(chosen))
                trained = train(
                    replace(recipe, epochs=epochs, seed=repeat),
                    some,
                    watched,
                    home / "runs",
                    pick_precision(),
                    start=weights if name == "simulated" else None,
                )
                table = evaluate(partial(predict_mask, trained.model), split.test)
                facts_of_run = {"count": len(chosen), "start": name, "repeat": repeat}
                tables.append(table[["name", "patient", "dice"]].assign(**facts_of_run))
                print(f"{facts_of_run}: Dice {table['dice'].mean():.4f}")
    return pd.concat(tables)


def summary(table: pd.DataFrame) -> list[dict]:
    """For each count and start the mean Dice, its interval over patients, and each repeat's."""
    rows = []
    for (count, name), part in table.groupby(["count", "start"]):
        image = part.groupby(["name", "patient"], as_index=False)["dice"].mean()
        low, high = bootstrap_interval(image["dice"], image["patient"])
        repeats = part.groupby("repeat")["dice"].mean().tolist()
        dice = {"dice": float(image["dice"].mean()), "low": low, "high": high}
        rows.append({"count": int(count), "start": name, **dice, "repeats": repeats})
    return rows


def gains(table: pd.DataFrame) -> list[dict]:
    """For each count what the simulated start adds on the same images, with its interval."""
    rows = []
    for count, part in table.groupby("count"):
        image = part.pivot_table("dice", ["name", "patient"], "start").reset_index()
        gain = image["simulated"] - image["random"]
        low, high = bootstrap_interval(gain, image["patient"])
        rows.append({"count": int(count), "gain": float(gain.mean()), "low": low, "high": high})
    return rows


def main(folder: str) -> None:
    """Measure, and write the file."""
    table = measure(folder)
    content = {
        "test_images": int(table["name"].nunique()),
        "test_patients": int(table["patient"].nunique()),
        "size": FOR_SIMULATED.size,
        "repeats": REPEATS,
        "curve": summary(table),
        "gains": gains(table),
        **facts(),
    }
    (FOLDER / "mixing.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/mixing.py FOLDER")
    load_tensorflow()
    main(sys.argv[1])
