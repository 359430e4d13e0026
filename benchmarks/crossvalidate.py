"""Five folds over all records of the Montgomery set, each record scored once by each seed.

    python benchmarks/crossvalidate.py RECIPE START FOLDER MASKS [--seeds N]

RECIPE is course, best, or shipped, which is best mixed with what it began with, as the weights that
ship are; START is random or simulated; FOLDER has the radiographs in the Montgomery
layout, MASKS the masks at native size. Folds are grouped by patient and stratified by label; no
image of a fold's test part is seen before it is scored. Writes
benchmarks/crossvalidate_RECIPE_START.json. What was trained before is read back, so that a run
that was stopped goes on where it was.
"""

import argparse
from dataclasses import replace

import pandas as pd
from facts import FOLDER, facts
from native import score_at_native_size
from tqdm import tqdm

from lungseg_utils import start
from lungseg_utils.pipeline import load_squares
from lungseg_utils.pretrained import load_pretrained, mix_weights
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import BEST, COURSE, Recipe, pick_precision
from lungseg_utils.results import METRICS, by_group, summarise, write_json
from lungseg_utils.splits import FOLDS, Split, split_by_patient
from lungseg_utils.training import Trained, train

RECIPES = {"course": COURSE, "best": BEST, "shipped": BEST}
WATCHED = 4  # images scored after each epoch; nothing is chosen by them
FAILURE = 0.9  # Dice below this is looked at and explained


def train_fold(recipe: Recipe, weights: list, split: Split) -> Trained:
    """Train on the split's training part. BEST learns from most of the validation part as well,
    since nothing is chosen by it; the course's recipe is run as notebook 04 runs it.
    """
    home, watched = start.home() / "crossvalidate", len(split.validation)
    if recipe.name == BEST.name:
        watched = WATCHED
    squares = [
        load_squares(part, recipe.size, home / "cache")
        for part in (split.train + split.validation[watched:], split.validation[:watched])
    ]
    return train(recipe, *squares, home / "runs", pick_precision(), start=weights)


def run(
    recipe: Recipe, weights: list, records: tuple, masks: str, fold: int, mixed: bool
) -> pd.DataFrame:
    """Train on one fold and score its test part."""
    split = split_by_patient(records, fold=fold)
    trained = train_fold(recipe, weights, split)
    if mixed:
        trained.model.set_weights(mix_weights(trained.model.get_weights(), weights))
    seconds = sum(row["seconds"] for row in trained.history)
    table = score_at_native_size(trained.model, split.test, masks)
    return table.assign(fold=fold, seed=recipe.seed, training_seconds=seconds)


def summary(table: pd.DataFrame) -> dict:
    """Means over images, each image's score being its mean over seeds; intervals over patients."""
    scores = [name for name in METRICS if name in table]
    known = ["name", "patient", "label", "sex", "age"]
    images = table.groupby(known, as_index=False, dropna=False)[scores].mean()
    images["age_40_or_more"] = images["age"] >= 40
    failures = table[table["dice"] < FAILURE]
    seconds = table.groupby(["seed", "fold"])["training_seconds"].first()
    return {
        "images": len(images),
        "patients": int(images["patient"].nunique()),
        "scores": summarise(images).to_dict(orient="index"),
        "dice_by": {
            column: by_group(images, column).to_dict(orient="index")
            for column in ("label", "sex", "age_40_or_more")
        },
        "dice_by_seed": table.groupby("seed")["dice"].mean().to_dict(),
        "dice_by_fold": table.groupby("fold")["dice"].mean().to_dict(),
        "median_dice": float(images["dice"].median()),
        "failures": failures[["name", "seed", "dice"]].to_dict(orient="records"),
        "training_seconds": float(seconds.mean()),
    }


def main(chosen: argparse.Namespace) -> None:
    """Measure, and write the file after each training."""
    records = load_records(chosen.folder)
    simulated = chosen.start == "simulated"
    weights = load_pretrained("simulated").get_weights() if simulated else []
    recipe = RECIPES[chosen.recipe]
    tables = []
    rounds = [(seed, fold) for seed in range(chosen.seeds) for fold in range(FOLDS)]
    for seed, fold in tqdm(rounds, "training", unit="network"):
        one = replace(recipe, seed=seed)
        tables.append(run(one, weights, records, chosen.masks, fold, chosen.recipe == "shipped"))
        print(f"seed {seed}, fold {fold}: Dice {tables[-1]['dice'].mean():.4f}")
    table = pd.concat(tables)
    content = {
        "recipe": chosen.recipe,
        "start": chosen.start,
        "size": recipe.size,
        "seeds": chosen.seeds,
        **summary(table),
        "precision": pick_precision(),
        **facts(),
        "rows": table.round(5).to_dict(orient="records"),
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
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each fold (default 1)")
    main(parser.parse_args())
