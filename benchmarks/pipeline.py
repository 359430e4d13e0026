"""How fast images are read, kept and fed, and how long a training step waits for them.

    python benchmarks/pipeline.py FOLDER NATIVE_FOLDER

FOLDER has the radiographs to train on, NATIVE_FOLDER some of their files at native size. Writes
benchmarks/pipeline.json. For a machine with nothing else to do.
"""

import json
import sys
import tempfile
import time

import keras
from facts import FOLDER, facts

from lungseg_utils import start
from lungseg_utils.losses import bce_dice_loss
from lungseg_utils.pipeline import training_batches
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import COURSE, steps_per_epoch
from lungseg_utils.squares import load_squares
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.unet import build_unet

EPOCHS = 4


def seconds_of(call) -> float:
    """Wall seconds of a call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def cache_seconds(folder: str) -> dict[str, float]:
    """The first start, which decodes every file, and the second, which reads the cache."""
    records = load_records(folder)
    with tempfile.TemporaryDirectory() as home:
        first, second = (
            seconds_of(lambda: load_squares(records, COURSE.size, home)) for _ in range(2)
        )
    return {"images": len(records), "first": first, "second": second, "ratio": first / second}


def feeding(folder: str) -> dict[str, float]:
    """Images a second without a network, and the share of a training spent waiting for batches."""
    squares = load_squares(load_records(folder), COURSE.size, start.home() / "cache")
    epoch = steps_per_epoch(COURSE, len(squares.images))

    def warm_feed():
        feed = iter(
            training_batches(
                squares, COURSE.batch_size, range(1 + EPOCHS), augmentation=COURSE.augmentation
            )
        )
        for _ in range(epoch):
            next(feed)
        return feed

    feed = warm_feed()
    alone = seconds_of(lambda: [None for _ in feed])
    model = build_unet(COURSE.size, filters=COURSE.filters, precision=pick_precision())
    model.compile(keras.optimizers.AdamW(), bce_dice_loss)
    model.train_on_batch(*next(warm_feed()))
    feed, waiting, training = warm_feed(), 0.0, 0.0
    for _ in range(EPOCHS * epoch):
        asked = time.perf_counter()
        images, masks = next(feed)
        given = time.perf_counter()
        model.train_on_batch(images, masks)
        waiting += given - asked
        training += time.perf_counter() - given
    return {
        "images_per_second": EPOCHS * epoch * COURSE.batch_size / alone,
        "step_seconds": (waiting + training) / (EPOCHS * epoch),
        "waiting_share": waiting / (waiting + training),
    }


def main(folder: str, native: str) -> None:
    """Measure, and write the file."""
    content = {
        "size": COURSE.size,
        "cache": cache_seconds(native),
        "feeding": feeding(folder),
        "precision": pick_precision(),
        **facts(),
    }
    (FOLDER / "pipeline.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content, indent=1))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python benchmarks/pipeline.py FOLDER NATIVE_FOLDER")
    load_tensorflow()
    main(*sys.argv[1:])
