"""Room 04: recipes, and a training that can be killed at any moment and resumed."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from lungseg_utils import losses
from lungseg_utils.pipeline import Squares, training_batches
from lungseg_utils.unet import build_unet

LOSSES = {"bce_dice": losses.bce_dice_loss, "article_dice": losses.article_dice_loss}
WARMUP_SHARE = 0.1  # of all steps


@dataclass(frozen=True)
class Recipe:
    """All that decides a training, besides the data.

    `size` in pixels; `learning_rate` is the highest one, after a linear warm-up and before a
    cosine decay to zero, or the constant one where `decays` is False; `keep_best` keeps the epoch
    of the lowest validation loss instead of the last one.
    """

    name: str
    size: int
    channels: int
    filters: int
    depth: int
    momentum: float
    loss: str
    batch_size: int
    epochs: int
    learning_rate: float
    decays: bool
    weight_decay: float
    augmented: bool
    keep_best: bool
    seed: int = 0


ARTICLE = Recipe(
    name="article",
    size=512,
    channels=3,
    filters=64,
    depth=4,
    momentum=0.99,
    loss="article_dice",
    batch_size=2,
    epochs=30,
    learning_rate=1e-5,
    decays=False,
    weight_decay=0.0,
    augmented=False,
    keep_best=True,
)

COURSE = Recipe(
    name="course",
    size=256,
    channels=1,
    filters=16,
    depth=4,
    momentum=0.9,
    loss="bce_dice",
    batch_size=8,
    epochs=24,
    learning_rate=2e-3,
    decays=True,
    weight_decay=1e-2,
    augmented=True,
    keep_best=False,
)

History = list[dict[str, float]]


@dataclass(frozen=True)
class Trained:
    """A trained network and its history: epoch, seconds, loss, dice, val_loss, val_dice a row."""

    model: keras.Model
    history: History


def print_progress(recipe: Recipe, history: History) -> None:
    """One line that is written over after each epoch."""
    row = history[-1]
    print(
        f"\repoch {row['epoch']} of {recipe.epochs}, {row['seconds']:.1f} s: "
        f"loss {row['loss']:.3f}, validation loss {row['val_loss']:.3f}, validation Dice {row['val_dice']:.4f}",
        end="\n" if row["epoch"] == recipe.epochs else "",
        flush=True,
    )


def train(
    recipe: Recipe,
    training: Squares,
    validation: Squares,
    folder: Path | str,
    precision: str = "float32",
    report: Callable[[Recipe, History], None] = print_progress,
) -> Trained:
    """Train the recipe's U-Net, or go on where an earlier call with the same data was stopped.

    After each epoch the weights, the optimiser's state and the history are kept below `folder`; a
    finished training is read from there. `report` is called after each epoch.
    Raises: ValueError if the squares are not of the recipe's size.
    """
    if training.images.shape[1] != recipe.size:
        raise ValueError(f"the squares measure {training.images.shape[1]}, not {recipe.size}")
    run = Path(folder) / f"{recipe.name}-{_fingerprint(recipe, precision, training, validation)}"
    run.mkdir(parents=True, exist_ok=True)
    model = _compile(recipe, precision, len(training.images))
    history = _load(model, _last(run)) if _last(run) else []
    if len(history) < recipe.epochs:
        _fit(recipe, model, training, validation, run, history, report)
    if recipe.keep_best:
        _load(model, _best(run, history))
    return Trained(model, history)


def steps_per_epoch(recipe: Recipe, images: int) -> int:
    """Steps of one epoch over `images` images; a last, smaller batch is left out."""
    return images // min(recipe.batch_size, images)


def learning_rates(recipe: Recipe, images: int):
    """The recipe's learning rate: a number, or a Keras schedule over all steps."""
    if not recipe.decays:
        return recipe.learning_rate
    steps = recipe.epochs * steps_per_epoch(recipe, images)
    warmup = max(1, round(WARMUP_SHARE * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=steps - warmup,
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )


def pick_precision() -> str:
    """The fastest Keras dtype policy that this machine computes natively.

    Weights and losses are float32 in each: bfloat16 on GPUs since Ampere and on CPUs with AMX or
    AVX512-BF16, float16 on older GPUs, float32 elsewhere.
    """
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0,))
        return "mixed_bfloat16" if capability[0] >= 8 else "mixed_float16"
    flags = Path("/proc/cpuinfo")
    text = flags.read_text() if flags.exists() else ""
    return "mixed_bfloat16" if "amx_bf16" in text or "avx512_bf16" in text else "float32"


def _compile(recipe: Recipe, precision: str, images: int) -> keras.Model:
    keras.utils.set_random_seed(recipe.seed)
    model = build_unet(
        recipe.size, recipe.channels, recipe.filters, recipe.depth, recipe.momentum, precision
    )
    optimizer = keras.optimizers.AdamW(
        learning_rates(recipe, images), weight_decay=recipe.weight_decay
    )
    model.compile(optimizer, LOSSES[recipe.loss], metrics=[losses.hard_dice])
    model.optimizer.build(model.trainable_variables)
    return model


def _fit(recipe, model, training, validation, run, history, report) -> None:
    epochs = range(len(history), recipe.epochs)
    batches = training_batches(
        training, recipe.batch_size, epochs, recipe.seed, recipe.channels, recipe.augmented
    )
    images = np.repeat(validation.images[..., None], recipe.channels, axis=-1)
    masks = validation.masks[..., None].astype(np.float32)
    model.fit(
        batches,
        validation_data=(images, masks),
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
        part = self.run / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        self.model.save_weights(part / "model.weights.h5")
        (part / "history.json").write_text(json.dumps(self.history))
        # a rename is all or nothing: a folder that bears an epoch's name is whole
        kept = part.rename(_epoch_folder(self.run, len(self.history)))
        for old in self.run.glob("epoch-*"):
            if old != kept and not (self.recipe.keep_best and old == _best(self.run, self.history)):
                shutil.rmtree(old)


def _load(model: keras.Model, folder: Path) -> History:
    model.load_weights(folder / "model.weights.h5")
    return json.loads((folder / "history.json").read_text())


def _epoch_folder(run: Path, epoch: int) -> Path:
    return run / f"epoch-{epoch:04d}"


def _last(run: Path) -> Path | None:
    return max(run.glob("epoch-*"), default=None)


def _best(run: Path, history: History) -> Path:
    return _epoch_folder(run, min(history, key=lambda row: row["val_loss"])["epoch"])


def _fingerprint(recipe: Recipe, precision: str, *squares: Squares) -> str:
    digest = hashlib.sha256(json.dumps([asdict(recipe), precision]).encode())
    for part in squares:
        digest.update(part.images.tobytes())
        digest.update(part.masks.tobytes())
    return digest.hexdigest()[:16]
