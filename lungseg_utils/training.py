"""Room 04: a training that can be killed at any moment and resumed."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from lungseg_utils import losses
from lungseg_utils.pipeline import Squares, load_squares, make_reproducible, training_batches
from lungseg_utils.pretrained import SIMULATED, load_pretrained
from lungseg_utils.recipes import (
    COURSE_AT,
    HALF,
    Recipe,
    learning_rates,
    pick_precision,
    steps_per_epoch,
)
from lungseg_utils.splits import split_by_patient
from lungseg_utils.start import Course
from lungseg_utils.unet import build_unet

LOSSES = {"bce_dice": losses.bce_dice_loss, "article_dice": losses.article_dice_loss}
History = list[dict[str, float]]
Report = Callable[[Recipe, History], None]


@dataclass(frozen=True)
class Trained:
    """A trained network and its history: epoch, seconds, loss, dice, val_loss, val_dice a row."""

    model: keras.Model
    history: History


def print_progress(recipe: Recipe, history: History) -> None:
    """One line that is written over after each epoch."""
    row = history[-1]
    scores = ", ".join(f"{key} {row[key]:.4f}" for key in ("loss", "val_loss", "val_dice"))
    end = "\n" if row["epoch"] == recipe.epochs else ""
    print(f"\repoch {row['epoch']} of {recipe.epochs}, {row['seconds']:.1f} s: {scores}", end=end)


def train(
    recipe: Recipe,
    training: Squares,
    validation: Squares,
    folder: Path | str,
    precision: str = "float32",
    report: Report = print_progress,
    start: Sequence[np.ndarray] = (),
) -> Trained:
    """Train the recipe's U-Net, or go on where an earlier call with the same data was stopped.

    The first weights are random, or `start`, the `get_weights()` of a network of the same filters
    and depth. After each epoch the weights, the optimiser's state and the history are kept below
    `folder`; a finished training is read from there. `report` is called after each epoch, and once
    for a training that is read back.
    Raises: ValueError if the squares are not of the recipe's size.
    """
    if training.images.shape[1] != recipe.size:
        raise ValueError(f"the squares measure {training.images.shape[1]}, not {recipe.size}")
    name = f"{recipe.name}-{_fingerprint(recipe, precision, start, training, validation)}"
    run = Path(folder) / name
    run.mkdir(parents=True, exist_ok=True)
    model = _compile(recipe, precision, len(training.images), start)
    history = _load_last(model, run)
    if len(history) == recipe.epochs:
        print("This network was trained before on these images; here it is, read back.")
        report(recipe, history)
    else:
        if history:
            print(f"A training was stopped after epoch {len(history)}; going on from there.")
        _fit(recipe, model, training, validation, run, history, report)
    if recipe.keep_best:
        _load(model, _best(run, history))
    return Trained(model, history)


def train_course(course: Course, report: Report = print_progress) -> Trained:
    """The network of notebook 04: read back if it was trained on these data, else trained now.

    It begins with the weights of `head_start`.
    """
    recipe, split = COURSE_AT[course.scale], split_by_patient(course.records)
    squares = [
        load_squares(part, recipe.size, course.cache) for part in (split.train, split.validation)
    ]
    folder, start = course.home / "runs", head_start(course)
    return train(recipe, *squares, folder, pick_precision(), report, start)


def head_start(course: Course) -> list[np.ndarray]:
    """Weights of a network that saw simulated radiographs only; none for the simulated set, of
    which that network has seen the like, and none at ci size, whose network is smaller.
    """
    if course.simulated or course.scale == "ci":
        return []
    return load_pretrained(SIMULATED).get_weights()


def _compile(
    recipe: Recipe, precision: str, images: int, start: Sequence[np.ndarray]
) -> keras.Model:
    make_reproducible(recipe.seed)
    model = build_unet(
        recipe.size, recipe.channels, recipe.filters, recipe.depth, recipe.momentum, precision
    )
    if start:
        model.set_weights(start)
    optimizer = keras.optimizers.AdamW(
        learning_rates(recipe, images), weight_decay=recipe.weight_decay
    )
    if precision == HALF:  # whose gradients would round to zero; Keras wraps for whole models only
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, LOSSES[recipe.loss], metrics=[losses.hard_dice])
    model.optimizer.build(model.trainable_variables)
    return model


def _fit(recipe, model, training, validation, run, history, report) -> None:
    epochs = range(len(history), recipe.epochs)
    batches = training_batches(
        training, recipe.batch_size, epochs, recipe.seed, recipe.channels, recipe.augmentation
    )
    images = np.repeat(validation.images[..., None], recipe.channels, axis=-1)
    model.fit(
        batches,
        validation_data=(images, validation.masks[..., None]),
        validation_batch_size=recipe.batch_size,
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        steps_per_epoch=steps_per_epoch(recipe, len(training.images)),
        callbacks=[_Keep(recipe, run, history, report)],
        shuffle=False,
        verbose=0,
    )


class _Keep(keras.callbacks.Callback):
    def __init__(self, recipe, run, history, report):
        super().__init__()
        self.recipe, self.run, self.history, self.report = recipe, run, history, report

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "seconds": time.perf_counter() - self.began}
        self.history.append(row | {key.replace("hard_", ""): logs[key] for key in sorted(logs)})
        self._save()
        self.report(self.recipe, self.history)

    def _save(self):
        part = self.run / f"part-{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        self.model.save_weights(part / "model.weights.h5")
        (part / "history.json").write_text(json.dumps(self.history))
        kept = _epoch_folder(self.run, len(self.history))
        if kept.exists():  # another notebook trains the same network, and was faster
            shutil.rmtree(part)
        else:
            part.rename(kept)  # all or nothing: a folder that bears an epoch's name is whole
        self._prune(kept)

    def _prune(self, last: Path):
        best = _best(self.run, self.history) if self.recipe.keep_best else last
        for old in self.run.glob("epoch-*"):
            if old < last and old != best:
                shutil.rmtree(old, ignore_errors=True)


def _load(model: keras.Model, folder: Path) -> History:
    model.load_weights(folder / "model.weights.h5")
    return json.loads((folder / "history.json").read_text())


def _load_last(model: keras.Model, run: Path) -> History:
    last = _last(run)
    while last:
        try:
            return _load(model, last)
        except FileNotFoundError:  # another notebook trains the same network, and has pruned it
            missing, last = last, _last(run)
            if last == missing:
                raise
    return []


def _epoch_folder(run: Path, epoch: int) -> Path:
    return run / f"epoch-{epoch:04d}"


def _last(run: Path) -> Path | None:
    return max(run.glob("epoch-*"), default=None)


def _best(run: Path, history: History) -> Path:
    return _epoch_folder(run, min(history, key=lambda row: row["val_loss"])["epoch"])


def _fingerprint(
    recipe: Recipe, precision: str, start: Sequence[np.ndarray], *squares: Squares
) -> str:
    digest = hashlib.sha256(json.dumps([asdict(recipe), precision]).encode())
    arrays = [array for part in squares for array in (part.images, part.masks)]
    for array in [*start, *arrays]:
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
