"""Notebook 04: a training that can be killed at any moment and resumed."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np

from lungseg_utils.losses import LOSSES, hard_dice
from lungseg_utils.pipeline import training_batches
from lungseg_utils.pretrained import SIMULATED, load_pretrained
from lungseg_utils.recipes import COURSE_AT, Recipe, learning_rates, steps_per_epoch
from lungseg_utils.squares import Squares, load_squares
from lungseg_utils.start import (
    FLOAT16,
    Course,
    make_reproducible,
    pick_precision,
    shared_among,
)
from lungseg_utils.unet import build_unet

History = list[dict[str, float]]
Report = Callable[[Recipe, History], None]
LONGEST_SAVE = 600  # seconds


def print_progress(recipe: Recipe, history: History) -> None:
    """One line that is written over after each epoch."""
    row = history[-1]
    scores = ", ".join(f"{key} {row[key]:.4f}" for key in ("loss", "val_loss", "val_dice"))
    end = "\n" if row["epoch"] == recipe.epochs else ""
    left = row["seconds"] * (recipe.epochs - row["epoch"]) / 60
    print(f"\repoch {row['epoch']} of {recipe.epochs}, {left:.1f} min left: {scores} ", end=end)


def train_course(course: Course, report: Report = print_progress) -> "Run":
    """The network of notebook 04, begun with `head_start`; read back if it was trained before."""
    recipe, parts = COURSE_AT[course.scale], (course.split.train, course.split.validation)
    squares = [load_squares(part, recipe.size, course.cache) for part in parts]
    folder, start = course.home / "runs", head_start(course)
    return train(recipe, *squares, folder, pick_precision(), report, start)


def head_start(course: Course) -> list[np.ndarray]:
    """Weights of a network that saw simulated radiographs only; none for the simulated set, which
    is like what that network saw, and none at ci size, whose network is smaller.
    """
    if course.simulated or course.scale == "ci":
        return []
    return load_pretrained(SIMULATED).get_weights()


def train(
    recipe: Recipe,
    training: Squares,
    validation: Squares,
    folder: Path | str,
    precision: str = "float32",
    report: Report = print_progress,
    start: Sequence[np.ndarray] = (),
    devices: Sequence[str] = (),
) -> "Run":
    """Train the recipe's U-Net, or go on where an earlier call with the same data was stopped.

    The first weights are random, or `start`, the `get_weights()` of a network of the same filters
    and depth. Each epoch is kept below `folder`, as by `Run`; a finished training is read from
    there. `report` is called after each epoch, and once for a training that is read back.
    `devices`, as of `start.shared_among`, take an equal part of each batch; it makes no difference
    to what is learned, and may be others after a stop.
    Raises: ValueError if the squares are not of the recipe's size, or a batch cannot be shared.
    """
    if training.images.shape[1] != recipe.size:
        raise ValueError(f"the squares measure {training.images.shape[1]}, not {recipe.size}")
    together = min(recipe.batch_size, len(training.images))
    if together % max(1, len(devices)):
        raise ValueError(f"{len(devices)} devices cannot share {together} images: use a multiple")
    digest = _digest(recipe, precision, start, training, validation)
    with shared_among(devices):
        model = _new_network(recipe, precision, len(training.images), start)
    run = Run(model, recipe, Path(folder) / f"{recipe.name}-{digest}")
    run.load_last()
    if run.finished:
        print("This network was already trained on these images, and has been read back.")
        report(recipe, run.history)
    else:
        if run.history:
            print(f"A training was stopped after epoch {len(run.history)}; continuing from there.")
        _fit(run, training, validation, report)
    if recipe.keep_best:
        run.load(run.best_epoch)
    return run


def _digest(recipe: Recipe, precision: str, start: Sequence[np.ndarray], *squares: Squares) -> str:
    digest = hashlib.sha256(json.dumps([asdict(recipe), precision]).encode())
    arrays = [array for part in squares for array in (part.images, part.masks)]
    for array in [*start, *arrays]:
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _new_network(
    recipe: Recipe, precision: str, images: int, start: Sequence[np.ndarray]
) -> keras.Model:
    make_reproducible(recipe.seed)
    shape = recipe.size, recipe.channels, recipe.filters, recipe.depth
    model = build_unet(*shape, recipe.momentum, precision)
    if start:
        model.set_weights(start)
    rates = learning_rates(recipe, images)
    optimizer = keras.optimizers.AdamW(rates, weight_decay=recipe.weight_decay)
    if precision == FLOAT16:  # whose gradients would round to zero; Keras wraps whole models only
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, LOSSES[recipe.loss], metrics=[hard_dice])
    # if the first step made these variables, TensorFlow would trace it twice
    model.optimizer.build(model.trainable_variables)
    blank = np.zeros((1, recipe.size, recipe.size, 1))
    model.compute_metrics(None, blank, blank)
    return model


def _fit(run: "Run", training: Squares, validation: Squares, report: Report) -> None:
    recipe, epochs = run.recipe, range(len(run.history), run.recipe.epochs)
    settings = recipe.batch_size, epochs, recipe.seed, recipe.channels, recipe.augmentation
    images = np.repeat(validation.images[..., None], recipe.channels, axis=-1)
    watched = images, validation.masks[..., None]
    # several devices, each of which takes an equal part, cannot be given what is left over
    alone = run.model.distribute_strategy.num_replicas_in_sync == 1
    run.model.fit(
        training_batches(training, *settings),
        validation_data=watched if alone else None,
        validation_batch_size=recipe.batch_size,
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        steps_per_epoch=steps_per_epoch(recipe, len(training.images)),
        callbacks=[_KeepEachEpoch(run, report, () if alone else watched)],
        shuffle=False,
        verbose=0,
    )


class _KeepEachEpoch(keras.callbacks.Callback):
    def __init__(self, run: "Run", report: Report, watched: Sequence[np.ndarray] = ()):
        super().__init__()
        self.run, self.report, self.watched = run, report, watched

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "seconds": time.perf_counter() - self.began}
        row |= {key.replace("hard_", ""): logs[key] for key in sorted(logs)}
        if len(self.watched):
            row |= _watch(self.run, *self.watched)
        self.run.save(row)
        self.report(self.run.recipe, self.run.history)


def _watch(run: "Run", images: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """What `fit` says of the validation part, seen by one device."""
    parts = np.array_split(images, -(-len(images) // run.recipe.batch_size))
    seen = np.concatenate([run.model(part, training=False) for part in parts])
    scores = {"val_dice": hard_dice, "val_loss": LOSSES[run.recipe.loss]}
    return {name: float(np.mean(score(masks, seen))) for name, score in scores.items()}


@dataclass
class Run:
    """A training: the network, its recipe, the folder where epochs are kept, and the history, a row
    for each epoch so far: epoch, seconds, loss, dice, val_loss, val_dice.

    Each epoch that is kept has a folder with the weights, the state of the optimiser and the
    history until then.
    """

    model: keras.Model
    recipe: Recipe
    folder: Path
    history: History = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether all epochs of the recipe are done."""
        return len(self.history) == self.recipe.epochs

    @property
    def best_epoch(self) -> int:
        """The epoch of the lowest validation loss, counted from 1."""
        return min(self.history, key=lambda row: row["val_loss"])["epoch"]

    def load_last(self) -> None:
        """Go on from the last epoch that is kept, if there is one; the network is compiled."""
        while (last := max(self._kept(), default=0)) > 0:
            try:
                self.load(last)
                text = (self._of(last) / "history.json").read_text(encoding="utf-8")
                self.history = json.loads(text)
                return
            except FileNotFoundError:  # another notebook trains the same network, and pruned it
                if last == max(self._kept(), default=0):
                    raise

    def load(self, epoch: int) -> None:
        """Give the network the weights, and its optimiser the state, that they had then."""
        self.model.load_weights(self._of(epoch) / "model.weights.h5")

    def save(self, row: dict[str, float]) -> None:
        """Keep the state after an epoch whose row is `row`, and drop those no longer wanted."""
        self.history.append(row)
        part = self.folder / f"part-{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        self.model.save_weights(part / "model.weights.h5")
        (part / "history.json").write_text(json.dumps(self.history), encoding="utf-8")
        kept = self._of(row["epoch"])
        try:
            part.rename(kept)  # all or nothing: a folder that bears an epoch's name is whole
        except OSError:  # another notebook trains the same network, and was faster
            if not kept.exists():
                raise
            shutil.rmtree(part)
        self._prune(row["epoch"])

    def _prune(self, last: int) -> None:
        wanted = self.best_epoch if self.recipe.keep_best else last
        for epoch in self._kept():
            if epoch < last and epoch != wanted:
                shutil.rmtree(self._of(epoch), ignore_errors=True)
        for left in self.folder.glob("part-*"):  # by a training that was killed
            if time.time() - left.stat().st_mtime > LONGEST_SAVE:
                shutil.rmtree(left, ignore_errors=True)

    def _kept(self) -> list[int]:
        return [int(one.name.removeprefix("epoch-")) for one in self.folder.glob("epoch-*")]

    def _of(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04d}"
