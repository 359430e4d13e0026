"""Where the time of a training step goes, in Keras, and what PyTorch does not spend.

    python benchmarks/profile_step.py

profiles a step of COURSE in the precision that this machine is fastest in, and times it with and
without BatchNorm in both libraries, in turns. Wants the extra `benchmark`. Writes
benchmarks/profile_step.json. For a machine with nothing else to do.
"""

import collections
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from facts import FOLDER, facts
from tensorflow.tsl.profiler.protobuf import xplane_pb2
from time_to_dice import side_by_side

from lungseg_utils.losses import bce_dice_loss
from lungseg_utils.recipes import COURSE
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.unet import build_unet

STEPS = 5


def milliseconds_by_operation(precision: str) -> dict[str, float]:
    """Milliseconds a step that TensorFlow's kernels take, by kind of operation."""
    model = build_unet(COURSE.size, filters=COURSE.filters, precision=precision)
    model.compile(keras.optimizers.AdamW(COURSE.learning_rate), bce_dice_loss)
    shape = COURSE.batch_size, COURSE.size, COURSE.size, 1
    images = np.random.default_rng(0).random(shape, np.float32)
    masks = (images > 0.5).astype(np.float32)
    model.train_on_batch(images, masks)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(STEPS):
            model.train_on_batch(images, masks)
        tf.profiler.experimental.stop()
        trace = xplane_pb2.XSpace()
        trace.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    found = collections.Counter()
    for plane in trace.planes:
        for event in (event for line in plane.lines for event in line.events):
            place, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
            if place and ":" not in place and " " not in kind:  # a kernel's; others hold these
                found[kind] += event.duration_ps / 1e9 / STEPS
    return dict(found.most_common())


def groups(operations: dict[str, float]) -> dict[str, float]:
    """Convolutions, and the rest: what BatchNorm, ReLU, casts and the optimiser pass over."""
    inside = sum(time for kind, time in operations.items() if "Conv2D" in kind)
    return {"convolutions": inside, "everything else": sum(operations.values()) - inside}


def main() -> None:
    """Measure, and write the file."""
    precision = pick_precision()
    operations = milliseconds_by_operation(precision)
    content = {
        "precision": precision,
        "milliseconds": groups(operations),
        "by_operation": operations,
        "step_seconds": {
            "with BatchNorm": side_by_side(precision),
            "without BatchNorm": side_by_side(precision, normalised=False),
        },
        **facts(),
    }
    (FOLDER / "profile_step.json").write_text(
        json.dumps(content, indent=1) + "\n", encoding="utf-8"
    )
    print(json.dumps({key: content[key] for key in ("milliseconds", "step_seconds")}, indent=1))


if __name__ == "__main__":
    load_tensorflow()
    main()
