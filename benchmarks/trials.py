"""The search for the recipe: one setting changed at a time, scored on inner validation images.

    python benchmarks/trials.py FOLDER [TRIAL ...] [--cluster ADDRESS]

works in the first fold's training and validation records of a real set in the Montgomery layout,
split by patient twice more; the fold's test records are never opened. Each trial is trained with
three seeds and is one row of benchmarks/trials.csv: means over splits and seeds, and the gain in
Dice over the trial that it changes, each image's Dice being its mean over seeds, with an interval
over patients. One that has its three seeds already is not run again. Names of trials limit it to
these. The workers of a Dask cluster, which need the same paths, train a network each. Rows of one
seed are of an older simulation's start.
"""

import argparse
import csv
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from unittest import mock

import cv2
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from crossvalidate import mean_weights
from facts import FOLDER, facts
from keras import layers, ops
from spread import spread
from tqdm import tqdm

from lungseg_utils import losses, masks, start, training
from lungseg_utils.augmentation import MILD, STRONG, augment
from lungseg_utils.metrics import bootstrap_interval
from lungseg_utils.predict import THRESHOLD, predict_mask, predict_probability
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import COURSE, HARDER, Recipe
from lungseg_utils.results import evaluate
from lungseg_utils.splits import Split, split_by_patient
from lungseg_utils.squares import Squares, load_squares
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.types import Record
from lungseg_utils.unet import build_unet

