"""Five folds over all records of the Montgomery set, each record scored once by each seed.

    python benchmarks/crossvalidate.py RECIPE START FOLDER MASKS [--seeds N] [--cluster ADDRESS]

RECIPE is course, best, or shipped: the latter is best mixed with what it began with, as the weights
that ship are. START is random or simulated; FOLDER has the radiographs in the Montgomery
layout, MASKS the masks at native size. Folds are grouped by patient and stratified by label; no
image of a fold's test part is seen before it is scored. The workers of a Dask cluster, which need
the same paths, train a network each; on the same processor it is the same to the last bit. Writes
benchmarks/crossvalidate_RECIPE_START.json. What was trained before is read back, so that a run
that was stopped goes on where it was.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from facts import FOLDER, facts
from native import score_at_native_size
from spread import spread
from tqdm import tqdm
from transfer import KINDS

from lungseg_utils import start
from lungseg_utils.metrics import SCORES
from lungseg_utils.phantom import write_phantom_set
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import BEST, COURSE, Recipe
from lungseg_utils.results import by_group, summarise, write_json
from lungseg_utils.splits import FOLDS, Split, split_by_patient
from lungseg_utils.squares import load_squares
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.training import train
from lungseg_utils.types import Record

RECIPES = {"course": (COURSE,), "best": BEST, "shipped": BEST}
WATCHED = 4  # images scored after each epoch; nothing is chosen by them
# Simulated ones of rare kinds, which the longer training meets as well, so as not to forget them.
REHEARSED, REHEARSAL_SEED = 40, 12
FAILURE = 0.9  # Dice below this is looked at and explained
# The smallest that costs at most .001 of Dice on inner validation images: benchmarks/trials.csv.
SHARE = 0.65


def mean_weights(
    networks: Sequence[Sequence[np.ndarray]], shares: Sequence[float] | None = None
) -> list[np.ndarray]:
    """The weights of one network from those of several that began alike: their mean, in `shares`
    that add up to 1, equal unless given.

    The mean of two trainings is often better than either; with the weights that they began with, a
    network forgets less of what it knew before it saw one hospital's X-rays.
    Source: Wortsman et al. 2022, arXiv 2203.05482 and doi 10.1109/CVPR52688.2022.00780.
    """
    return [np.average(arrays, axis=0, weights=shares) for arrays in zip(*networks, strict=True)]


def rehearsed(home: Path) -> tuple[Record, ...]:
    """Simulated radiographs of all kinds of `KINDS`."""
    shares = {name: share / sum(KINDS.values()) for name, share in KINDS.items()}
    return load_records(write_phantom_set(home / "rare", REHEARSED, 256, REHEARSAL_SEED, 8, shares))


def train_mean(
    recipes: Sequence[Recipe], weights: list, split: Split, home: Path
) -> tuple[keras.Model, float]:
    """The mean of one network for each recipe, all begun with the same weights; and the seconds.

    The course's recipe is trained as notebook 04 trains it. The others learn from most of the
    validation part as well, since nothing is chosen by it, and from simulated radiographs of rare
    kinds.
    """
    found, seconds = [], 0.0
    for recipe in recipes:
        alone = recipe.name == COURSE.name
        watched = len(split.validation) if alone else WATCHED
        learned = [*split.train, *split.validation[watched:], *([] if alone else rehearsed(home))]
        squares = [
            load_squares(part, recipe.size, home / "cache")
            for part in (learned, split.validation[:watched])
        ]
        trained = train(recipe, *squares, home / "runs", pick_precision(), start=weights)
        found.append(trained.model.get_weights())
        seconds += sum(row["seconds"] for row in trained.history)
    trained.model.set_weights(mean_weights(found))
    return trained.model, seconds


def train_fold(name: str, weights: list, split: Split, seed: int = 0) -> tuple[keras.Model, float]:
    """The network of a fold, and the seconds; read back where it was trained before."""
    recipes = [replace(recipe, seed=seed) for recipe in RECIPES[name]]
    model, seconds = train_mean(recipes, weights, split, start.home() / "crossvalidate")
    if name == "shipped":
        model.set_weights(mean_weights([model.get_weights(), weights], [SHARE, 1 - SHARE]))
    return model, seconds


def run(
    seed_and_fold: tuple[int, int], name: str, simulated: bool, folder: str, masks: str
) -> pd.DataFrame:
    """Train on one fold and score its test part."""
    seed, fold = seed_and_fold
    weights = load_pretrained("simulated").get_weights() if simulated else []
    split = split_by_patient(load_records(folder), fold=fold)
    model, seconds = train_fold(name, weights, split, seed)
    table = score_at_native_size(model, split.test, masks)
    return table.assign(fold=fold, seed=seed, training_seconds=seconds)


def summary(table: pd.DataFrame) -> dict:
    """Means over images, each image's score being its mean over seeds; intervals over patients."""
    scores = [name for name in SCORES if name in table]
    known = ["name", "patient", "label", "sex", "age"]
    images = table.groupby(known, as_index=False, dropna=False)[scores].mean()
    images["age_40_or_more"], images["under_18"] = images["age"] >= 40, images["age"] < 18
    failures = table[table["dice"] < FAILURE]
    seconds = table.groupby(["seed", "fold"])["training_seconds"].first()
    return {
        "images": len(images),
        "patients": int(images["patient"].nunique()),
        "scores": summarise(images).to_dict(orient="index"),
        "dice_by": {
            column: by_group(images, column).to_dict(orient="index")
            for column in ("label", "sex", "age_40_or_more", "under_18")
        },
        "youngest": int(images["age"].min()),
        "dice_by_seed": table.groupby("seed")["dice"].mean().to_dict(),
        "dice_by_fold": table.groupby("fold")["dice"].mean().to_dict(),
        "median_dice": float(images["dice"].median()),
        "failures": failures[["name", "seed", "dice"]].to_dict(orient="records"),
        "training_seconds": float(seconds.mean()),
    }


def main(chosen: argparse.Namespace) -> None:
    """Measure, and write the file after each training."""
    simulated = chosen.start == "simulated"
    rounds = [(seed, fold) for seed in range(chosen.seeds) for fold in range(FOLDS)]
    what = {"name": chosen.recipe, "simulated": simulated}
    work, tables = partial(run, **what, folder=chosen.folder, masks=chosen.masks), {}
    for one, table in tqdm(spread(work, rounds, chosen.cluster), "training", len(rounds)):
        tables[one] = table
        print(f"seed {one[0]}, fold {one[1]}: Dice {table['dice'].mean():.4f}")
    table = pd.concat(tables[one] for one in rounds)
    content = {
        "recipe": chosen.recipe,
        "start": chosen.start,
        "size": COURSE.size,
        "seeds": chosen.seeds,
        **summary(table),
        "precision": pick_precision(),
        **facts(),
        # sex and age stay with the set, whose readings are not passed on
        "rows": table.drop(columns=["sex", "age"]).round(5).to_dict(orient="records"),
    }
    path = FOLDER / f"crossvalidate_{chosen.recipe}_{chosen.start}.json"
    write_json(path, content)
    mean = content["scores"]["dice"]
    print(
        f"benchmarks/{path.name}: Dice {mean['mean']:.4f} ({mean['low']:.4f} to {mean['high']:.4f})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("start", choices=("random", "simulated"))
    parser.add_argument("folder", help="radiographs in the Montgomery layout")
    parser.add_argument("masks", help="masks at native size: leftMask and rightMask")
    parser.add_argument("--cluster", default="", help="the address of a Dask cluster")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each fold (default 1)")
    load_tensorflow()
    main(parser.parse_args())
