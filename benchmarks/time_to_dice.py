"""Seconds until the validation Dice first reaches .950, .960 and .970, beside the article's recipe.

    python benchmarks/time_to_dice.py FOLDER TRAINING_LOG.csv

FOLDER has the Montgomery radiographs, TRAINING_LOG.csv is the article's own log. The course's clock
starts before the first file is opened and includes everything. The article's is what one of its
steps takes here, times the steps that its log needs; its Dice is the F1 of its precision and
recall, thresholded and pooled, which flatters it. Where PyTorch is installed (the extra
`benchmark`) a step of the same network is timed there too. Writes benchmarks/time_to_dice.json. For
a machine with nothing else to do.
"""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pandas as pd
from facts import FOLDER, facts

from lungseg_utils.losses import article_dice_loss, bce_dice_loss
from lungseg_utils.predict import predict_mask
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import ARTICLE, COURSE, Recipe, steps_per_epoch
from lungseg_utils.results import evaluate
from lungseg_utils.splits import article_split
from lungseg_utils.squares import load_squares
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.training import train
from lungseg_utils.unet import build_article_unet, build_unet

TARGETS = (0.95, 0.96, 0.97)
PLAIN = {"BatchNormalization": lambda momentum, dtype: lambda x: x}
STEPS = {"article": 4, "course": 20}  # timed, after one that is not


def reached(times: list[float], dices: list[float]) -> dict[str, float | None]:
    """The first time at which each target was reached."""
    found = {}
    for target in TARGETS:
        places = [time for time, dice in zip(times, dices, strict=True) if dice >= target]
        found[f"{target:.3f}"] = places[0] if places else None
    return found


def train_the_course(folder: str, simulated: bool) -> dict:
    """Train on the article's split from an empty cache, the clock running."""
    times = []
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        split = article_split(load_records(folder))
        squares = [
            load_squares(part, COURSE.size, home) for part in (split.train, split.validation)
        ]
        weights = load_pretrained("simulated").get_weights() if simulated else []
        trained = train(
            COURSE, *squares, home, pick_precision(), start=weights,
            report=lambda recipe, history: times.append(time.perf_counter() - began),
        )  # fmt: skip
        dices = [row["val_dice"] for row in trained.history]
        scores = evaluate(partial(predict_mask, trained.model), split.validation)
    return {
        "seconds_to": reached(times, dices),
        "seconds": times[-1],
        "val_dice": dices[-1],
        "val_dice_at_512": float(scores["dice"].mean()),
        "curve": [[round(one, 1), round(dice, 4)] for one, dice in zip(times, dices, strict=True)],
    }


def keras_step_seconds(recipe: Recipe, precision: str) -> float:
    """The median of one training step on random images, everything in memory."""
    rng = np.random.default_rng(0)
    shape = recipe.batch_size, recipe.size, recipe.size
    images = rng.random((*shape, recipe.channels), np.float32)
    masks = (rng.random((*shape, 1)) > 0.5).astype(np.float32)
    if recipe == ARTICLE:
        model, loss = build_article_unet(), article_dice_loss
    else:
        model = build_unet(recipe.size, filters=recipe.filters, precision=precision)
        loss = bce_dice_loss
    model.compile(keras.optimizers.AdamW(recipe.learning_rate), loss)
    seconds = []
    for _ in range(1 + STEPS.get(recipe.name, 20)):
        began = time.perf_counter()
        model.train_on_batch(images, masks)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[1:]))


def article_seconds(log: str, step: float, images: int = 112) -> dict[str, float | None]:
    """Seconds the article's run would need here, from its log and the seconds of one step."""
    table = pd.read_csv(log).astype(float)
    f1 = 2 * table["val_precision"] * table["val_recall"]
    f1 = (f1 / (table["val_precision"] + table["val_recall"])).tolist()
    epoch = step * steps_per_epoch(ARTICLE, images)
    return reached([epoch * number for number in table["epoch"]], f1)


def pytorch_step_seconds(precision: str, normalised: bool) -> float:
    """The same in PyTorch, in a process of its own."""
    network = COURSE.size, COURSE.filters, COURSE.depth, COURSE.batch_size
    call = [sys.executable, FOLDER / "pytorch_unet.py", *map(str, network), precision]
    call += [] if normalised else ["plain"]
    said = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    return float(said.split()[-1])


def side_by_side(precision: str, normalised: bool = True) -> dict[str, float] | None:
    """A training step of the course's network, with or without BatchNorm, Keras and PyTorch in
    turns; None where PyTorch is not installed.
    """
    if not find_spec("torch"):
        return None
    ours, theirs = [], []
    for _ in range(3):
        plain = mock.patch.multiple("lungseg_utils.unet", **PLAIN)
        with nullcontext() if normalised else plain:
            ours.append(keras_step_seconds(COURSE, precision))
        theirs.append(pytorch_step_seconds(precision, normalised))
    ours, theirs = float(np.median(ours)), float(np.median(theirs))
    return {"keras": ours, "pytorch": theirs, "ratio": ours / theirs}


def main(folder: str, log: str) -> None:
    """Measure, and write the file."""
    course = {
        name: train_the_course(folder, name == "simulated") for name in ("random", "simulated")
    }
    step = keras_step_seconds(ARTICLE, "float32")
    article = article_seconds(log, step)
    ratios = {
        name: {
            target: article[target] / seconds if seconds and article[target] else None
            for target, seconds in found["seconds_to"].items()
        }
        for name, found in course.items()
    }
    content = {
        "course": course,
        "article": {"step_seconds": step, "seconds_to": article},
        "times_sooner": ratios,
        "step": {name: side_by_side(name) for name in dict.fromkeys(["float32", pick_precision()])},
        "precision": pick_precision(),
        **facts(),
    }
    Path(FOLDER / "time_to_dice.json").write_text(
        json.dumps(content, indent=1) + "\n", encoding="utf-8"
    )
    print(json.dumps({key: content[key] for key in ("article", "times_sooner", "step")}, indent=1))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python benchmarks/time_to_dice.py FOLDER TRAINING_LOG.csv")
    load_tensorflow()
    main(*sys.argv[1:])