SPLITS = 2
SHARES = (0.9, 0.8, 0.7, 0.65, 0.6, 0.5)  # of a trained network, the rest being what it began with
WATCHED = 4  # images scored after each epoch; nothing is chosen by them
BASE = replace(COURSE, name="trial", size=128, epochs=24, learning_rate=1e-3, augmentation=STRONG)
SEEDS = 3
SCORED = ["dice", "hd95_mm", "assd_mm"]
COLUMNS = (
    "trial", "start", "seeds", "dice", "dice_by_seed", "dice_by_split", "gain", "low", "high",
    "hd95_mm", "assd_mm", "seconds", "commit",
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One setting: a recipe, what is put in the place of parts of the package, and the start."""

    name: str
    recipe: Recipe = BASE
    simulated_start: bool = True
    patches: dict = field(default_factory=dict)
    yes_or_no_masks: bool = False
    averaged_weights: bool = False
    padded: bool = False
    mean_of: tuple[str, ...] = ()  # other trials, the mean of whose weights is scored instead
    shares: tuple[float, ...] = ()  # also scored: this much of it, the rest being the start


def flipped(image, mask, seed, largest):
    """The course's augmentation, then half of the images mirrored."""
    image, mask = AUGMENT(image, mask, seed, largest)
    mirrored = tf.random.stateless_uniform((tf.shape(image)[0], 1, 1, 1), seed + 1) < 0.5
    return tuple(tf.where(mirrored, array[:, :, ::-1], array) for array in (image, mask))


def elastic(image, mask, seed, largest):
    """The course's augmentation, then smooth local moves of up to about 3 % of the size."""
    image, mask = AUGMENT(image, mask, seed, largest)
    count, size = tf.shape(image)[0], image.shape[1]
    coarse = tf.random.stateless_normal((count, 5, 5, 2), seed + 2, stddev=0.012 * size)
    moves = tf.image.resize(coarse, (size, size), "bicubic")
    grid = tf.stack(tf.meshgrid(tf.range(size), tf.range(size), indexing="ij"), axis=-1)
    places = tf.clip_by_value(tf.cast(grid, tf.float32) + moves, 0, size - 1.001)
    low = tf.floor(places)
    share, corner = places - low, tf.cast(low, tf.int32)

    def warp(array):
        def at(down, across):
            return tf.gather_nd(array, corner + tf.constant([down, across]), batch_dims=1)

        upper = at(0, 0) * (1 - share[..., 1:]) + at(0, 1) * share[..., 1:]
        lower = at(1, 0) * (1 - share[..., 1:]) + at(1, 1) * share[..., 1:]
        return upper * (1 - share[..., :1]) + lower * share[..., :1]

    return warp(image), warp(mask)


def jaccard_bce(y_true, y_pred):
    """Soft Jaccard and cross-entropy, .7 to .3: deepdraw's loss."""
    y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
    crossentropy = ops.mean(keras.losses.binary_crossentropy(y_true, y_pred), axis=(1, 2))
    dice = losses.smoothed_dice(y_true, y_pred)
    return 0.7 * (1 - dice / (2 - dice)) + 0.3 * crossentropy


def bce(y_true, y_pred):
    """Cross-entropy alone."""
    return ops.mean(keras.losses.binary_crossentropy(y_true, y_pred), axis=(1, 2))


def border_bce_dice(y_true, y_pred):
    """The course's loss with the cross-entropy near outlines counted five times."""
    y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
    near = ops.abs(ops.average_pool(y_true, 7, 1, "same") - y_true) > 0.05
    weights = 1 + 4 * ops.cast(near, "float32")[..., 0]
    pixels = keras.losses.binary_crossentropy(y_true, y_pred) * weights
    return ops.sum(pixels, (1, 2)) / ops.sum(weights, (1, 2)) + losses.dice_loss(y_true, y_pred)


def deep_dice(y_true, y_pred):
    """The course's loss on the output and, weighing less, on two coarser ones beside it."""
    parts = zip((0.6, 0.3, 0.1), ops.split(y_pred, 3, axis=-1), strict=True)
    return sum(weight * losses.bce_dice_loss(y_true, part) for weight, part in parts)


def deeply_supervised(*arguments):
    """The U-Net with outputs at half and quarter size beside its own."""
    model = build_unet(*arguments)
    found = [model.output]
    ups = [layer for layer in model.layers if isinstance(layer, layers.Conv2DTranspose)]
    for times, up in ((2, ups[-1]), (4, ups[-2])):
        side = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")(up.input)
        found.append(layers.UpSampling2D(times, interpolation="bilinear", dtype="float32")(side))
    return keras.Model(model.input, layers.Concatenate(dtype="float32")(found))


AUGMENT = augment
AVERAGED = partial(keras.optimizers.AdamW, use_ema=True, ema_momentum=0.98)
GROUPS = {
    "lungseg_utils.unet.BatchNormalization": lambda momentum, dtype: layers.GroupNormalization(
        8, dtype=dtype
    )
}
DEEP = {"lungseg_utils.training.build_unet": deeply_supervised}
NO_SKIPS = {"keras.layers.Concatenate": lambda dtype: lambda pair: pair[0]}
MIRROR = {"lungseg_utils.pipeline.augment": flipped}
LOSSES = {"jaccard_bce": jaccard_bce, "bce": bce, "dice": losses.dice_loss,
          "border": border_bce_dice, "deep": deep_dice}  # fmt: skip


def settings() -> list[Trial]:
    """Every trial, the first one being what the others change."""

    def with_start(name, **changes):
        return Trial(name, replace(BASE, **changes))

    def without(name, patches=None, **changes):
        recipe = replace(BASE, **{"learning_rate": 2e-3} | changes)
        return Trial(name, recipe, simulated_start=False, patches=patches or {})

    return [
        Trial("base"),
        with_start("256 pixels", size=256),
        Trial("192 pixels", replace(BASE, size=192), shares=SHARES),
        Trial("192 pixels, mild augmentation", replace(COURSE, name="trial")),
        Trial("192 pixels, 60 epochs", HARDER),
        Trial("mean of mild and 60 epochs", shares=SHARES,
              mean_of=("192 pixels, mild augmentation", "192 pixels, 60 epochs")),
        Trial("mirrored copies", patches=MIRROR),
        with_start("mild augmentation", augmentation=MILD),
        with_start("learning rate 0.002", learning_rate=2e-3),
        without("random start"),
        without("random start, learning rate 0.001", learning_rate=1e-3),
        without("random start, mild augmentation", augmentation=MILD),
        with_start("48 epochs", epochs=48),
        with_start("another seed", seed=1),
        without("random start, no skip connections", NO_SKIPS),
        with_start("no augmentation", augmentation=None),
        without("random start, depth 3", depth=3),
        without("random start, 8 filters", filters=8),
        with_start("Dice loss", loss="dice"),
        Trial("yes-or-no masks", yes_or_no_masks=True),
        without("random start, momentum 0.99", momentum=0.99),
        without("random start, group normalisation", GROUPS),
        with_start("cross-entropy", loss="bce"),
        Trial("padded to a square", padded=True),
        Trial("elastic copies", patches={"lungseg_utils.pipeline.augment": elastic}),
        Trial("averaged weights", patches={"keras.optimizers.AdamW": AVERAGED},
              averaged_weights=True),
        without("random start, deep supervision", DEEP, loss="deep"),
        with_start("outlines weigh more", loss="border"),
        without("random start, depth 5", depth=5),
        with_start("constant learning rate 0.0003", learning_rate=3e-4, decays=False),
        with_start("no weight decay", weight_decay=0.0),
        with_start("Jaccard and cross-entropy", loss="jaccard_bce"),
    ]  # fmt: skip


def run(trial: Trial, folder: str, home: Path, cluster: str) -> dict[str, pd.DataFrame]:
    """Train the trial with each seed on each inner split; by the name of a row, a table with a line
    for each image and seed: its scores, patient, seed, split and the seconds of the training.
    """
    rounds = list(product(range(SEEDS), range(SPLITS)))
    work = partial(run_once, name=trial.name, folder=folder, home=home)
    found = dict(spread(work, rounds, cluster))
    return {name: pd.concat(found[one][name] for one in rounds) for name in found[rounds[0]]}


def run_once(
    seed_and_split: tuple[int, int], name: str, folder: str, home: Path
) -> dict[str, pd.DataFrame]:
    """The tables of one seed and split."""
    seed, fold = seed_and_split
    (trial,) = [one for one in settings() if one.name == name]
    outer = split_by_patient(load_records(folder))
    records = outer.train + outer.validation
    if trial.padded:
        records = load_records(padded_copy(records, home / "padded"))
    found = score(trial, split_by_patient(records, fold=fold), seed, home)
    return {name: table.assign(seed=seed, split=fold) for name, table in found.items()}


def score(trial: Trial, split: Split, seed: int, home: Path) -> dict[str, pd.DataFrame]:
    """Train once, and score the split's test part; post-processing and shares have tables too."""
    members = [one for one in settings() if one.name in trial.mean_of] or [trial]
    first, networks, seconds = load_pretrained("simulated").get_weights(), [], 0.0
    for member in members:
        again = replace(member, recipe=replace(member.recipe, seed=member.recipe.seed + seed))
        trained = train_one(again, split, home)
        networks.append(trained.model.get_weights())
        epochs = [row["seconds"] for row in trained.history]
        seconds += len(epochs) * float(np.median(epochs))  # whatever else ran
    found = mean_weights(networks)
    trained.model.set_weights(found)
    tables = {
        name: evaluate(segment, split.test)
        for name, segment in afterwards(trained.model, trial).items()
    }
    for share in trial.shares:
        trained.model.set_weights(mean_weights([found, first], [share, 1 - share]))
        table = evaluate(partial(predict_mask, trained.model), split.test)
        tables[f"{trial.name}, {share} of it"] = table
    return {name: table.assign(seconds=seconds) for name, table in tables.items()}


def train_one(trial: Trial, split: Split, home: Path) -> training.Run:
    """Train as the trial says, most of the validation part among what is learned from."""
    squares, watched = (
        load_squares(part, trial.recipe.size, home / "cache")
        for part in (split.train + split.validation[WATCHED:], split.validation[:WATCHED])
    )
    if trial.yes_or_no_masks:
        squares = Squares(squares.images, (squares.masks >= 0.5).astype(np.float32))
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(losses.LOSSES, LOSSES))
        for place, other in trial.patches.items():
            stack.enter_context(mock.patch(place, other))
        trained = training.train(
            replace(trial.recipe, name=f"trial-{trial.name.replace(' ', '_')}"),
            squares, watched, home / "runs", pick_precision(),
            start=load_pretrained("simulated").get_weights() if trial.simulated_start else (),
        )  # fmt: skip
    if trial.averaged_weights:
        trained.model.optimizer.finalize_variable_values(trained.model.trainable_variables)
    return trained


