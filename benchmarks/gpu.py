"""What a GPU does with the course, in one command of at most 20 minutes.

    python benchmarks/gpu.py [SCALE]

writes benchmarks/gpu.json after each part, and after a stop goes on with the next: the training of
notebook 04 at the size of run SCALE (gpu unless given; ci is for a try), with the seconds to each
Dice; steps and images a second in float32, bfloat16 and float16, whose loss is scaled; whether a
training repeats, and whether one that was stopped ends at the same weights; memory by batch size,
and what a batch that does not fit is answered with; a step beside PyTorch, where it is installed;
and an epoch of the article's recipe. On a computer without a GPU it measures the processor.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from facts import FOLDER, facts
from time_to_dice import keras_step_seconds, pytorch_step_seconds, reached

from lungseg_utils.recipes import ARTICLE, COURSE, COURSE_AT, Recipe, steps_per_epoch
from lungseg_utils.squares import Squares, load_squares
from lungseg_utils.start import FLOAT16, Course, begin, pick_precision
from lungseg_utils.training import head_start, train

PRECISIONS = "float32", "mixed_bfloat16", FLOAT16
BATCHES = 1, 2, 4, 8, 16, 32, 64
TOO_LARGE = 1 << 16  # images in a batch
ARTICLE_IMAGES = 110


def device() -> str:
    """Name of the GPU, or nothing."""
    found = tf.config.list_physical_devices("GPU")
    named = [tf.config.experimental.get_device_details(one).get("device_name") for one in found]
    return ", ".join(str(name) for name in named)


def squares_of(course: Course, recipe: Recipe) -> list[Squares]:
    """Training and validation part at the recipe's size."""
    parts = course.split.train, course.split.validation
    return [load_squares(part, recipe.size, course.cache) for part in parts]


def notebook_04(course: Course) -> dict:
    """The training of the notebook from an empty folder, the clock running from its start."""
    recipe, times = COURSE_AT[course.scale], []
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        trained = train(
            recipe, *squares_of(course, recipe), folder, pick_precision(),
            start=head_start(course),
            report=lambda *_: times.append(time.perf_counter() - began),
        )  # fmt: skip
    dices = [row["val_dice"] for row in trained.history]
    return {"recipe": recipe.name, "precision": pick_precision(), "seconds": times[-1],
            "val_dice": dices[-1], "seconds_to": reached(times, dices)}  # fmt: skip


def precisions(course: Course) -> dict:
    """A step's seconds, images a second, and the validation Dice of a short training in each."""
    recipe = replace(COURSE_AT["ci"] if course.scale == "ci" else COURSE, epochs=8)
    found = {}
    for precision in PRECISIONS:
        with tempfile.TemporaryDirectory() as folder:
            squares = squares_of(course, recipe)
            trained = train(recipe, *squares, folder, precision, report=lambda *_: None)
        seconds = keras_step_seconds(recipe, precision)
        scaled = isinstance(trained.model.optimizer, keras.optimizers.LossScaleOptimizer)
        found[precision] = {
            "step_seconds": seconds,
            "images_a_second": recipe.batch_size / seconds,
            "val_dice": trained.history[-1]["val_dice"],
            "loss_is_scaled": scaled,
        }
    return found


def repeats(course: Course) -> dict:
    """How far apart two trainings end, and one that was stopped after its first epoch."""
    recipe = replace(COURSE_AT["ci"], epochs=3)
    squares = squares_of(course, recipe)

    def stop(recipe, history):
        if len(history) == 1:
            raise KeyboardInterrupt

    ends = []
    for stopped in (False, False, True):
        with tempfile.TemporaryDirectory() as folder:
            if stopped:
                with contextlib.suppress(KeyboardInterrupt):
                    train(recipe, *squares, folder, pick_precision(), stop)
            trained = train(recipe, *squares, folder, pick_precision(), lambda *_: None)
            ends.append(trained.model.get_weights())
    return {"again": apart(ends[0], ends[1]), "stopped": apart(ends[0], ends[2])}


def apart(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The largest difference of two networks' weights."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def memory(course: Course) -> dict:
    """The most memory of the GPU in MB by batch size, and what a batch that is too large says."""
    if not device():
        return {"skipped": "there is no GPU"}
    found = {}
    for batch in (*BATCHES, TOO_LARGE):
        tf.config.experimental.reset_memory_stats("GPU:0")
        try:
            keras_step_seconds(replace(COURSE, batch_size=batch), pick_precision())
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            found["too_large"] = {"batch": batch, "error": type(error).__name__}
            break
        found[str(batch)] = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
    return found


def pytorch(course: Course) -> dict:
    """A training step of the course's network in both libraries."""
    try:
        theirs = pytorch_step_seconds(pick_precision(), True)
    except Exception as error:  # a program of its own, whose library may be missing
        return {"skipped": type(error).__name__}
    return {"keras": keras_step_seconds(COURSE, pick_precision()), "pytorch": theirs}


def article(course: Course) -> dict:
    """Seconds of an epoch of the article's recipe, from its steps."""
    step = keras_step_seconds(ARTICLE, "float32")
    return {"step_seconds": step, "epoch_seconds": step * steps_per_epoch(ARTICLE, ARTICLE_IMAGES)}


PARTS: dict[str, Callable[[Course], dict]] = {
    "notebook_04": notebook_04, "precisions": precisions, "repeats": repeats, "memory": memory,
    "pytorch": pytorch, "article": article,
}  # fmt: skip


def main(scale: str = "gpu") -> None:
    """Measure what the file lacks of this device, and write it after each part."""
    for one in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(one, True)  # PyTorch needs some too
    path, course = FOLDER / "gpu.json", begin(scale=scale)
    known = {"device": device() or "no GPU", "scale": scale, **facts()}
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if content.get("device") != known["device"] or content.get("scale") != scale:
        content = {}
    for name, part in PARTS.items():
        if name not in content:
            content[name] = part(course)
            print(name, content[name])
            path.write_text(json.dumps({**content, **known}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