def afterwards(model: keras.Model, trial: Trial) -> dict:
    """Ways from the network to a mask: as the course does it and, for the first trial, others."""
    found = {trial.name: partial(predict_mask, model)}
    if trial.name == "base":
        found["base, every piece kept"] = lambda image: (
            predict_probability(model, image) > THRESHOLD
        )
        found["base, mean with the mirror image"] = lambda image: both_ways(model, image)
    return found


def both_ways(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """The mask of the mean probability of an image and its mirror image."""
    mirrored = predict_probability(model, np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
    mean = (predict_probability(model, image) + mirrored) / 2
    return masks.keep_two_lungs(mean > THRESHOLD)


def padded_copy(records: tuple[Record, ...], folder: Path) -> Path:
    """The records' images and masks in their true proportions, with black on two sides."""
    for record in records:
        wide = record.spacing_mm[1] / record.spacing_mm[0]
        height, width = (round(512 * side / max(wide, 1)) for side in (1, wide))
        for path, part in (
            (record.image_path, "CXR_png"),
            (record.mask_paths[0], "ManualMask/leftMask"),
            (record.mask_paths[1], "ManualMask/rightMask"),
        ):
            pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
            if part != "CXR_png":
                small = ((small > 127) * 255).astype(np.uint8)
            square = np.zeros((512, 512), np.uint8)
            top, left = (512 - height) // 2, (512 - width) // 2
            square[top : top + height, left : left + width] = small
            (folder / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / part / path.name), square)
    (folder / "ClinicalReadings").mkdir(exist_ok=True)
    for record in records:
        reading = Path("ClinicalReadings", f"{record.name}.txt")
        shutil.copy(record.image_path.parents[1] / reading, folder / reading)
    lines = [f"{r.name}.png,4892,4892,{max(r.spacing_mm) * 512 / 4892}" for r in records]
    header = "file,native_width,native_height,native_spacing_mm"
    (folder / "metadata.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder


def changed(name: str) -> str:
    """The trial whose one setting this one changes; nothing for those that change none."""
    if name in ("base", "random start"):
        return ""
    return "random start" if name.startswith("random start") else "base"


def gain(table: pd.DataFrame, other: pd.DataFrame) -> dict[str, str]:
    """By how much the mean Dice is above the other's, on the same images, and its interval."""
    means = [one.groupby(["name", "patient"])["dice"].mean() for one in (table, other)]
    gains = (means[0] - means[1]).reset_index()
    low, high = bootstrap_interval(gains["dice"], gains["patient"])
    numbers = {"gain": gains["dice"].mean(), "low": low, "high": high}
    return {key: f"{value:+.4f}" for key, value in numbers.items()}


def row_of(name: str, trial: Trial, table: pd.DataFrame, home: Path) -> dict:
    """A row of trials.csv."""
    reference = changed(name)
    whole = table[SCORED].mean()
    by = {key: table.groupby(key)["dice"].mean() for key in ("seed", "split")}
    return {
        "trial": name,
        "start": "simulated" if trial.simulated_start else "random",
        "seeds": SEEDS,
        "dice": f"{whole['dice']:.4f}",
        **{f"dice_by_{key}": " ".join(f"{one:.4f}" for one in means) for key, means in by.items()},
        **(gain(table, pd.read_csv(kept(reference, home))) if reference else {}),
        "hd95_mm": f"{whole['hd95_mm']:.2f}",
        "assd_mm": f"{whole['assd_mm']:.3f}",
        "seconds": f"{table['seconds'].mean():.0f}",
        "commit": facts()["commit"],
    }


def kept(name: str, home: Path) -> Path:
    """The file with a trial's scores of each image."""
    return home / "scores" / f"{name}.csv"


def main(folder: str, names: Sequence[str], cluster: str) -> None:
    """Run what the table lacks."""
    path, home = FOLDER / "trials.csv", start.home() / "trials"
    (home / "scores").mkdir(parents=True, exist_ok=True)
    for trial in tqdm([one for one in settings() if not names or one.name in names], unit="trial"):
        rows = {(row["trial"], row["seeds"]): row for row in read(path)}
        if (trial.name, str(SEEDS)) in rows:
            continue
        for name, table in run(trial, folder, home, cluster).items():
            table.to_csv(kept(name, home), index=False)
            rows[name, str(SEEDS)] = row_of(name, trial, table, home)
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(rows.values())


def read(path: Path) -> list[dict[str, str]]:
    """The rows of trials.csv so far."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="radiographs in the Montgomery layout")
    parser.add_argument("trials", nargs="*", help="names of trials; all, unless given")
    parser.add_argument("--cluster", default="", help="the address of a Dask cluster")
    chosen = parser.parse_args()
    load_tensorflow()
    main(chosen.folder, chosen.trials, chosen.cluster)
